"""Contacts that come again: repeats, doubles, the reopen window, and wrong channels (R-KPI-1, R-CHAN-1)."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cases import cases, repeats, steering
from cases.channels import portal
from cases.intake import Inbound, receive
from cases.models import Case, CaseEvent, CaseRules, Conversation, Message
from portal.models import Patient, User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    patient_with_user,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def closed(days: int, **more: Any) -> Case:
    ended = timezone.now() - timedelta(days=days)
    return CaseFactory(state="closed", disposition="answered", closed_at=ended, **more)


def arriving(agent: User, patient: Patient, **more: Any) -> Case:
    return cases.open_case(agent, channel="phone", patient=patient, **more)


# --- repeats -----------------------------------------------------------------------------------------
def test_a_contact_on_the_same_group_of_reasons_is_a_repeat(agent: User) -> None:
    patient = PatientFactory()
    closed(3, patient=patient, reason=ReasonFactory(family="billing"))
    closed(12, patient=patient, reason=ReasonFactory(family="delivery"))
    last = closed(9, patient=patient, reason=ReasonFactory(family="delivery"))
    case = arriving(agent, patient, reason=ReasonFactory(family="delivery"))
    assert case.repeat_of == last
    assert CaseEvent.objects.get(case=case, kind="linked").detail == {"kind": "repeat", "to": last.number}


def test_a_reason_named_first_at_the_gate_makes_a_repeat(agent: User) -> None:
    patient = PatientFactory()
    last = closed(3, patient=patient, reason=ReasonFactory(family="billing"))
    case = arriving(agent, patient)
    assert case.repeat_of is None
    ended = {"disposition": "answered", "next_step": "none", "reason": ReasonFactory(family="billing")}
    cases.close(agent, case=case, **ended)
    case.refresh_from_db()
    assert case.repeat_of == last


def test_what_is_no_repeat(agent: User) -> None:
    patient, reason = PatientFactory(), ReasonFactory()
    closed(31, patient=patient, reason=reason)
    closed(1, patient=PatientFactory(), reason=reason)
    into = CaseFactory(patient=patient, reason=reason)
    closed(1, patient=patient, reason=reason, merged_into=into)
    assert arriving(agent, patient, reason=reason).repeat_of is None
    assert arriving(agent, patient).repeat_of is None


def test_the_repeat_window_is_a_row_of_the_supervisors(agent: User) -> None:
    patient, reason = PatientFactory(), ReasonFactory()
    closed(31, patient=patient, reason=reason)
    CaseRules.objects.create(pk=1, repeat_days=60)
    assert arriving(agent, patient, reason=reason).repeat_of is not None


def test_a_repeat_is_found_when_its_reason_becomes_known(agent: User) -> None:
    patient, reason = PatientFactory(), ReasonFactory()
    before = closed(2, patient=patient, reason=reason)
    case = arriving(agent, patient)
    assert cases.change(agent, case=case, reason=reason).repeat_of == before


def test_a_repeat_is_found_when_its_patient_becomes_known(agent: User) -> None:
    patient, reason = PatientFactory(), ReasonFactory()
    before = closed(2, patient=patient, reason=reason)
    guest = cases.open_case(agent, channel="chat", reason=reason)
    case = cases.identified(agent, case=guest, patient=patient)
    assert (case.patient, case.repeat_of) == (patient, before)
    assert cases.identified(agent, case=case, patient=PatientFactory()).patient == patient


# --- doubles -----------------------------------------------------------------------------------------
def test_open_cases_of_the_same_matter_are_offered(agent: User) -> None:
    order = OrderFactory()
    reason, patient = ReasonFactory(), order.patient
    case = CaseFactory(patient=patient, reason=reason, order=order)
    same_reason = CaseFactory(patient=patient, reason=reason)
    same_order = CaseFactory(patient=patient, order=order)
    CaseFactory(patient=patient, reason=ReasonFactory())
    CaseFactory(reason=reason)
    closed(1, patient=patient, reason=reason)
    assert set(repeats.duplicates(agent, case)) == {same_reason, same_order}
    assert repeats.duplicates(agent, CaseFactory(patient=None, reason=reason)) == []
    assert repeats.duplicates(agent, CaseFactory(patient=patient)) == []


# --- the reopen window -------------------------------------------------------------------------------
def portal_thread(days: int) -> Conversation:
    patient = patient_with_user()
    case = closed(days, patient=patient, reason=ReasonFactory(), next_step="None.")
    return ConversationFactory(case=case, patient=patient)


def writes(thread: Conversation, body: str = "It is back") -> Conversation:
    customer = thread.patient.user  # type: ignore[union-attr]
    return portal.reply(customer, conversation=thread, body=body, client_id=uuid.uuid4()).conversation


def test_within_the_window_a_message_opens_the_case_again() -> None:
    thread = portal_thread(days=6)
    assert writes(thread) == thread
    thread.refresh_from_db()
    assert thread.case is not None
    assert thread.case.state == "open"


def test_after_the_window_a_message_opens_a_linked_case() -> None:
    thread = portal_thread(days=8)
    anew = writes(thread)
    case = anew.case
    assert case is not None
    assert case != thread.case
    case.refresh_from_db()
    assert (case.follows_on, case.patient, case.reason) == (
        thread.case, thread.patient, thread.case.reason,  # type: ignore[union-attr]
    )  # fmt: skip
    assert (anew.continues, case.unread, case.repeat_of) == (thread, 1, thread.case)
    thread.case.refresh_from_db()  # type: ignore[union-attr]
    assert thread.case.state == "closed"  # type: ignore[union-attr]
    assert writes(thread, "Are you there?") == anew
    assert Case.objects.count() == 2


def test_the_reopen_window_is_a_row_of_the_supervisors() -> None:
    CaseRules.objects.create(pk=1, reopen_days=14)
    thread = portal_thread(days=8)
    assert writes(thread) == thread


def test_a_message_sent_again_goes_where_it_went() -> None:
    thread, again = portal_thread(days=8), uuid.uuid4()
    customer = thread.patient.user  # type: ignore[union-attr]
    places = [
        portal.reply(customer, conversation=thread, body="Hello", client_id=again).conversation
        for _ in range(2)
    ]
    assert places[0] == places[1] != thread
    assert Message.objects.count() == 1


def test_two_messages_at_once_begin_one_new_case() -> None:
    thread, went, barrier = portal_thread(days=8), [], threading.Barrier(2)

    def write(body: str) -> None:
        barrier.wait()
        went.append(writes(thread, body).pk)
        connection.close()

    threads = [threading.Thread(target=write, args=[body]) for body in ("One", "Two")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(went) == 2
    assert len(set(went)) == 1
    assert Case.objects.count() == 2
    assert Message.objects.count() == 2


# --- wrong channels ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("channel", "redacted", "lane", "to"),
    [
        ("sms", 1, "", "portal"),
        ("email", 2, "", "portal"),
        ("sms", 0, "", ""),
        ("portal", 1, "", ""),
        ("chat", 0, "equipment_down", ""),
        ("email", 1, "clinical", "phone"),
        ("portal", 0, "equipment_down", "phone"),
        ("phone", 0, "clinical", ""),
    ],
)
def test_where_a_contact_belongs(channel: str, redacted: int, lane: str, to: str) -> None:
    assert steering.better_channel(channel, redacted=redacted, lane=lane) == to


def test_a_text_message_with_phi_is_steered_to_the_portal() -> None:
    """The number is not kept, and the words for the customer name nothing of it."""
    patient = patient_with_user()
    for n in range(2):
        taken = receive(
            Inbound(
                channel="sms",
                external_id=f"SM{n}",
                sender=patient.user,
                patient=patient,
                body=f"{n}: my SSN is 123-45-6789",
                conversation=Conversation.objects.first(),
            )
        )
    case = taken.conversation.case
    assert case is not None
    assert steering.advised(case) == "portal"
    assert CaseEvent.objects.filter(case=case, kind="steered").count() == 1
    assert "123-45-6789" not in "".join(message.body for message in Message.objects.all())
    assert "Sign in" in steering.words("portal", "en")
    assert steering.words("portal", "es") != steering.words("portal", "en")
