"""Cases put aside wake at their moment, or when their customer writes (R-CASE-1)."""

import threading
import uuid
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone

from cases import snoozing, tasks
from cases.drafts import Author, Draft
from cases.models import Case, CaseEvent, Notification
from cases.writer import write_one
from portal.models import User
from tests.factories import CaseFactory, ConversationFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
TOMORROW = timedelta(days=1)


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


@pytest.fixture
def case(agent: User) -> Case:
    case = CaseFactory(state="open", owner=agent)
    ConversationFactory(case=case, patient=case.patient)
    return case


def later(**more: Any) -> datetime:
    return timezone.now() + timedelta(**more)


def hears(case: Case, body: str = "Hello?") -> None:
    """The customer writes."""
    thread = case.conversations.get()
    write_one(Draft(thread.pk, Author("customer", "guest", "Ana"), body, client_id=uuid.uuid4()))


def woken(case: Case) -> list[str]:
    events = CaseEvent.objects.filter(case=case, kind="woken").order_by("pk")
    return [event.detail["cause"] for event in events]


def test_a_case_sleeps_until_its_moment_and_its_owner_hears(agent: User, case: Case) -> None:
    until = later(hours=3)
    snoozing.snooze(agent, case=case, until=until)
    assert tasks.wake_due_cases() == 0
    with time_machine.travel(until, tick=False):
        assert tasks.wake_due_cases() == 1
        assert tasks.wake_due_cases() == 0
    case.refresh_from_db()
    assert case.snoozed_until is None
    assert len(woken(case)) == 1
    assert Notification.objects.get().user == agent


def test_a_customers_message_wakes_the_case(agent: User, case: Case) -> None:
    snoozing.snooze(agent, case=case, until=later(days=1))
    hears(case)
    hears(case)
    case.refresh_from_db()
    assert case.snoozed_until is None
    assert len(woken(case)) == 1


def test_a_case_that_wakes_only_then_sleeps_on(agent: User, case: Case) -> None:
    until = later(days=1)
    snoozing.snooze(agent, case=case, until=until, only_then=True)
    hears(case)
    case.refresh_from_db()
    assert (case.snoozed_until, case.unread) == (until, 1)
    with time_machine.travel(until + timedelta(minutes=1)):
        snoozing.wake_due()
    case.refresh_from_db()
    assert (case.snoozed_until, case.wake_only_then) == (None, False)


def test_our_own_answer_wakes_nothing(agent: User, case: Case) -> None:
    snoozing.snooze(agent, case=case, until=later(days=1))
    thread = case.conversations.get()
    write_one(Draft(thread.pk, Author("agent", f"u{agent.pk}", "Robin", agent.pk), "Soon"))
    case.refresh_from_db()
    assert case.snoozed_until is not None


def test_a_snooze_that_makes_no_sense_says_so(agent: User, case: Case) -> None:
    for until, words in ((later(seconds=-1), "past"), (later(days=400), "within a year")):
        with pytest.raises(ValidationError, match=words):
            snoozing.snooze(agent, case=case, until=until)
    with pytest.raises(ValidationError, match="awake"):
        snoozing.wake(agent, case=case)
    with pytest.raises(PermissionDenied):
        snoozing.snooze(UserFactory(roles=["qa"]), case=case, until=later(days=1))
    Case.objects.filter(pk=case.pk).update(state="closed", disposition="answered", closed_at=timezone.now())
    with pytest.raises(ValidationError, match="closed"):
        snoozing.snooze(agent, case=case, until=later(days=1))
    assert not CaseEvent.objects.exists()


def test_whoever_snoozed_can_wake_before(agent: User, case: Case) -> None:
    snoozing.snooze(agent, case=case, until=later(days=1))
    assert snoozing.wake(agent, case=case).snoozed_until is None
    assert CaseEvent.objects.get(kind="woken").actor == agent


def test_the_moment_is_that_of_the_zone_also_when_clocks_change() -> None:
    chicago = ZoneInfo("America/Chicago")
    plain = snoozing.moment(datetime(2026, 7, 1, 9), chicago)
    assert plain.astimezone(ZoneInfo("UTC")).hour == 14
    with pytest.raises(ValidationError, match="put forward"):
        snoozing.moment(datetime(2026, 3, 8, 2, 30), chicago)
    twice = snoozing.moment(datetime(2026, 11, 1, 1, 30), chicago)
    assert twice.astimezone(ZoneInfo("UTC")).hour == 6


def test_two_tasks_at_once_wake_each_case_once(agent: User) -> None:
    cases = CaseFactory.create_batch(6, state="open", owner=agent, snoozed_until=later(seconds=-5))
    counts: list[int] = []

    def run() -> None:
        counts.append(tasks.wake_due_cases())
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 6
    assert all(len(woken(case)) == 1 for case in cases)


def test_a_message_that_comes_while_the_case_is_put_aside_is_not_slept_over(agent: User, case: Case) -> None:
    """Whoever is second acts on what the first left: the message wakes what was snoozed before it."""
    snoozed, written = threading.Event(), []

    def write() -> None:
        snoozed.wait(10)
        hears(case)
        written.append(True)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    with transaction.atomic():
        snoozing.snooze(agent, case=case, until=later(days=1))
        snoozed.set()
        writer.join(0.3)
        assert not written
    writer.join(10)
    case.refresh_from_db()
    assert (case.snoozed_until, case.unread) == (None, 1)
    assert len(woken(case)) == 1
