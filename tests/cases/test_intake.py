"""The one door in: each contact once, each in its place."""

import threading
import uuid
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from cases import conversations, intake, merging, sending
from cases.channels import portal
from cases.channels.chat import start
from cases.drafts import Refused
from cases.models import Case, Conversation, Inbound, Message
from portal.models import Patient
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    DocumentFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
    caregiver_of,
    patient_with_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def patient() -> Patient:
    return patient_with_user()


def compose(patient: Patient, **more: Any) -> Any:
    told = {"subject": "My order", "topic": "", "body": "Where is it?", "client_id": uuid.uuid4()} | more
    return portal.compose(told.pop("actor", patient.user), patient=patient, **told)


def test_a_message_opens_a_case_of_its_reason(patient: Patient) -> None:
    team = TeamFactory()
    reason = ReasonFactory(team=team, priority=2)
    received = compose(patient, topic=reason.code)
    case = Case.objects.get()
    assert (case.reason, case.team, case.priority, case.state, case.unread) == (reason, team, 2, "new", 1)
    assert (case.subject, case.patient, case.channel) == ("My order", patient, "portal")
    assert [event.kind for event in case.events.all()] == ["opened"]
    assert Message.objects.get(pk=received.message_id).author == patient.user


def test_the_same_twice_is_one(patient: Patient) -> None:
    client_id = uuid.uuid4()
    first, second = compose(patient, client_id=client_id), compose(patient, client_id=client_id)
    assert (first.created, second.created) == (True, False)
    assert (first.conversation, first.message_id) == (second.conversation, second.message_id)
    assert (Case.objects.count(), Message.objects.count()) == (1, 1)


def test_no_identifying_number_is_kept_of_what_stands_around_a_message(patient: Patient) -> None:
    """R-CHAT-2: nor of the subject, a guest's name and the order number they gave."""
    client_id = uuid.uuid4()
    first = compose(patient, client_id=client_id, subject="My SSN 123-45-6789")
    again = compose(patient, client_id=client_id, subject="My SSN 123-45-6789")
    assert again.message_id == first.message_id
    assert (first.conversation.subject, Case.objects.get().subject) == ("My SSN ▮▮▮", "My SSN ▮▮▮")
    told = {"notice_accepted": True, "name": "Ana 4111 1111 1111 1111", "order_number": "ssn 123456789"}
    chat = start(None, asked=told, language="en", session_key="", address="10.0.0.8").conversation
    chat.refresh_from_db()
    assert (chat.guest_name, chat.guest_order_number) == ("Ana ▮▮▮", "ssn ▮▮▮")
    assert chat.case.guest_name == "Ana ▮▮▮"


def test_the_same_many_times_at_once_is_one(patient: Patient) -> None:
    client_id, received, barrier = uuid.uuid4(), [], threading.Barrier(6)

    def hand_in() -> None:
        barrier.wait()
        received.append(compose(patient, client_id=client_id))
        connection.close()

    threads = [threading.Thread(target=hand_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(received) == 6
    assert {each.conversation.pk for each in received} == {Conversation.objects.get().pk}
    assert sum(each.created for each in received) == 1


def test_what_can_not_be_stored_leaves_nothing(patient: Patient) -> None:
    for body in ("", "a\0b", "x" * 10_001):
        with pytest.raises(Refused):
            compose(patient, body=body)
    foreign = DocumentFactory()
    with pytest.raises(Refused):
        compose(patient, documents=[foreign])
    assert not Case.objects.exists()
    assert not Conversation.objects.exists()
    assert not Inbound.objects.exists()


def test_a_reply_continues_and_opens_again_what_was_closed(patient: Patient) -> None:
    received = compose(patient)
    agent = UserFactory(roles=["agent"])
    conversations.end(agent, conversation=received.conversation)
    case = received.conversation.case
    from cases import cases

    cases.close(agent, case=case, disposition="answered", next_step="None", reason=ReasonFactory())
    again = portal.reply(
        patient.user, conversation=received.conversation, body="One more thing", client_id=uuid.uuid4()
    )
    assert again.conversation == received.conversation
    case.refresh_from_db()
    received.conversation.refresh_from_db()
    assert (case.state, received.conversation.state, case.unread) == ("open", "open", 1)


def test_whose_messages_a_caregiver_writes(patient: Patient) -> None:
    trusted, driver = caregiver_of(patient, "everything"), caregiver_of(patient, "deliveries")
    received = compose(patient, actor=trusted.user)
    assert Message.objects.get().author_role == "caregiver"
    with pytest.raises(PermissionDenied):
        compose(patient, actor=driver.user)
    with pytest.raises(PermissionDenied):
        compose(patient, actor=patient_with_user().user)
    with pytest.raises(PermissionDenied):
        portal.reply(driver.user, conversation=received.conversation, body="x", client_id=uuid.uuid4())


def test_an_answer_in_a_thread_of_a_merged_case_lands_on_the_kept_one(patient: Patient) -> None:
    agent = UserFactory(roles=["agent"])
    one, two = (CaseFactory(patient=patient, owner=agent, state="open") for _ in "ab")
    merging.merge(agent, into=one, cases=[two])
    left = ConversationFactory(case=Case.objects.get(pk=two.pk), patient=patient, customer=patient.user)
    contact = {"channel": "portal", "external_id": "x1", "sender": patient.user, "conversation": left}
    intake.receive(intake.Inbound(body="My machine is down.", **contact))
    left.refresh_from_db()
    one.refresh_from_db()
    two.refresh_from_db()
    assert (left.case, one.unread, two.state) == (one, 1, "closed")
    assert Message.objects.filter(conversation=left, author_role="customer").count() == 1


def test_through_the_portal_from_a_page_left_open_goes_to_the_kept_case(patient: Patient) -> None:
    agent = UserFactory(roles=["agent"])
    one, two = (CaseFactory(patient=patient, owner=agent, state="open", channel="email") for _ in "ab")
    merging.merge(agent, into=one, cases=[two])
    page = Case.objects.get(pk=two.pk)
    assert sending.portal_thread(page).case == one
    stored = sending.through_portal(agent, case=page, body="Your papers are here.")
    assert Conversation.objects.get(pk=stored.conversation_id).case == one
