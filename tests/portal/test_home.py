"""The customer's home: what to do first, then a card for each part of the record that is open to them."""

import pytest
from django.urls import reverse

from portal import home, records
from tests import factories
from tests.people import signed_in

HOME = reverse("portal:home")


def todo_texts(client):
    return [todo.text for todo in client.get(HOME).context["home"].todos]


def card_keys(client):
    return [card.key for card, _panel in client.get(HOME).context["home"].cards]


def test_a_new_patient_sees_what_will_be_here(patient_client):
    page = patient_client.get(HOME)
    assert page.status_code == 200
    assert page.context["home"].todos == []
    assert "Nothing to do right now" in page.content.decode()


def test_every_card_stands_on_an_own_home_in_its_place(patient_client):
    assert card_keys(patient_client) == [
        "orders",
        "devices",
        "coverage",
        "messages",
        "documents",
        "agent_code",
        "my_data",
        "surveys",
    ]


def test_a_held_order_and_a_refused_file_come_before_the_rest(patient, patient_client):
    factories.CoverageFactory(patient=patient)
    factories.OrderFactory(
        patient=patient, state="held", number="SO-7", hold_reason="We need your new address."
    )
    factories.DocumentFactory(patient=patient, kind="prescription", state="refused", reason="truncated")
    first, second, last = todo_texts(patient_client)
    assert {first, second} == {"Order SO-7 is on hold", "A file could not be accepted"}
    assert last == "Send photos of your insurance card"


def test_the_insurance_card_is_asked_for_until_both_sides_are_there(patient, patient_client):
    factories.CoverageFactory(patient=patient)
    factories.DocumentFactory(patient=patient, kind="insurance_card_front", state="scanning")
    assert todo_texts(patient_client) == ["Send a photo of the back of your insurance card"]
    back = factories.DocumentFactory(patient=patient, kind="insurance_card_back", state="refused")
    assert "Send a photo of the back of your insurance card" in todo_texts(patient_client)
    back.state = "ready"
    back.save()
    assert todo_texts(patient_client) == []


def test_nothing_is_asked_for_an_insurance_that_has_ended(patient, patient_client):
    factories.CoverageFactory(patient=patient, active=False)
    assert todo_texts(patient_client) == []


def test_an_unread_answer_is_a_thing_to_do(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread, "Your order ships tomorrow.")
    assert todo_texts(patient_client) == ["You have a new message"]
    patient_client.post(reverse("cases:thread-read", args=[thread.pk]))
    assert todo_texts(patient_client) == []


def test_what_they_wrote_themselves_is_nothing_to_read(patient, patient_client):
    factories.message_in(factories.ConversationFactory(patient=patient), "Hello?", role="customer")
    assert todo_texts(patient_client) == []


@pytest.mark.parametrize(
    ("scope", "cards"),
    [
        ("deliveries", ["orders", "devices", "documents"]),
        ("billing", ["coverage", "documents"]),
        ("everything", ["orders", "devices", "coverage", "messages", "documents"]),
    ],
)
def test_a_caregiver_sees_the_cards_of_their_scope(patient, scope, cards):
    caregiver = factories.caregiver_of(patient, scope)
    assert card_keys(signed_in(caregiver.user)) == [*cards, "agent_code"]


def test_a_caregiver_whose_time_is_over_is_told_what_to_do(patient, time_machine):
    client = signed_in(factories.caregiver_of(patient, expires_at=None).user)
    assert card_keys(client)
    patient.caregivers.update(revoked_at="2026-01-01T00:00:00Z")
    page = client.get(HOME)
    assert (page.status_code, page.templates[0].name) == (200, "portal/home/no_record.html")


def test_a_caregiver_chooses_between_records(patient):
    caregiver = factories.caregiver_of(patient)
    other = factories.patient_with_user(first_name="Otherperson")
    factories.CaregiverFactory(patient=other, user=caregiver.user)
    client = signed_in(caregiver.user)
    assert client.get(HOME).context["request"].record.patient == patient
    client.post(reverse("portal:choose-record"), {"record": str(other.ref)})
    assert client.get(HOME).context["request"].record.patient == other


def test_nobody_chooses_a_record_that_is_not_theirs(patient, patient_client):
    stranger = factories.patient_with_user()
    patient_client.post(reverse("portal:choose-record"), {"record": str(stranger.ref)})
    assert patient_client.get(HOME).context["request"].record.patient == patient


def test_the_first_record_is_ones_own(patient):
    other = factories.patient_with_user()
    factories.CaregiverFactory(patient=other, user=patient.user)
    factories.RoleGrant.objects.create(user=patient.user, role="caregiver")
    own, cared_for = records.of(factories.User.objects.get(pk=patient.user_id))
    assert (own.patient, own.own, cared_for.patient, cared_for.own) == (patient, True, other, False)


def test_the_page_is_in_the_persons_language(patient):
    patient.user.language = "es"
    patient.user.save()
    assert 'lang="es"' in signed_in(patient.user).get(HOME).content.decode()


def test_apps_to_the_right_add_cards_and_replace_their_own(patient, monkeypatch):
    monkeypatch.setattr(home, "CARDS", {})
    for title in ("one", "two"):
        home.register(home.Card("thing", title, "x.html", "any", 1, lambda viewer, record: home.Panel()))
    (card,) = [card for card, _panel in home.home_of(patient.user, records.Record(patient)).cards]
    assert card.title == "two"


def test_staff_have_no_portal(staff_client):
    assert staff_client("agent").get(HOME).status_code == 404
