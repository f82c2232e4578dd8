"""What we write or begin ourselves keeps nobody verified; who spoke last on a line decides (R-CASE-3)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from agents import context
from cases import conversations, sending
from cases.models import Case
from portal.models import User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return factories.UserFactory(roles=["agent"])


@pytest.fixture
def case(agent: User) -> Case:
    """A case by e-mail of a patient who has an account."""
    patient = factories.patient_with_user()
    return factories.CaseFactory(patient=patient, channel="email", state="open", owner=agent)


def thread(case: Case, channel: str = "portal") -> Any:
    return factories.ConversationFactory(
        case=case, patient=case.patient, channel=channel, customer=case.patient.user
    )


def says(conversation: Any, user: Any) -> None:
    factories.message_in(conversation, "It is me.", role="customer", author=user)


def test_a_thread_that_an_agent_begins_in_the_portal_verifies_nobody(agent: User, case: Case) -> None:
    sending.through_portal(agent, case=case, body="Please read this.")
    assert context.standing(agent, case).level == 0


@pytest.mark.parametrize("channel", ["portal", "chat"])
def test_an_agent_can_not_keep_a_customer_verified_by_writing(agent: User, case: Case, channel: str) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=10), tick=False):
        talk = thread(case, channel)
        says(talk, case.patient.user)
        assert context.standing(agent, case).level == 2
    conversations.note(agent, conversation=talk, body="A note to myself.")
    conversations.reply(agent, conversation=talk, body="Are you there?")
    talk.refresh_from_db()
    assert talk.last_message_at > timezone.now() - timedelta(minutes=1)
    assert context.standing(agent, case).level == 0


def test_a_chat_identified_by_its_form_is_not_kept_so_by_our_own_words(agent: User, case: Case) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=2), tick=False):
        chat = factories.ConversationFactory(
            case=case, patient=case.patient, channel="chat", customer=None, identity_level=1
        )
        factories.message_in(chat, "Hello?", role="customer")
    conversations.note(agent, conversation=chat, body="Still nobody.")
    assert context.standing(agent, case).level == 0


def test_a_caregiver_who_speaks_last_in_the_patients_thread_speaks_in_their_scope(
    agent: User, case: Case
) -> None:
    talk = thread(case)
    says(talk, case.patient.user)
    assert context.standing(agent, case).caregiver is None
    caregiver = factories.caregiver_of(case.patient, "deliveries")
    says(talk, caregiver.user)
    standing = context.standing(agent, case)
    assert (standing.caregiver, standing.opens("insurance")) == (caregiver, False)


def test_a_guests_word_in_a_signed_in_chat_is_not_the_patients(agent: User, case: Case) -> None:
    chat = thread(case, "chat")
    assert context.standing(agent, case).level == 2
    factories.message_in(chat, "Somebody with the old ticket.", role="customer", author=None)
    assert context.standing(agent, case).level == 0
