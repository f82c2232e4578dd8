"""The customer's messages: written, kept, answered, put away; one sending is one message."""

import uuid
from datetime import UTC, datetime

import pytest
from django.urls import reverse

from cases import conversations, customer_drafts, inbox, promises
from cases.models import Case, Conversation, CustomerDraft, Message
from tests import factories
from tests.people import signed_in

COMPOSE, DRAFT, INBOX = (reverse(f"cases:{name}") for name in ("compose", "draft", "messages"))


@pytest.fixture
def reason(db):
    return factories.ReasonFactory(code="order-status")


def written(**change):
    return {
        "topic": "order-status",
        "subject": "My mask",
        "body": "When does it come?",
        "client_id": str(uuid.uuid4()),
    } | change


def test_a_message_opens_a_case_and_promises_an_answer(patient, patient_client, reason):
    answer = patient_client.post(COMPOSE, written())
    conversation = Conversation.objects.get()
    case = Case.objects.get()
    assert answer.url == reverse("cases:thread", args=[conversation.pk])
    assert (case.patient, case.reason, case.channel) == (patient, reason, "portal")
    assert (conversation.subject, conversation.messages.get(seq=1).body) == ("My mask", "When does it come?")
    assert "We answer within 4 business hours: by" in patient_client.get(answer.url).content.decode()


def test_a_form_sent_twice_is_one_message(patient_client, reason):
    form = written()
    first, second = patient_client.post(COMPOSE, form), patient_client.post(COMPOSE, form)
    assert first.url == second.url
    assert Message.objects.filter(author_role="customer").count() == 1
    reply = {"body": "And?", "client_id": str(uuid.uuid4())}
    patient_client.post(first.url, reply)
    patient_client.post(first.url, reply)
    assert Message.objects.filter(author_role="customer").count() == 2


@pytest.mark.parametrize("name", ["body", "subject"])
def test_a_text_nobody_can_see_is_none(patient_client, reason, name):
    page = patient_client.post(COMPOSE, written(**{name: "\u200b\u2060"}))
    assert page.status_code == 422
    assert page.context["form"].errors.as_data()[name][0].code == "required"
    assert not Message.objects.exists()


@pytest.mark.parametrize("change", [{"body": "Other words"}, {"subject": "Another matter"}])
def test_another_message_under_an_id_that_was_sent_is_told_and_kept(patient_client, reason, change):
    """Two tabs of one draft: what the second says is not taken for what the first sent."""
    form = written()
    patient_client.post(COMPOSE, form)
    page = patient_client.post(COMPOSE, form | change)
    shown = page.content.decode()
    assert page.status_code == 422
    assert "different message was already sent" in shown
    assert next(iter(change.values())) in shown
    assert form["client_id"] not in shown
    again = form | change | {"client_id": str(page.context["form"]["client_id"].value())}
    assert patient_client.post(COMPOSE, again).status_code == 302
    assert Message.objects.filter(author_role="customer").count() == 2


def test_another_answer_under_an_id_that_was_sent_is_told_and_kept(patient, patient_client):
    threads = [factories.ConversationFactory(patient=patient) for _ in range(2)]
    here, there = (reverse("cases:thread", args=[thread.pk]) for thread in threads)
    form = {"body": "First", "client_id": str(uuid.uuid4())}
    assert patient_client.post(here, form).status_code == 302
    for page in (patient_client.post(here, form | {"body": "Second"}), patient_client.post(there, form)):
        assert page.status_code == 422
        assert form["client_id"] not in page.content.decode()
    assert Message.objects.filter(author_role="customer").count() == 1


def test_other_files_under_an_id_that_was_sent_are_told(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    document = factories.DocumentFactory(patient=patient)
    address, form = (
        reverse("cases:thread", args=[thread.pk]),
        {"body": "Here", "client_id": str(uuid.uuid4())},
    )
    patient_client.post(address, form)
    assert patient_client.post(address, form | {"documents": [str(document.ref)]}).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"topic": ""},
        {"topic": "no-such"},
        {"subject": ""},
        {"body": " \n "},
        {"client_id": "x"},
        {"body": "x" * 10_001},
    ],
)
def test_what_is_missing_is_told_and_nothing_lost(patient_client, reason, change):
    page = patient_client.post(COMPOSE, written(**change))
    assert page.status_code == 422
    assert not Conversation.objects.exists()
    if "subject" not in change:
        assert "My mask" in page.content.decode()


def test_what_can_not_be_stored_is_refused_with_the_text_kept(patient_client, reason):
    page = patient_client.post(COMPOSE, written(body="bad \x00 text"))
    assert page.status_code == 422
    assert not Conversation.objects.exists()


def test_topics_come_in_the_patients_language_and_only_those_offered(patient, reason):
    factories.ReasonFactory(code="inside", offered=False, customer_label="Secret topic")
    patient.user.language = "es"
    patient.user.save()
    page = signed_in(patient.user).get(COMPOSE).content.decode()
    assert "¿Dónde está mi pedido?" in page
    assert "Secret topic" not in page


def test_an_order_is_named_from_its_page_but_never_a_strangers(patient, patient_client, reason):
    own, other = factories.OrderFactory(patient=patient, number="SO-1"), factories.OrderFactory(number="SO-2")
    assert "Order SO-1" in patient_client.get(COMPOSE, {"order": own.ref}).content.decode()
    assert "SO-2" not in patient_client.get(COMPOSE, {"order": other.ref}).content.decode()
    patient_client.post(COMPOSE, written(order=own.ref))
    patient_client.post(COMPOSE, written(order=other.ref))
    assert [case.order for case in Case.objects.order_by("pk")] == [own, None]


# --- drafts ------------------------------------------------------------------------------------------
def test_a_draft_outlives_the_session_and_goes_when_sent(patient, patient_client, reason):
    form = written()
    assert patient_client.post(DRAFT, form).json() == {"kept": True}
    later = signed_in(patient.user)
    page = later.get(COMPOSE).content.decode()
    assert "When does it come?" in page
    assert form["client_id"] in page
    assert "You began a message" in later.get(INBOX).content.decode()
    later.post(COMPOSE, form)
    assert not CustomerDraft.objects.exists()


def test_each_thread_has_a_draft_of_its_own(patient, patient_client):
    threads = [factories.ConversationFactory(patient=patient) for _ in range(2)]
    for number, thread in enumerate(threads):
        factories.message_in(thread)
        patient_client.post(reverse("cases:thread-draft", args=[thread.pk]), written(body=f"answer {number}"))
    assert CustomerDraft.objects.count() == 2
    page = patient_client.get(reverse("cases:thread", args=[threads[1].pk])).content.decode()
    assert "answer 1" in page
    assert "answer 0" not in page


def test_an_emptied_draft_is_gone(patient, patient_client):
    patient_client.post(DRAFT, written())
    assert patient_client.post(DRAFT, written(body=" ", subject="")).json() == {"kept": False}
    assert not CustomerDraft.objects.exists()


def test_a_draft_is_its_writers_alone(patient, patient_client):
    caregiver = factories.caregiver_of(patient)
    patient_client.post(DRAFT, written(body="private thought"))
    assert "private thought" not in signed_in(caregiver.user).get(COMPOSE).content.decode()
    assert customer_drafts.of(caregiver.user, patient=patient) is None


def test_a_draft_is_not_readable_in_the_database(patient, patient_client):
    from django.db import connection

    patient_client.post(DRAFT, written(body="private thought"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT body, subject FROM cases_customerdraft")
        assert "private" not in str(cursor.fetchall())


# --- folders and threads -----------------------------------------------------------------------------
def folder(client, name):
    return [thread.pk for thread in client.get(reverse(f"cases:{name}")).context["threads"]]


def test_an_answer_brings_back_what_was_put_away(patient, patient_client):
    """Nobody looks for an answer under Archived; what they say themselves leaves it where they put it."""
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread)
    patient_client.post(reverse("cases:thread-archive", args=[thread.pk]))
    said = {"body": "One more thing", "client_id": str(uuid.uuid4())}
    patient_client.post(reverse("cases:thread", args=[thread.pk]), said)
    thread.refresh_from_db()
    assert thread.archived_at is not None
    agent = factories.UserFactory(roles=["agent"])
    conversations.note(agent, conversation=thread, body="Not for them")
    thread.refresh_from_db()
    assert thread.archived_at is not None
    conversations.reply(agent, conversation=thread, body="It ships today.")
    thread.refresh_from_db()
    assert thread.archived_at is None
    assert list(inbox.folder(inbox.of(patient.user, patient), "inbox")) == [thread]


def test_the_folders(patient, patient_client):
    asked, answered, told = (factories.ConversationFactory(patient=patient) for _ in range(3))
    factories.message_in(asked, role="customer")
    factories.message_in(answered, role="customer")
    factories.message_in(answered, role="agent")
    factories.message_in(told, role="agent")
    assert folder(patient_client, "messages") == [told.pk, answered.pk]
    assert folder(patient_client, "messages-sent") == [answered.pk, asked.pk]
    patient_client.post(reverse("cases:thread-archive", args=[told.pk]))
    assert folder(patient_client, "messages") == [answered.pk]
    assert folder(patient_client, "messages-archived") == [told.pk]
    patient_client.post(reverse("cases:thread-archive", args=[told.pk]), {"back": "1"})
    assert folder(patient_client, "messages-archived") == []


def test_notes_and_whispers_never_show(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread, "We are on it.")
    factories.message_in(thread, "Difficult customer.", kind="note")
    factories.message_in(thread, "Offer a refund.", kind="whisper")
    page = patient_client.get(reverse("cases:thread", args=[thread.pk])).content.decode()
    assert "We are on it." in page
    assert "Difficult" not in page
    assert "Offer a refund" not in page


def test_what_was_said_is_shown_as_text(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread, "<script>alert(1)</script>")
    assert (
        "<script>alert" not in patient_client.get(reverse("cases:thread", args=[thread.pk])).content.decode()
    )


def test_reading_is_said_by_the_page_and_not_by_fetching_it(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread)
    patient_client.get(reverse("cases:thread", args=[thread.pk]))
    assert inbox.of(patient.user, patient).get().is_unread
    assert patient_client.post(reverse("cases:thread-read", args=[thread.pk])).status_code == 204
    assert not inbox.of(patient.user, patient).get().is_unread
    factories.message_in(thread)
    assert inbox.of(patient.user, patient).get().is_unread


def test_a_long_thread_goes_back_page_by_page(patient, patient_client):
    thread = factories.ConversationFactory(patient=patient)
    for number in range(60):
        factories.message_in(thread, f"line {number}")
    address = reverse("cases:thread", args=[thread.pk])
    context = patient_client.get(address).context
    assert [message.seq for message in context["said"]] == list(range(11, 61))
    earlier = patient_client.get(address, {"before": context["earlier"]}).context
    assert [message.seq for message in earlier["said"]] == list(range(1, 11))
    assert earlier["earlier"] is None


# --- not one's own -----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["thread", "thread-read", "thread-archive", "thread-draft"])
def test_a_strangers_thread_is_not_there(patient_client, name):
    thread = factories.ConversationFactory(patient=factories.patient_with_user())
    factories.message_in(thread)
    for ref in (thread.pk, uuid.uuid4()):
        assert patient_client.post(reverse(f"cases:{name}", args=[ref]), written()).status_code == 404
    thread.refresh_from_db()
    assert thread.archived_at is None
    assert not CustomerDraft.objects.exists()


@pytest.mark.parametrize(("scope", "status"), [("everything", 200), ("deliveries", 404), ("billing", 404)])
def test_messages_are_for_caregivers_with_all_of_the_trust(patient, scope, status):
    thread = factories.ConversationFactory(patient=patient)
    factories.message_in(thread)
    client = signed_in(factories.caregiver_of(patient, scope).user)
    assert client.get(reverse("cases:thread", args=[thread.pk])).status_code == status
    assert client.get(INBOX).status_code == status
    assert client.get(COMPOSE).status_code == status


# --- by when -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("now", "by"),
    [
        ("2026-03-03T16:00", "2026-03-03T20:00"),  # Tuesday 10 am in Austin
        ("2026-03-03T23:00", "2026-03-04T17:00"),  # 5 pm: one hour today, three tomorrow
        ("2026-03-04T03:00", "2026-03-04T18:00"),  # the evening before
        ("2026-03-06T23:30", "2026-03-09T16:30"),  # Friday 5:30 pm, over the change to summer time
        ("2026-07-03T15:00", "2026-07-06T17:00"),  # Independence Day is kept on Friday
    ],
)
def test_an_answer_is_promised_in_business_hours(db, now, by):
    given = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert promises.reply_by(given) == datetime.fromisoformat(by).replace(tzinfo=UTC)
