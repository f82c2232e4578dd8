"""What is done with cases, by one gate, with nobody's work lost to somebody faster."""

import threading

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection

from cases import cases, conversations
from cases.cases import Conflict
from cases.models import Case, CaseEvent, Conversation, Message
from portal.models import AccessEntry
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def case() -> Case:
    return CaseFactory(channel="chat")


def agent(**more: str) -> object:
    return UserFactory(roles=["agent"], **more)


def kinds(case: Case) -> list[str]:
    return list(CaseEvent.objects.filter(case=case).values_list("kind", flat=True))


def test_a_case_is_opened_with_a_number_its_order_and_a_note() -> None:
    order = OrderFactory()
    case = cases.open_case(
        agent(),
        channel="phone",
        patient=order.patient,
        order=order,
        subject="Late",
        reason=ReasonFactory(),
        note="She called.",
    )
    assert case.number.startswith("C-1")
    assert (case.product_line, case.priority) == ("cpap", 3)
    assert Message.objects.get().kind == "note"
    with pytest.raises(ValidationError):
        cases.open_case(agent(), channel="phone", patient=PatientFactory(), order=order)


def test_numbers_of_cases_are_never_the_same() -> None:
    opener = agent()
    numbers = {cases.open_case(opener, channel="phone").number for _ in range(5)}
    assert len(numbers) == 5


def test_assigning_to_others_takes_a_lead(case: Case) -> None:
    someone, colleague, lead = agent(), agent(display_name="Robin Agentperson"), UserFactory(roles=["lead"])
    cases.assign(someone, case=case, to=someone)
    with pytest.raises(PermissionDenied):
        cases.assign(someone, case=case, to=colleague)
    case = cases.assign(lead, case=case, to=colleague)
    assert (case.owner, case.state) == (colleague, "open")
    assert kinds(case) == ["assigned", "assigned"]
    with pytest.raises(ValidationError):
        cases.assign(lead, case=case, to=UserFactory(roles=["warehouse"]))


def test_the_second_of_two_hears_who_was_faster(case: Case) -> None:
    first, second = agent(display_name="Ana Ruiz"), agent()
    cases.assign(first, case=case, to=first, version=case.version)
    with pytest.raises(Conflict) as conflict:
        cases.assign(second, case=case, to=second, version=0)
    assert (conflict.value.by, conflict.value.what) == ("Ana", "assigned")
    case.refresh_from_db()
    assert case.owner == first


def test_two_who_close_at_once_are_one(case: Case) -> None:
    """Bad input of the spec: two agents closing at the same moment."""
    reason, barrier, ended = ReasonFactory(), threading.Barrier(2), []

    def close(who: object) -> None:
        barrier.wait()
        try:
            cases.close(who, case=case, disposition="answered", next_step="None", reason=reason, version=0)
            ended.append("closed")
        except Conflict:
            ended.append("conflict")
        connection.close()

    threads = [threading.Thread(target=close, args=[agent()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["closed", "conflict"]
    assert kinds(case) == ["closed"]


def test_a_case_closes_with_how_what_next_and_why(case: Case) -> None:
    reason = ReasonFactory()
    for wrong in ({"disposition": "gone"}, {"next_step": "  "}, {"reason": None}):
        told = {"disposition": "answered", "next_step": "None", "reason": reason} | wrong
        with pytest.raises(ValidationError):
            cases.close(agent(), case=case, **told)
    conversation = ConversationFactory(channel="chat", case=case, patient=case.patient, state="open")
    closed = cases.close(
        agent(), case=case, disposition="answered", next_step="Nothing is left.", reason=reason
    )
    conversation.refresh_from_db()
    assert (closed.state, conversation.state) == ("closed", "closed")
    assert closed.closed_at is not None
    reopened = cases.reopen(agent(), case=case)
    assert (reopened.state, reopened.closed_at) == ("open", None)
    with pytest.raises(ValidationError):
        cases.reopen(agent(), case=case)


def test_a_transfer_takes_the_chat_along(case: Case) -> None:
    giver, taker = agent(), agent(display_name="Robin Agentperson")
    chat = ConversationFactory(channel="chat", case=case, patient=case.patient, state="open", agent=giver)
    cases.transfer(giver, case=case, to=taker, note="Wants a call back.")
    chat.refresh_from_db()
    case.refresh_from_db()
    assert (chat.agent, case.owner) == (taker, taker)
    assert "Robin" in Message.objects.get(kind="event").body
    team = TeamFactory()
    conversations.transfer(taker, conversation=chat, team=team)
    chat.refresh_from_db()
    case.refresh_from_db()
    assert (chat.state, chat.agent, case.owner, case.team) == ("queued", None, None, team)


def test_a_change_names_its_fields_and_nothing_else_can_be_changed(case: Case) -> None:
    changed = cases.change(agent(), case=case, priority=1, subject="Oxygen is out")
    assert (changed.priority, changed.version) == (1, 1)
    assert Case.objects.filter(subject_tokens__matches="oxygen").exists()
    assert CaseEvent.objects.get().detail == {"fields": ["priority", "subject"]}
    with pytest.raises(TypeError):
        cases.change(agent(), case=case, state="closed")


@pytest.mark.parametrize("roles", [["patient"], ["warehouse"], ["qa"], ["auditor"], []])
def test_who_does_not_work_on_cases_does_nothing_with_them(case: Case, roles: list[str]) -> None:
    who = UserFactory(roles=roles, realm="patient" if roles == ["patient"] else "staff")
    acts = [
        lambda: cases.assign(who, case=case, to=who),
        lambda: cases.release(who, case=case),
        lambda: cases.transfer(who, case=case, team=TeamFactory()),
        lambda: cases.change(who, case=case, priority=1),
        lambda: cases.wait(who, case=case),
        lambda: cases.close(who, case=case, disposition="answered", next_step="x", reason=ReasonFactory()),
        lambda: cases.reopen(who, case=case),
        lambda: cases.seen(who, case=case),
        lambda: cases.open_case(who, channel="phone", patient=case.patient),
    ]
    for act in acts:
        with pytest.raises(PermissionDenied):
            act()
    assert not CaseEvent.objects.exists()


def test_every_act_is_on_the_trail(case: Case) -> None:
    someone = agent()
    from config.security import audit

    with audit.acting(someone):
        cases.assign(someone, case=case, to=someone)
    entries = AccessEntry.objects.filter(actor=someone, subjects__contains=[case.patient_id])
    assert {"cases.case", "cases.caseevent"} <= set(entries.values_list("what", flat=True))


def test_a_release_puts_a_chat_back_at_its_place(case: Case) -> None:
    someone = agent()
    chat = ConversationFactory(channel="chat", case=case, patient=case.patient, state="queued")
    Conversation.objects.filter(pk=chat.pk).update(queued_at=chat.started_at)
    conversations.accept(someone, conversation=chat)
    conversations.release(someone, conversation=chat)
    chat.refresh_from_db()
    assert (chat.state, chat.agent, chat.queued_at) == ("queued", None, chat.started_at)


def test_no_identifying_number_is_kept_in_a_subject(case: Case) -> None:
    """R-CHAT-2: whoever writes it."""
    changed = cases.change(agent(), case=case, subject="MBI 1EG4-TE5-MK73")
    opened = cases.open_case(agent(), channel="phone", subject="SSN 123-45-6789")
    assert (changed.subject, opened.subject) == ("MBI ▮▮▮", "SSN ▮▮▮")
