"""Promised calls: within hours and capacity, kept, tried again, counted (R-CHAN-3)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from cases import callbacks, cases
from cases.defaults import clocks as clock_rules
from cases.defaults import escalation as escalation_rules
from cases.drafts import Author, Draft
from cases.models import Callback, CallbackRules, Case, CaseEvent, Clock, Escalation, Notification
from cases.writer import write_one
from portal.access import System
from portal.models import User
from tests.factories import CaseFactory, ConversationFactory, PatientFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 30, 15, tzinfo=UTC)  # 9 in Austin


@pytest.fixture(autouse=True)
def monday() -> Iterator[None]:
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def promised(actor: User, at: datetime, case: Case | None = None) -> Callback:
    return callbacks.schedule(actor, case=case or CaseFactory(), phone="+15125550143", starts_at=at)


def test_a_call_is_promised_for_the_slot_its_time_lies_in(agent: User) -> None:
    callback = promised(agent, MONDAY + timedelta(hours=2, minutes=44))
    assert (callback.starts_at, callback.ends_at) == (
        MONDAY + timedelta(hours=2, minutes=30),
        MONDAY + timedelta(hours=3),
    )
    assert CaseEvent.objects.filter(case=callback.case, kind="callback").count() == 1


@pytest.mark.parametrize(
    ("hours", "words"), [(-1, "from now"), (24 * 31, "from now"), (10, "closed"), (24 * 5, "closed")]
)
def test_no_call_is_promised_when_nobody_would_make_it(agent: User, hours: int, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        promised(agent, MONDAY + timedelta(hours=hours))


def test_a_slot_holds_so_many_and_a_case_one(agent: User) -> None:
    CallbackRules.objects.create(pk=1, slot_capacity=1)
    at = MONDAY + timedelta(hours=1)
    first = promised(agent, at)
    with pytest.raises(ValidationError, match="full"):
        promised(agent, at)
    with pytest.raises(ValidationError, match="promised on this case already"):
        promised(agent, at + timedelta(hours=1), first.case)


def test_who_does_not_answer_is_tried_again_and_counted(agent: User) -> None:
    callback = promised(agent, MONDAY + timedelta(hours=1))
    for tries in (1, 2):
        callback = callbacks.missed(agent, callback=callback)
        assert (callback.state, callback.tries) == ("scheduled", tries)
        assert callback.starts_at == MONDAY + timedelta(hours=1)
    callback = callbacks.missed(agent, callback=callback)
    assert (callback.state, callback.tries) == ("missed", 3)
    with pytest.raises(ValidationError, match="settled meanwhile"):
        callbacks.done(agent, callback=callback)


def test_a_try_after_hours_waits_for_the_morning(agent: User) -> None:
    callback = promised(agent, MONDAY + timedelta(hours=8))
    with time_machine.travel(MONDAY + timedelta(hours=8, minutes=40), tick=False):
        callback = callbacks.missed(agent, callback=callback)
    assert callback.starts_at == MONDAY + timedelta(hours=23, minutes=30)


def test_a_slot_that_passed_is_ours_to_make_good(agent: User) -> None:
    """It is marked late, counted and given another slot, and whoever has the case hears of it."""
    callback = promised(agent, MONDAY + timedelta(hours=1), CaseFactory(owner=agent, state="open"))
    with time_machine.travel(MONDAY + timedelta(hours=2), tick=False):
        assert (callbacks.sweep(), callbacks.sweep()) == (1, 0)
        callback.refresh_from_db()
        assert (callback.state, callback.late, callback.tries) == ("scheduled", True, 1)
        assert callback.starts_at > timezone.now()
    assert told_of_calls(callback.case) == {agent}


def test_of_a_call_that_nobody_makes_those_who_lead_hear_after_its_tries(agent: User) -> None:
    """R-CHAN-3: it is not put off for ever; it goes up, and whoever is named there is called."""
    lead, boss = UserFactory(roles=["lead"]), UserFactory(roles=["supervisor"])
    escalation_rules.install()
    callback = promised(agent, MONDAY + timedelta(hours=1), CaseFactory(owner=agent, state="open"))
    with time_machine.travel(MONDAY, tick=False) as time:
        for _quarter in range(2 * 24 * 4):
            time.shift(timedelta(minutes=15))
            callbacks.sweep()
    callback.refresh_from_db()
    assert (callback.state, callback.late, callback.tries) == ("missed", True, 3)
    assert told_of_calls(callback.case) == {agent, lead, boss}
    assert Escalation.objects.filter(case=callback.case).count() == 1


def test_those_who_lead_hear_of_a_call_on_a_case_of_nobody(agent: User) -> None:
    lead = UserFactory(roles=["lead"])
    callback = promised(agent, MONDAY + timedelta(hours=1), CaseFactory(owner=None, state="new"))
    with time_machine.travel(MONDAY + timedelta(hours=2), tick=False):
        callbacks.sweep()
    assert told_of_calls(callback.case) == {lead}


def told_of_calls(case: Case) -> set[User]:
    return {each.user for each in Notification.objects.filter(case=case, kind="callback")}


def test_calls_tried_again_are_spread_over_slots_that_have_room(agent: User) -> None:
    CallbackRules.objects.create(pk=1, slot_capacity=2)
    for half_hours in (2, 2, 3, 3, 4):
        promised(agent, MONDAY + timedelta(minutes=30 * half_hours))
    with time_machine.travel(MONDAY + timedelta(hours=3), tick=False):
        assert callbacks.sweep() == 5
    slots = Callback.objects.values_list("starts_at").annotate(calls=Count("pk")).order_by("starts_at")
    assert [calls for _at, calls in slots] == [2, 2, 1]
    assert [at for at, _calls in slots] == [MONDAY + timedelta(minutes=30 * n) for n in (8, 9, 10)]


def test_a_call_that_was_made_answers_what_was_asked(agent: User) -> None:
    """R-SLA-1: the portal's question is no longer waited for once we spoke."""
    clock_rules.install()
    case = cases.open_case(System("portal"), channel="portal", patient=PatientFactory())
    thread = ConversationFactory(case=case, patient=case.patient)
    write_one(Draft(thread.pk, Author("customer", "guest", "Zoe"), "Please call me"))
    callbacks.done(agent, callback=promised(agent, MONDAY + timedelta(hours=1), case))
    case.refresh_from_db()
    assert (case.state, case.unread) == ("open", 0)
    states = dict(Clock.objects.filter(case=case).values_list("kind", "state"))
    assert states == {"first_response": "stopped", "acknowledgement": "stopped", "resolution": "running"}


def test_only_the_desk_promises_calls(agent: User) -> None:
    with pytest.raises(PermissionDenied):
        promised(UserFactory(roles=["warehouse"]), MONDAY + timedelta(hours=1))


# --- the dialog --------------------------------------------------------------------------------------
def test_the_dialog_promises_moves_and_settles(agent: User) -> None:
    case, client = CaseFactory(), signed_in(agent)
    address = reverse("agents:case-callback", args=[case.number])
    assert client.get(address).status_code == 200
    wanted = {"phone": "+15125550143", "starts_at": "2026-11-30T11:00"}
    assert client.post(address, wanted).status_code == 204
    assert client.post(address, wanted | {"starts_at": "2026-11-30T13:10"}).status_code == 204
    assert Callback.objects.get().starts_at == MONDAY + timedelta(hours=4)
    assert b"5125550143" not in client.get(reverse("agents:view", args=["callbacks"])).content
    assert client.post(reverse("agents:case-callback-settle", args=[case.number, "done"])).status_code == 204
    assert Callback.objects.get().state == "done"
    for act in ("done", "burn"):
        assert client.post(reverse("agents:case-callback-settle", args=[case.number, act])).status_code == 404


def test_the_dialog_says_why_not(agent: User) -> None:
    address = reverse("agents:case-callback", args=[CaseFactory().number])
    answer = signed_in(agent).post(address, {"phone": "+15125550143", "starts_at": "2026-11-29T11:00"})
    assert answer.status_code == 422
    assert b"Choose a time from now" in answer.content
