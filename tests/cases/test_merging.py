"""Cases of one patient become one, and come apart again with nothing lost (R-CASE-1)."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone

from agents import workspace
from agents.models import Draft, HeldReply
from cases import conversations, kin, merging, sla
from cases.defaults import clocks as defaults
from cases.drafts import Author
from cases.drafts import Draft as Said
from cases.models import Callback, Case, CaseEvent, CaseRules, Conversation, Follower, Merge, Tag
from cases.writer import write_one
from portal.models import User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    PatientFactory,
    UserFactory,
    message_in,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def twins(count: int = 2) -> list[Case]:
    """Open cases of one patient, each with a conversation and a customer's message in it."""
    patient = PatientFactory()
    return [talked(CaseFactory(patient=patient, state="open"), f"Matter {n}") for n in range(count)]


def talked(case: Case, body: str) -> Case:
    thread = ConversationFactory(case=case, patient=case.patient)
    message = message_in(thread, body, role="customer")
    Case.objects.filter(pk=case.pk).update(unread=1, last_message=message, last_contact_at=message.sent_at)
    case.refresh_from_db()
    return case


def threads(case: Case) -> set[Any]:
    return set(case.conversations.values_list("pk", flat=True))


def test_everything_goes_over_and_the_double_is_closed(agent: User) -> None:
    into, other = twins()
    follower, tag = UserFactory(roles=["agent"]), Tag.objects.create(name="recall")
    Follower.objects.create(case=other, user=follower)
    other.tags.add(tag)
    child = CaseFactory(patient=into.patient, parent=other)
    Case.objects.filter(pk=other.pk).update(priority=1)
    both = threads(into) | threads(other)
    merging.merge(agent, into=into, cases=[other])
    for case in (into, other, child):
        case.refresh_from_db()
    assert threads(into) == both
    assert (other.state, other.disposition, other.merged_into, other.unread) == (
        "closed", "duplicate", into, 0,
    )  # fmt: skip
    assert (into.unread, into.priority, child.parent) == (2, 1, into)
    assert into.last_message is not None
    assert into.last_message.body == "Matter 1"
    assert list(into.tags.all()) == [tag]
    assert into.followers.get().user == follower
    assert CaseEvent.objects.get(case=other, kind="merged").detail == {"to": into.number}


def test_an_undone_merge_leaves_both_as_they_were(agent: User) -> None:
    into, other = twins()
    follower, tag = UserFactory(roles=["agent"]), Tag.objects.create(name="recall")
    Follower.objects.create(case=other, user=follower)
    other.tags.add(tag)
    child = CaseFactory(patient=into.patient, parent=other)
    until = timezone.now() + timedelta(days=1)
    Case.objects.filter(pk=other.pk).update(priority=1, snoozed_until=until, waiting_on="payer")
    before = _stand(into), _stand(other)
    merging.merge(agent, into=into, cases=[other])
    merging.unmerge(agent, case=other)
    child.refresh_from_db()
    assert (_stand(into), _stand(other)) == before
    assert child.parent == other
    assert not into.followers.exists()
    assert other.followers.get().user == follower
    assert not into.tags.exists()
    assert list(other.tags.all()) == [tag]
    assert Merge.objects.get().undone_at is not None


def _stand(case: Case) -> dict[str, Any]:
    case.refresh_from_db()
    names = (*merging.ENDED, "priority")
    return {name: getattr(case, name) for name in names} | {"threads": threads(case)}


@pytest.mark.parametrize("own_word", [False, True])
def test_an_undone_merge_leaves_no_clock_of_what_the_other_customer_waited_for(
    agent: User, own_word: bool
) -> None:
    defaults.install()
    into, other = twins()
    message_in(into.conversations.get(), "An answer")
    Case.objects.filter(pk=into.pk).update(unread=0)
    long_ago = timezone.now() - timedelta(hours=3)
    with transaction.atomic():
        sla.event(other, "customer_spoke", at=long_ago)
    merging.merge(agent, into=into, cases=[other])
    carried = into.clocks.get(kind__in=sla.RESPONSES, state="running")
    assert carried.started_at == long_ago
    if own_word:
        talked(into, "And this, please.")
        Case.objects.filter(pk=into.pk).update(unread=2)
    merging.unmerge(agent, case=other)
    carried.refresh_from_db()
    assert carried.state == "cancelled", "nobody answered it here: it is neither kept nor missed"
    left = list(into.clocks.filter(kind__in=sla.RESPONSES, state="running"))
    assert [clock.started_at > long_ago for clock in left] == ([True] if own_word else [])
    assert other.clocks.filter(kind__in=sla.RESPONSES, state="running").exists()


@pytest.mark.parametrize("turn", [1, -1])
def test_what_two_merges_brought_stays_until_both_are_undone(agent: User, turn: int) -> None:
    into, one, two = twins(3)
    follower, tag = UserFactory(roles=["agent"]), Tag.objects.create(name="recall")
    for case, priority in ((one, 1), (two, 2)):
        Follower.objects.create(case=case, user=follower)
        case.tags.add(tag)
        Case.objects.filter(pk=case.pk).update(priority=priority)
    merging.merge(agent, into=into, cases=[one])
    merging.merge(agent, into=into, cases=[two])
    first, last = [one, two][::turn]
    merging.unmerge(agent, case=first)
    into.refresh_from_db()
    last.refresh_from_db()
    assert (into.priority, into.tags.count(), into.followers.count()) == (last.priority, 1, 1)
    merging.unmerge(agent, case=last)
    into.refresh_from_db()
    assert (into.priority, into.tags.count(), into.followers.count()) == (3, 0, 0)
    assert [case.tags.count() for case in (one, two)] == [1, 1]


def test_a_closed_case_keeps_how_it_had_ended(agent: User) -> None:
    into, other = twins()
    ended = timezone.now() - timedelta(days=2)
    Case.objects.filter(pk=other.pk).update(state="closed", closed_at=ended, disposition="answered", unread=0)
    before = threads(other)
    merging.merge(agent, into=into, cases=[other])
    other.refresh_from_db()
    assert (other.disposition, other.closed_at) == ("answered", ended)
    moved = Conversation.objects.filter(pk__in=before)
    for thread in moved:
        message_in(thread, "An answer")
    merging.unmerge(agent, case=other)
    other.refresh_from_db()
    assert (other.state, other.closed_at, threads(other)) == ("closed", ended, before)


def test_what_was_said_after_the_merge_goes_back_with_its_conversation(agent: User) -> None:
    into, other = twins()
    [ref] = threads(other)
    merging.merge(agent, into=into, cases=[other])
    write_one(Said(ref, Author("customer", "guest", "Ana"), "And one more thing", client_id=uuid.uuid4()))
    into.refresh_from_db()
    assert into.unread == 3
    merging.unmerge(agent, case=other)
    for case in (into, other):
        case.refresh_from_db()
    assert (into.unread, other.unread) == (1, 2)
    assert other.last_message is not None
    assert other.last_message.body == "And one more thing"


def test_drafts_go_over_and_come_back(agent: User) -> None:
    """R-CASE-1: a draft is never lost by a merge, also where its writer had one on both."""
    into, other = twins()
    alone = UserFactory(roles=["agent"])
    workspace.save_draft(alone, case=other, kind="reply", body="Only here", seen=0)
    workspace.save_draft(agent, case=other, kind="reply", body="Second", seen=0)
    workspace.save_draft(agent, case=into, kind="reply", body="First", seen=0)
    merging.merge(agent, into=into, cases=[other])
    assert Draft.objects.get(user=alone).case == into
    assert Draft.objects.get(user=agent, case=into).body == "First\n\nSecond"
    merging.unmerge(agent, case=other)
    assert Draft.objects.get(user=alone).case == other
    assert {draft.case_id: draft.body for draft in Draft.objects.filter(user=agent)} == {
        into.pk: "First",
        other.pk: "Second",
    }


def test_callbacks_and_held_replies_go_over_and_come_back(agent: User) -> None:
    """One that the other case may not have besides its own stays where it is."""
    into, other = twins()
    into_too = CaseFactory(patient=into.patient, state="open")
    promised = [_callback(into), _callback(other)]
    held = HeldReply.objects.create(
        user=agent, case=other, body="Soon", client_id=uuid.uuid4(), release_at=timezone.now()
    )
    merging.merge(agent, into=into, cases=[other])
    assert [Callback.objects.get(pk=one.pk).case for one in promised] == [into, other]
    assert HeldReply.objects.get(pk=held.pk).case == into
    merging.unmerge(agent, case=other)
    assert HeldReply.objects.get(pk=held.pk).case == other
    merging.merge(agent, into=into_too, cases=[other])
    assert Callback.objects.get(pk=promised[1].pk).case == into_too
    merging.unmerge(agent, case=other)
    assert Callback.objects.get(pk=promised[1].pk).case == other


def _callback(case: Case) -> Callback:
    at = timezone.now() + timedelta(hours=2)
    return Callback.objects.create(
        case=case, phone="+15125550143", starts_at=at, ends_at=at + timedelta(minutes=30)
    )


def test_several_go_into_one_at_once(agent: User) -> None:
    into, *others = twins(4)
    merging.merge(agent, into=into, cases=others)
    assert len(threads(into)) == 4
    assert Merge.objects.filter(into=into).count() == 3
    merging.unmerge(agent, case=others[1])
    assert len(threads(into)) == 3


def test_an_answer_on_a_page_left_open_goes_into_the_case_that_stands(agent: User) -> None:
    into, other = twins()
    merging.merge(agent, into=into, cases=[other])
    assert conversations.thread_of(other).case == into


def _across_patients(agent: User) -> tuple[Case, list[Case]]:
    return twins()[0], [twins()[0]]


def _into_itself(agent: User) -> tuple[Case, list[Case]]:
    case = twins()[0]
    return case, [case]


def _into_a_merged_case(agent: User) -> tuple[Case, list[Case]]:
    one, two, three = twins(3)
    merging.merge(agent, into=three, cases=[two])
    return two, [one]


def _what_is_merged_already(agent: User) -> tuple[Case, list[Case]]:
    one, two, three = twins(3)
    merging.merge(agent, into=three, cases=[two])
    return one, [two]


def _into_a_closed_case(agent: User) -> tuple[Case, list[Case]]:
    one, two = twins()
    Case.objects.filter(pk=one.pk).update(state="closed", disposition="answered", closed_at=timezone.now())
    return one, [two]


def _of_nobody_known(agent: User) -> tuple[Case, list[Case]]:
    return CaseFactory(patient=None), [CaseFactory(patient=None)]


def _a_parent_into_its_child(agent: User) -> tuple[Case, list[Case]]:
    one, two, three = twins(3)
    kin.set_parent(agent, case=two, parent=one)
    kin.set_parent(agent, case=three, parent=two)
    return three, [one]


def _nothing(agent: User) -> tuple[Case, list[Case]]:
    return twins()[0], []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (_across_patients, "another patient's"),
        (_into_itself, "into itself"),
        (_into_a_merged_case, "merged into another itself"),
        (_what_is_merged_already, "merged already"),
        (_into_a_closed_case, "reopen it first"),
        (_of_nobody_known, "whose case"),
        (_a_parent_into_its_child, "other way round"),
        (_nothing, "at least two"),
    ],
)
def test_what_can_not_be_merged_says_why_and_loses_nothing(
    agent: User, wrong: Callable[[User], tuple[Case, list[Case]]], said: str
) -> None:
    into, others = wrong(agent)
    before = {case.pk: _stand(case) for case in (into, *others)}
    events = CaseEvent.objects.count()
    with pytest.raises(ValidationError, match=said):
        merging.merge(agent, into=into, cases=others)
    assert {case.pk: _stand(case) for case in (into, *others)} == before
    assert CaseEvent.objects.count() == events


def test_one_wrong_case_among_several_merges_none(agent: User) -> None:
    into, good = twins()
    with pytest.raises(ValidationError):
        merging.merge(agent, into=into, cases=[good, twins()[0]])
    assert not Merge.objects.exists()
    assert len(threads(good)) == 1


def test_an_undo_has_its_time_and_its_order(agent: User) -> None:
    """The window is a figure of the supervisor's."""
    one, two, three = twins(3)
    CaseRules.objects.create(pk=1, merge_undo_hours=2)
    merging.merge(agent, into=two, cases=[one])
    merging.merge(agent, into=three, cases=[two])
    with pytest.raises(ValidationError, match="merged further"):
        merging.unmerge(agent, case=one)
    merging.unmerge(agent, case=two)
    with (
        time_machine.travel(timezone.now() + timedelta(hours=2)),
        pytest.raises(ValidationError, match="late"),
    ):
        merging.unmerge(agent, case=one)
    merging.unmerge(agent, case=one)
    with pytest.raises(ValidationError, match="not merged"):
        merging.unmerge(agent, case=one)
    assert all(len(threads(case)) == 1 for case in (one, two, three))


@pytest.mark.parametrize("roles", [["warehouse"], ["qa"], ["auditor"], []])
def test_who_does_not_work_on_cases_merges_none(agent: User, roles: list[str]) -> None:
    into, other = twins()
    who = UserFactory(roles=roles)
    with pytest.raises(PermissionDenied):
        merging.merge(who, into=into, cases=[other])
    merging.merge(agent, into=into, cases=[other])
    with pytest.raises(PermissionDenied):
        merging.unmerge(who, case=other)


# --- races -------------------------------------------------------------------------------------------
def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each gave or raised, all begun at the same moment."""
    barrier, ended = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int) -> None:
        barrier.wait()
        try:
            ended[place] = acts[place]()
        except Exception as error:
            ended[place] = error
        connection.close()

    running = [threading.Thread(target=run, args=[place]) for place in range(len(acts))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return ended


@pytest.mark.parametrize("_again", range(3))
def test_of_two_who_merge_each_into_the_other_one_wins(agent: User, _again: int) -> None:
    one, two = twins()
    ended = at_once(
        lambda: merging.merge(agent, into=one, cases=[two]),
        lambda: merging.merge(agent, into=two, cases=[one]),
    )
    assert sorted(type(each).__name__ for each in ended) == ["Case", "ValidationError"]
    assert Merge.objects.count() == 1
    assert sorted(len(threads(case)) for case in (one, two)) == [0, 2]


@pytest.mark.parametrize("_again", range(3))
def test_a_message_that_comes_while_its_case_is_merged_is_counted_once(agent: User, _again: int) -> None:
    into, other = twins()
    [ref] = threads(other)
    said = [
        Said(ref, Author("customer", "guest", "Ana"), f"Line {n}", client_id=uuid.uuid4()) for n in range(4)
    ]
    merged, *stored = at_once(
        lambda: merging.merge(agent, into=into, cases=[other]),
        *(lambda one=one: write_one(one) for one in said),
    )
    assert isinstance(merged, Case)
    assert [each.seq for each in sorted(stored, key=lambda each: each.seq)] == [2, 3, 4, 5]
    for case in (into, other):
        case.refresh_from_db()
    assert (into.unread, other.unread) == (6, 0)
    assert into.last_message is not None
    assert into.last_message.seq == 5
