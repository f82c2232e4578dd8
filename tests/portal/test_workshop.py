"""The workshop (Django admin): rights from the one table, PHI behind dots, the trail read-only. R-SEC-1..3"""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.security import audit
from portal import access_trail
from portal.models import AccessEntry, ContactChange, Invitation, Order, Patient, RoleGrant, Shipment, User
from portal.trail_export import harmless
from portal.workshop import DOTS, WorkshopAdmin
from tests.cases.rotas import policy
from tests.factories import (
    CaseFactory,
    OrderFactory,
    OrderLineFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    patient_user,
    patient_with_user,
)
from tests.people import signed_in

pytestmark = pytest.mark.django_db
PAGES = [(model, page) for model, page in admin.site._registry.items()]


def address(model, view="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_list_opens_for_its_holders_and_for_nobody_else(staff_client, model, page):
    assert isinstance(page, WorkshopAdmin)
    assert staff_client("supervisor").get(address(model)).status_code == 200
    assert staff_client("agent").get(address(model)).status_code in (403, 404)


def test_only_our_own_pages_are_in_the_workshop():
    labels = {model._meta.label for model in admin.site._registry}
    assert {label.split(".")[0] for label in labels} <= {"portal", "cases", "billing", "agents"}
    assert {
        "portal.User",
        "portal.Product",
        "portal.Order",
        "cases.Case",
        "cases.CannedReply",
        "portal.AccessEntry",
    } <= labels


def test_a_patient_is_dots_until_a_reason_is_given(staff_client):
    patient = PatientFactory(first_name="Filomena", last_name="Quarrington", phone="512-555-0177")
    client = staff_client("supervisor")
    page = client.get(address(Patient, "change", patient.pk)).content.decode()
    assert DOTS in page
    assert "Quarrington" not in page
    assert "555-0177" not in page

    too_short = client.post(address(Patient, "unmask", patient.pk), {"reason": "because"})
    assert too_short.status_code == 200
    assert not AccessEntry.objects.filter(kind="unmask").exists()

    client.post(
        address(Patient, "unmask", patient.pk), {"reason": "Complaint 12, caller read out the letter"}
    )
    entry = AccessEntry.objects.get(kind="unmask")
    assert entry.subjects == [patient.pk]
    assert entry.actor == client.user
    assert entry.reason.words == "Complaint 12, caller read out the letter"
    assert "Quarrington" in client.get(address(Patient, "change", patient.pk)).content.decode()
    shown = AccessEntry.objects.filter(kind="read", subjects__contains=[patient.pk]).first()
    assert "last_name" in shown.fields
    assert any(sighting.who == client.user.display_name for sighting in access_trail.who_saw(patient))


def test_unmasking_one_patient_shows_no_other_and_ends_by_itself(staff_client):
    one, other = PatientFactory(last_name="Quarrington"), PatientFactory(last_name="Zellweger")
    client = staff_client("supervisor")
    client.post(address(Patient, "unmask", one.pk), {"reason": "Returned letter, checking the name"})
    assert "Zellweger" not in client.get(address(Patient, "change", other.pk)).content.decode()
    session = client.session
    session["unmasked"] = {f"portal.patient:{one.pk}": (timezone.now() - timedelta(seconds=1)).isoformat()}
    session.save()
    assert "Quarrington" not in client.get(address(Patient, "change", one.pk)).content.decode()


def test_who_unmasked_a_patients_account_stands_on_the_patients_record(staff_client):
    """R-SEC-3, R-SEC-4: each look at the account, with what was shown."""
    client, patient = staff_client("supervisor"), patient_with_user()
    client.post(address(User, "unmask", patient.user.pk), {"reason": "asked by telephone"})
    assert patient.user.email in client.get(address(User, "change", patient.user.pk)).content.decode()
    told = AccessEntry.objects.filter(actor=client.user, subjects__contains=[patient.pk])
    assert set(told.values_list("kind", flat=True)) == {"unmask", "read"}
    page = signed_in(patient.user).get(reverse("portal:record-access")).content.decode()
    assert client.user.display_name in page


def test_an_account_without_a_record_is_nobodys_on_the_trail(staff_client):
    client, colleague = staff_client("supervisor"), UserFactory(roles=["agent"])
    assert client.get(address(User, "change", colleague.pk)).status_code == 200
    assert AccessEntry.objects.filter(actor=client.user, what="portal.user", subjects=[]).count() == 1


def test_who_may_see_a_row_may_not_for_that_unmask_it(staff_client):
    """Administrators see users, and no patient's name among them."""
    client, user = staff_client("administrator"), PatientFactory(user=patient_user()).user
    assert client.get(address(User, "change", user.pk)).status_code == 200
    asked = client.post(address(User, "unmask", user.pk), {"reason": "The patient is on the phone."})
    assert asked.status_code == 403
    assert user.email not in client.get(address(User, "change", user.pk)).content.decode()


def test_who_may_not_unmask_gets_no_button_and_no_page(staff_client):
    patient = PatientFactory()
    administrator = staff_client("administrator")
    assert (
        administrator.post(
            address(Patient, "unmask", patient.pk), {"reason": "just having a look"}
        ).status_code
        == 403
    )
    assert not AccessEntry.objects.filter(kind="unmask").exists()


@pytest.mark.parametrize("model", [Patient, AccessEntry, User])
def test_masked_rows_and_the_trail_cannot_be_saved_added_or_deleted(staff_client, model):
    patient = PatientFactory(last_name="Quarrington")
    row = {Patient: patient, AccessEntry: AccessEntry.objects.first(), User: UserFactory()}[model]
    client = staff_client("supervisor", "administrator", "auditor")
    assert client.post(address(model, "change", row.pk), {"last_name": "Changed"}).status_code == 403
    assert client.get(address(model, "add")).status_code == 403
    assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    patient.refresh_from_db()
    assert patient.last_name == "Quarrington"


@pytest.mark.parametrize("role", ["supervisor", "administrator"])
def test_nobody_sets_the_password_of_another(staff_client, role):
    user = UserFactory()
    response = staff_client(role).get(f"/admin/portal/user/{user.pk}/password/")
    assert response.status_code in (302, 403, 404)
    assert response.status_code != 302 or "/change/" in response["Location"]
    assert staff_client(role).get("/admin/password_change/").status_code == 404


def test_roles_change_by_the_rule_and_never_ones_own(staff_client):
    client = staff_client("administrator")
    user = UserFactory(roles=["agent"])
    client.post(address(User, "roles", user.pk), {"roles": ["billing"]})
    assert set(RoleGrant.objects.filter(user=user).values_list("role", flat=True)) == {"billing"}
    own = client.post(address(User, "roles", client.user.pk), {"roles": ["administrator", "supervisor"]})
    assert own.status_code == 403
    supervisor = staff_client("supervisor")
    supervisor.post(address(User, "roles", user.pk), {"roles": ["coach"]})
    assert set(RoleGrant.objects.filter(user=user).values_list("role", flat=True)) == {"coach"}
    high = UserFactory(roles=["auditor"])
    assert supervisor.post(address(User, "roles", high.pk), {"roles": ["agent"]}).status_code == 403


def test_deactivating_in_bulk_spares_oneself_and_tells_so(staff_client):
    client = staff_client("administrator")
    user = UserFactory(roles=["agent"])
    chosen = {"action": "deactivate", "_selected_action": [user.pk, client.user.pk]}
    page = client.post(address(User), chosen, follow=True).content.decode()
    user.refresh_from_db()
    client.user.refresh_from_db()
    assert (user.is_active, client.user.is_active) == (False, True)
    assert "not yours to do" in page


def test_bulk_close_of_cases_asks_what_the_rule_asks(staff_client):
    case = CaseFactory(reason=ReasonFactory())
    client = staff_client("supervisor")
    half = {"action": "close", "_selected_action": [case.pk], "disposition": "answered"}
    client.post(address(type(case)), half)
    case.refresh_from_db()
    assert case.state != "closed"
    client.post(address(type(case)), half | {"next_step": "None, all is answered"})
    case.refresh_from_db()
    assert (case.state, case.disposition) == ("closed", "answered")
    assert case.events.filter(kind="closed", actor=client.user).exists()


def test_trail_export_wants_a_fresh_proof_and_goes_on_the_trail(staff_client):
    client = staff_client("auditor")
    PatientFactory()
    response = client.get(address(AccessEntry, "export"))
    assert response.status_code == 200
    assert response.content.decode().splitlines()[0].startswith("id,timestamp,kind")
    assert AccessEntry.objects.filter(kind="export", actor=client.user).count() == 1
    client.user.user_sessions.update(proved_at=timezone.now() - timedelta(hours=1))
    assert client.get(address(AccessEntry, "export"))["Location"].startswith(reverse("portal:prove"))


def test_a_fresh_proof_leads_back_to_what_was_asked(staff_client):
    """A filter that is lost on the way would export the whole trail."""
    client = staff_client("auditor")
    client.user.user_sessions.update(proved_at=timezone.now() - timedelta(hours=1))
    asked = f"{address(AccessEntry, 'export')}?kind__exact=export&outcome__exact=ok"
    proof = client.get(asked)["Location"]
    assert parse_qs(urlsplit(proof).query) == {"next": [asked]}


def test_the_trail_is_narrowed_to_what_one_person_did(staff_client):
    client, other = staff_client("auditor"), UserFactory(roles=["agent"], display_name="Robin Miller")
    for who, what in ((client.user, "mine alone"), (other, "of Robin")):
        with audit.acting(who):
            audit.event("search", what=what)
    page = client.get(address(AccessEntry), {"actor": other.pk}).content.decode()
    assert "of Robin" in page
    assert "mine alone" not in page
    assert f"?actor={other.pk}" in page
    assert client.get(address(AccessEntry), {"actor": "x"}).status_code == 200


def test_what_an_order_brings_and_where_it_is_stands_behind_the_reason(staff_client):
    order = OrderFactory()
    line = OrderLineFactory(order=order)
    Shipment.objects.create(order=order, carrier="ups", tracking_number="1Z999TRACK", state="in_transit")
    client = staff_client("supervisor")
    page = client.get(address(Order, "change", order.pk)).content.decode()
    assert str(line.product) not in page
    assert "1Z999TRACK" not in page
    client.post(address(Order, "unmask", order.pk), {"reason": "Complaint 12, parcel lost"})
    assert {"lines", "shipments"} <= set(AccessEntry.objects.get(kind="unmask").fields)
    page = client.get(address(Order, "change", order.pk)).content.decode()
    assert str(line.product) in page
    assert "1Z999TRACK" in page
    assert "shipments" in AccessEntry.objects.filter(kind="read", what="portal.order").first().fields


def test_export_has_no_formula_for_a_spreadsheet():
    assert [harmless(text)[0] for text in ("=1", "+1", "-1", "@x", "\tx")] == ["'"] * 5
    assert harmless("read") == "read"


def test_search_by_surname_phone_or_account_is_on_the_trail(staff_client):
    patient = PatientFactory(last_name="Quarrington", phone="512-555-0177")
    PatientFactory(last_name="Quarrington", phone="512-555-0177", merged_into=patient)
    client = staff_client("supervisor")
    for words in ("quarrington", "(512) 555 0177", patient.email):
        answer = client.post(reverse("admin:portal_patient_find"), {"words": words})
        assert answer.url == f"{address(Patient)}?pk__in={patient.pk}"
        page = client.get(answer.url).content.decode()
        assert page.count('class="action-select"') == 1 or page.count(patient.account_number) >= 1
    assert list(client.get(address(Patient), {"q": patient.account_number}).context["cl"].result_list) == [
        patient
    ]
    entries = AccessEntry.objects.filter(kind="search", actor=client.user)
    assert [entry.subjects for entry in entries] == [[patient.pk]] * 3


def test_what_is_searched_by_address_is_no_name(staff_client):
    """No name, phone or e-mail address ever stands in an address (R-SEC-4)."""
    patient = PatientFactory(last_name="Quarrington")
    client = staff_client("supervisor")
    for words in ("quarrington", patient.phone, patient.email):
        assert not client.get(address(Patient), {"q": words}).context["cl"].result_list
    nobody = client.post(reverse("admin:portal_patient_find"), {"words": "Nobody"})
    assert not client.get(nobody.url).context["cl"].result_list
    assert (
        staff_client("administrator").post(reverse("admin:portal_patient_find"), {"words": "x"}).status_code
        == 403
    )


def test_lists_cost_the_same_at_one_and_at_thirty_rows(staff_client):
    client = staff_client("supervisor")
    model = apps.get_model("portal.Order")
    OrderFactory()
    client.get(address(model))
    with CaptureQueriesContext(connection) as few:
        client.get(address(model))
    for _ in range(29):
        OrderFactory()
    with CaptureQueriesContext(connection) as many:
        client.get(address(model))
    assert len(many) == len(few)


def test_a_change_of_contact_is_decided_by_the_rule(staff_client):
    patient = PatientFactory(phone="512-555-0101")
    change = ContactChange.objects.create(
        patient=patient, field="phone", old_value="512-555-0101", new_value="512-555-0155"
    )
    client = staff_client("supervisor")
    page = client.get(address(ContactChange, "change", change.pk)).content.decode()
    assert "555-0155" not in page
    assert "account_number" not in client.get(address(ContactChange)).content.decode()
    chosen = {"action": "accept", "_selected_action": [change.pk]}
    client.post(address(ContactChange), chosen)
    patient.refresh_from_db()
    assert patient.phone == "512-555-0155"
    again = client.post(address(ContactChange), chosen | {"action": "refuse"}, follow=True).content.decode()
    patient.refresh_from_db()
    change.refresh_from_db()
    assert (patient.phone, change.state) == ("512-555-0155", "accepted")
    assert "contact change" in again


def test_signing_out_of_the_workshop_ends_the_session_on_record(staff_client):
    client = staff_client("supervisor")
    client.post("/admin/logout/", follow=True)
    assert not client.user.user_sessions.filter(ended_at=None).exists()
    assert AccessEntry.objects.filter(kind="sign_out", actor=client.user).exists()


def test_ending_somebodys_sessions_in_bulk_is_on_the_trail(staff_client):
    other = staff_client("agent").user
    client = staff_client("supervisor")
    client.post(address(User), {"action": "end_sessions", "_selected_action": [other.pk]})
    assert not other.user_sessions.filter(ended_at=None).exists()
    assert AccessEntry.objects.filter(kind="security", actor=client.user, object_id=other.pk).exists()


def test_a_list_of_patients_things_is_one_entry_on_the_trail(staff_client):
    orders = [OrderFactory(), OrderFactory()]
    client = staff_client("supervisor")
    client.get(address(type(orders[0])))
    entry = AccessEntry.objects.get(kind="list", actor=client.user)
    assert entry.subjects == sorted(order.patient_id for order in orders)


@pytest.mark.parametrize(
    "asked",
    [
        "/admin/portal/accessentry/?subjects__contains=5",
        "/admin/portal/patient/?last_name=Quarrington",
        "/admin/portal/patient/?state=%00",
        "/admin/portal/patient/?user__password__startswith=a",
        "/admin/autocomplete/?app_label=portal&model_name=user&field_name=patient",
        "/admin/portal/user/abc/roles/",
        "/admin/portal/user/999999999999999999999/reset-factor/",
        "/admin/portal/patient/abc/unmask/",
    ],
)
def test_odd_addresses_are_refused_and_no_error(staff_client, asked):
    client = staff_client("supervisor", "administrator")
    client.raise_request_exception = False
    assert client.get(asked).status_code in (302, 400, 404)


def test_patients_are_invited_at_the_address_on_file(staff_client):
    with_address, without = PatientFactory(email="a@example.org"), PatientFactory(email="")
    client = staff_client("supervisor")
    chosen = {"action": "invite", "_selected_action": [with_address.pk, without.pk]}
    page = client.post(address(Patient), chosen, follow=True).content.decode()
    assert list(Invitation.objects.values_list("patient", flat=True)) == [with_address.pk]
    assert "no e-mail address on file" in page


# Leads and coaches come for what they work on. Whatever else the workshop has stays closed to them.
FLOOR_PAGES = {
    *("agents.AgentCapacity", "agents.AgentPresence", "agents.AgentSkill", "agents.ChannelLoad"),
    *("agents.RoutingRules", "agents.Shift", "agents.Skill", "agents.SkillDemand", "agents.TeamRouting"),
}
WORDS_PAGES = {
    *("cases.CannedReply", "cases.Checklist", "cases.Macro", "cases.OpeningScript", "cases.SubjectTemplate"),
}
DUTY_PAGES = {"cases.EscalationPolicy", "cases.Rota", "cases.RotaLayer"}
PLAYBOOK_PAGES = {"cases.Playbook", "cases.PlaybookVersion"}
THEIRS = {
    "lead": FLOOR_PAGES | WORDS_PAGES | DUTY_PAGES | PLAYBOOK_PAGES,
    "coach": PLAYBOOK_PAGES | {"cases.Survey"},
}


@pytest.mark.parametrize("role", sorted(THEIRS))
def test_who_works_on_some_pages_reaches_those_and_no_others(staff_client, role):
    """R-SEC-3: least privilege, and no right that opens nothing."""
    client = staff_client(role)
    got = {model._meta.label: client.get(address(model)).status_code for model, _page in PAGES}
    assert {label for label, status in got.items() if status == 200} == THEIRS[role]
    assert {status for label, status in got.items() if label not in THEIRS[role]} == {403}
    assert client.get(reverse("admin:portal_patient_find")).status_code == 403
    index = client.get(reverse("admin:index")).content.decode()
    shown = {model._meta.label for model, _page in PAGES if f'href="{address(model)}"' in index}
    assert shown == THEIRS[role]


def test_a_lead_changes_the_rows_of_a_chain_as_well(staff_client):
    chain = policy("manager", None, {"who": "supervisors"})
    page = staff_client("lead").get(address(type(chain), "change", chain.pk)).content.decode()
    assert 'name="steps-0-who"' in page


def test_the_console_leads_to_the_workshop(staff_client):
    address_of_it = f'href="{reverse("admin:index")}"'
    for role, has in (("supervisor", True), ("lead", True), ("agent", False)):
        page = staff_client(role).get(reverse("agents:console")).content.decode()
        assert (address_of_it in page) is has
