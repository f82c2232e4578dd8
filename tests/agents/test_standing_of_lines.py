"""What we write or begin ourselves keeps nobody verified; who spoke last on a line decides (R-CASE-3)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from agents import context
from agents.models import SideConversation, SideMessage
from cases import cases, conversations, sending
from cases.drafts import Refused
from cases.models import Case
from portal import profile, verification
from portal.models import Patient, User, VerificationLock
from tests import factories
from tests.people import signed_in

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


# --- what an agent found out holds of the one who was heard --------------------------------------------
def guest_chat(case: Case, **kwargs: Any) -> Any:
    chat = factories.ConversationFactory(
        case=case, patient=case.patient, channel="chat", customer=None, **kwargs
    )
    factories.message_in(chat, "Hello?", role="customer", author=None)
    return chat


def verified_at(agent: User, case: Case, minutes: int, level: int = 2) -> None:
    factories.verified(agent, case, level, at=timezone.now() - timedelta(minutes=minutes))


def test_a_guest_who_comes_after_a_caller_was_verified_is_nobody(agent: User, case: Case) -> None:
    verified_at(agent, case, 5)
    assert context.standing(agent, case).level == 2
    guest_chat(case)
    assert context.standing(agent, case).level == 0


def test_who_was_verified_in_a_chat_stays_so_in_it(agent: User, case: Case) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=9), tick=False):
        chat = guest_chat(case)
        thread(case, "email")
    verified_at(agent, case, 5)
    factories.message_in(chat, "The same again.", role="customer", author=None)
    assert context.standing(agent, case).level == 2


def test_another_thread_that_lay_still_is_not_the_one_that_was_verified(agent: User, case: Case) -> None:
    """A caller by phone, whose call has no thread; then somebody answers an e-mail of last week."""
    with time_machine.travel(timezone.now() - timedelta(days=7), tick=False):
        mail = factories.ConversationFactory(case=case, patient=case.patient, channel="email", customer=None)
        factories.message_in(mail, "From last week.", role="customer", author=None)
        guest_chat(case)
    verified_at(agent, case, 5)
    factories.message_in(mail, "And now?", role="customer", author=None)
    assert context.standing(agent, case).level == 0


def test_a_caregiver_who_speaks_next_in_the_chat_speaks_in_their_scope(agent: User, case: Case) -> None:
    with time_machine.travel(timezone.now() - timedelta(minutes=9), tick=False):
        chat = thread(case, "chat")
        says(chat, case.patient.user)
    verified_at(agent, case, 5)
    assert context.standing(agent, case).caregiver is None
    caregiver = factories.caregiver_of(case.patient, "deliveries")
    says(chat, caregiver.user)
    standing = context.standing(agent, case)
    assert (standing.caregiver, standing.opens("insurance")) == (caregiver, False)


def test_whoever_came_can_be_asked_in_turn(agent: User, case: Case) -> None:
    verified_at(agent, case, 5)
    guest_chat(case)
    factories.verified(agent, case, 1)
    assert context.standing(agent, case).level == 1


# --- one call after another ------------------------------------------------------------------------------
def purpose(case: Case) -> str:
    return f"case:{case.pk}"


def test_the_next_caller_is_nobody_once_the_call_has_ended(agent: User, case: Case) -> None:
    verified_at(agent, case, 5)
    colleague = factories.UserFactory(roles=["agent"])
    factories.verified(colleague, case)
    desk = signed_in(agent)
    page = desk.get(reverse("agents:case-beside", args=[case.number])).content.decode()
    ended = reverse("agents:case-call-ended", args=[case.number])
    assert ended in page
    assert desk.post(ended).status_code == 204
    assert context.standing(agent, case).level == 0
    assert context.standing(colleague, case).level == 2, "who hears another caller"
    assert ended not in desk.get(reverse("agents:case-beside", args=[case.number])).content.decode()


def test_whoever_is_asked_for_identifiers_is_not_who_was_heard_before(agent: User, case: Case) -> None:
    verified_at(agent, case, 5)
    wrong = {"birth_date": "1/1/1901", "last4": "0000"}
    verification.attempt(agent, patient=case.patient, purpose=purpose(case), given=wrong)
    assert context.standing(agent, case).level == 0


def test_a_caregiver_who_reads_out_a_code_speaks_in_their_scope(agent: User, case: Case) -> None:
    verified_at(agent, case, 5)
    caregiver = factories.caregiver_of(case.patient, "deliveries")
    shown = verification.issue_portal_code(caregiver.user, patient=case.patient)
    verification.check_portal_code(agent, patient=case.patient, purpose=purpose(case), code=shown.code)
    standing = context.standing(agent, case)
    assert (standing.level, standing.caregiver) == (2, caregiver)


def test_nobody_stays_verified_on_a_closed_case(
    agent: User, case: Case, django_capture_on_commit_callbacks: Any
) -> None:
    verified_at(agent, case, 5)
    reason = factories.ReasonFactory()
    with django_capture_on_commit_callbacks(execute=True):
        cases.close(agent, case=case, disposition="answered", next_step="none", reason=reason)
    cases.reopen(agent, case=case)
    assert context.standing(agent, case).level == 0


# --- the lock ------------------------------------------------------------------------------------------
def test_too_many_failures_end_what_a_chat_knew_by_its_form(
    agent: User, case: Case, django_capture_on_commit_callbacks: Any
) -> None:
    """R-CASE-3: a lock is of all channels, and what was known by knowledge alone is not known after it."""
    chat = guest_chat(case, identity_level=1)
    assert context.standing(agent, case).level == 1
    wrong = {"birth_date": "1/1/1901", "last4": "0000"}
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            verification.attempt(agent, patient=case.patient, purpose=f"case:{case.pk}", given=wrong)
    assert context.standing(agent, case).level == 0
    VerificationLock.objects.update(until=timezone.now())
    assert context.standing(agent, case).level == 0, "they are asked again"
    chat.refresh_from_db()
    assert chat.identity_level == 0


def test_a_lock_counts_at_once(agent: User, case: Case) -> None:
    guest_chat(case, identity_level=1)
    VerificationLock.objects.create(patient=case.patient, until=timezone.now() + timedelta(hours=1))
    assert context.standing(agent, case).level == 0


@pytest.mark.parametrize("channel", ["portal", "chat"])
def test_a_session_of_a_patient_who_has_died_verifies_nobody(agent: User, case: Case, channel: str) -> None:
    says(thread(case, channel), case.patient.user)
    assert context.standing(agent, case).level == 2
    Patient.objects.filter(pk=case.patient_id).update(deceased_on=timezone.localdate())
    assert context.standing(agent, Case.objects.get(pk=case.pk)).level == 0


# --- what was said on cases that are over ------------------------------------------------------------------
OLD_WORDS = "My apnoea is G47.33"
READ_BY = ("case", "case-new", "case-earlier", "case-split", "case-transfer", "case-side")


@pytest.fixture
def old(case: Case) -> Case:
    then = timezone.now() - timedelta(days=9)
    ended = {"state": "closed", "closed_at": then, "disposition": "answered", "next_step": "None"}
    made: Case = factories.CaseFactory(patient=case.patient, channel="phone", **ended)
    call = factories.ConversationFactory(case=made, patient=made.patient, channel="phone", started_at=then)
    said = factories.message_in(call, OLD_WORDS, author_name="")
    letters = SideConversation.objects.create(
        case=made, party="prescriber", name="Dr", address="a@b.example", started_by=case.owner
    )
    SideMessage.objects.create(side=letters, body=OLD_WORDS, state="received")
    Case.objects.filter(pk=made.pk).update(last_message=said)
    return made


def words_of(old: Case, user: User) -> dict[str, bool]:
    """By each way to them, whether somebody reads the words of the old case."""
    client, [talk] = signed_in(user), old.conversations.all()
    addresses = {name: reverse(f"agents:{name}", args=[old.number]) + "?before=999999999" for name in READ_BY}
    addresses |= {"messages": f"/chat/{talk.pk}/messages"}
    read = {name: OLD_WORDS in client.get(address).content.decode() for name, address in addresses.items()}
    try:
        conversations.join(user, talk.pk)
    except Refused:
        return read | {"socket": False}
    return read | {"socket": True}


def test_what_was_said_on_a_closed_case_opens_by_level_two_whichever_way_one_comes(
    agent: User, case: Case, old: Case
) -> None:
    """R-CASE-3: page, panels, the chat's HTTP and its socket alike."""
    assert not any(words_of(old, agent).values())
    verified_at(agent, old, 1, level=1)
    assert not any(words_of(old, agent).values())
    verified_at(agent, old, 1)
    assert all(words_of(old, agent).values())


def test_what_was_said_is_open_to_who_works_on_it_and_to_who_reviews_it(agent: User, old: Case) -> None:
    """Who asked for the case again answers it; QA speaks with no caller."""
    assert words_of(old, factories.UserFactory(roles=["qa"]))["case"]
    cases.reopen(agent, case=old)
    assert words_of(old, agent)["case"]
    Case.objects.filter(pk=old.pk).update(
        state="closed", disposition="answered", owner=agent, closed_at=timezone.now()
    )
    assert words_of(old, agent)["socket"]


# --- what is written in one line tells nothing of a caller ------------------------------------------------
WRONG = {"birth_date": "1/1/1901", "last4": "0000"}


def asked(agent: User, case: Case, given: dict[str, str] = WRONG) -> verification.Outcome:
    return verification.attempt(agent, patient=case.patient, purpose=purpose(case), given=given)


def known_of(case: Case) -> dict[str, str]:
    born = case.patient.birth_date
    return {"birth_date": f"{born:%m/%d/%Y}", "account_id": case.patient.account_number}


@pytest.fixture
def written(case: Case) -> Any:
    """The patient wrote in the portal an hour ago."""
    talk = thread(case)
    with time_machine.travel(timezone.now() - timedelta(hours=1), tick=False):
        says(talk, case.patient.user)
    return talk


def test_a_caller_who_fails_is_not_the_one_who_wrote(agent: User, case: Case, written: Any) -> None:
    """R-CASE-3: nothing above level 1 by a pretext, whatever the patient wrote before."""
    assert context.standing(agent, case).level == 2
    assert asked(agent, case).standing.level == 0
    desk = signed_in(agent)
    assert desk.post(reverse("agents:case-unmask", args=[case.number])).status_code == 403
    with pytest.raises(verification.NotVerified):
        profile.propose(
            agent, patient=case.patient, field="phone", value="+15125550199", purpose=purpose(case)
        )
    colleague = factories.UserFactory(roles=["agent"])
    assert context.standing(colleague, case).level == 0, "whom they call next"


def test_a_caller_who_knows_something_is_identified_and_no_more(
    agent: User, case: Case, written: Any
) -> None:
    assert asked(agent, case, known_of(case)).standing.level == 1
    says(written, case.patient.user)
    assert context.standing(agent, case).level == 1, "it is the caller who hears the answer"
    elsewhere = factories.CaseFactory(patient=case.patient, channel="portal", owner=agent)
    says(thread(elsewhere), case.patient.user)
    assert context.standing(agent, elsewhere).level == 0, "the same caller, another case"


def test_a_lock_closes_what_was_written_until_they_write_again(agent: User, case: Case, written: Any) -> None:
    for _ in range(3):
        asked(agent, case)
    colleague = factories.UserFactory(roles=["agent"])
    elsewhere = factories.CaseFactory(patient=case.patient, channel="portal")
    with time_machine.travel(timezone.now() - timedelta(minutes=5), tick=False):
        says(thread(elsewhere), case.patient.user)
    for one in (case, elsewhere):
        assert context.standing(colleague, one).level == 0
    VerificationLock.objects.update(until=timezone.now())
    for one in (case, elsewhere):
        assert context.standing(colleague, one).level == 0
    says(written, case.patient.user)
    assert context.standing(colleague, case).level == 2


def test_the_one_who_writes_is_heard_again_once_the_call_has_ended(
    agent: User, case: Case, written: Any
) -> None:
    asked(agent, case)
    says(written, case.patient.user)
    assert context.standing(agent, case).level == 0
    desk = signed_in(agent)
    ended = reverse("agents:case-call-ended", args=[case.number])
    assert ended in desk.get(reverse("agents:case-beside", args=[case.number])).content.decode()
    assert desk.post(ended).status_code == 204
    assert context.standing(agent, case).level == 0
    says(written, case.patient.user)
    assert context.standing(agent, case).level == 2


def test_the_call_ended_closes_what_the_line_showed_the_caller(agent: User, case: Case, written: Any) -> None:
    verification.call_ended(agent, patient=case.patient, purpose=purpose(case))
    assert context.standing(agent, case).level == 0
    assert verification.tries_left(case.patient) == 3


def test_a_message_tells_nothing_of_whoever_just_called(agent: User, case: Case, written: Any) -> None:
    Case.objects.filter(pk=case.pk).update(channel="phone", opened_at=timezone.now() - timedelta(minutes=2))
    assert context.standing(agent, Case.objects.get(pk=case.pk)).level == 0
    Case.objects.filter(pk=case.pk).update(opened_at=timezone.now() - timedelta(hours=2))
    assert context.standing(agent, Case.objects.get(pk=case.pk)).level == 2
