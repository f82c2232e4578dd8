"""Order: what happens at once, late or twice to a clock comes to the same, and no pause gives time back."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cases import cases, sla
from cases.calendars import Hours, after, open_time
from cases.clocks import Turning
from cases.defaults import clocks as defaults
from cases.models import Calendar, Clock
from cases.promises import Target
from portal.access import System
from tests.factories import PatientFactory, ReasonFactory, UserFactory

OFFICE = Hours(
    ZoneInfo("America/Chicago"),
    False,
    ((((time(8)), time(18)),),) * 5 + (((time(22), time(2)),), ()),
    {},
    "US",
)
ALWAYS = Hours(ZoneInfo("UTC"), True, ((),) * 7, {})
KNOWN = ({1: OFFICE, 2: ALWAYS}, OFFICE)
START = datetime(2026, 3, 6, 12, tzinfo=UTC)  # a Friday; the clocks change on Sunday
SHORT = Target("resolution", timedelta(hours=5), 1, 75, True, "Short")
LONG = Target("resolution", timedelta(hours=30), 2, 50, True, "Long")
STUBBORN = Target("resolution", timedelta(hours=9), 1, 80, False, "Stubborn")


def turn(at: datetime, *, live: bool = True) -> Turning:
    return Turning(at, "test", lambda: KNOWN, live)


def started(target: Target = SHORT) -> Clock:
    return turn(START).start(1, "portal", target)


def play(clock: Clock, what: str, at: datetime, *, live: bool = True) -> None:
    turning = turn(at, live=live)
    acts: dict[str, Callable[[], Any]] = {
        "waits": lambda: turning.pause(clock),
        "resumes": lambda: turning.resume(clock),
        "answered": lambda: turning.stop(clock),
        "long": lambda: turning.retarget(clock, LONG, waits=clock.state == "paused"),
        "short": lambda: turning.retarget(clock, SHORT, waits=clock.state == "paused"),
        "looked at": lambda: turning.look(clock),
    }
    acts[what]()


def shown(clock: Clock) -> dict[str, Any]:
    quiet = {"id", "changed_at", "warned_at", "next_moment_at"}
    return {
        field.attname: getattr(clock, field.attname)
        for field in Clock._meta.concrete_fields
        if field.attname not in quiet
    }


steps = st.lists(
    st.tuples(
        st.sampled_from(["waits", "resumes", "looked at"]), st.timedeltas(timedelta(0), timedelta(days=2))
    ),
    max_size=12,
)


@given(steps)
def test_pauses_neither_win_nor_lose_time(told: list[tuple[str, timedelta]]) -> None:
    """What a clock has used is the open time in which it ran, over the change to summer time too."""
    clock, at, ran = started(), START, timedelta(0)
    for what, later in told:
        if clock.state == "running":
            ran += open_time(OFFICE, at, at + later)
        at += later
        play(clock, what, at)
        used = clock.used
        if clock.running_since:
            used += open_time(OFFICE, clock.running_since, at)
        assert used == ran
        if clock.state == "running" and ran < clock.within:
            assert clock.due_at == after(OFFICE, at, clock.within - ran)


@given(steps)
def test_looking_changes_nothing_but_what_was_noticed(told: list[tuple[str, timedelta]]) -> None:
    """However often and late somebody looks, the clock breaches at the same moment."""
    looked, alone, at = started(), started(), START
    for what, later in told:
        at += later
        play(looked, "looked at", at)
        play(looked, what, at)
        if what != "looked at":
            play(alone, what, at)
    end = at + timedelta(days=30)
    for clock in (looked, alone):
        play(clock, "answered", end)
    assert shown(looked) == shown(alone)


@given(steps)
def test_what_happens_twice_happens_once(told: list[tuple[str, timedelta]]) -> None:
    once, twice, at = started(), started(), START
    for what, later in told:
        at += later
        play(once, what, at)
        for _ in range(2):
            play(twice, what, at)
    assert shown(once) == shown(twice)


@pytest.mark.parametrize(
    "whats", [("waits", "long"), ("answered", "looked at"), ("waits", "looked at", "long")]
)
@pytest.mark.parametrize("hours", [1, 4, 100])
def test_what_happens_at_the_same_moment_comes_to_the_same_in_any_order(
    whats: tuple[str, ...], hours: int
) -> None:
    ends = []
    for order in permutations(whats):
        clock = started()
        for what in order:
            play(clock, what, START + timedelta(hours=hours))
        ends.append(shown(clock))
    assert all(end == ends[0] for end in ends)


@given(st.timedeltas(timedelta(hours=-9), timedelta(hours=9)))
def test_the_systems_time_put_anywhere_gives_no_time_back(shift: timedelta) -> None:
    clock = started()
    play(clock, "waits", START + timedelta(hours=4))
    used = clock.used
    play(clock, "resumes", START + timedelta(hours=4) + shift)
    play(clock, "waits", START + timedelta(hours=4) + shift)
    assert clock.used == used


def test_an_answer_of_before_does_not_stop_what_began_after() -> None:
    """A message that arrives late answers only what was asked before it."""
    clock = started()
    play(clock, "answered", START - timedelta(minutes=1), live=False)
    assert clock.state == "running"
    play(clock, "answered", START + timedelta(minutes=1), live=False)
    assert clock.state == "stopped"


def test_promises_that_do_not_pause_run_on_once_they_hold() -> None:
    clock = started()
    play(clock, "waits", START + timedelta(hours=3))
    turn(START + timedelta(hours=20)).retarget(clock, STUBBORN, waits=True)
    assert (clock.state, clock.used) == ("running", open_time(OFFICE, START, START + timedelta(hours=3)))


# --- several at once ---------------------------------------------------------------------------------
@pytest.fixture
def others() -> Iterator[Callable[..., "list[Future[Any]]"]]:
    """Let several act at once, each on a connection of its own."""
    with ThreadPoolExecutor(8) as pool:
        yield lambda *acts: [pool.submit(_apart, act) for act in acts]


def _apart(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connection.close()


@pytest.fixture
def case() -> Any:
    defaults.install()
    return cases.open_case(
        System("intake"), channel="portal", patient=PatientFactory(), reason=ReasonFactory()
    )


@pytest.mark.django_db(transaction=True)
def test_many_who_act_on_one_case_leave_one_clock_of_a_kind(case: Any, others: Any) -> None:
    agent = UserFactory(roles=["agent"])
    acts = [
        lambda: cases.wait(agent, case=case),
        lambda: cases.wait(agent, case=case, on="carrier"),
        lambda: cases.change(agent, case=case, priority=1),
        lambda: sla.look(timezone.now() + timedelta(days=9)),
    ] * 4
    for done in others(*acts):
        done.result(30)
    assert case.clocks.filter(kind="resolution").count() == 1
    case.refresh_from_db()
    nearest = case.clocks.filter(state="running").order_by("due_at").first()
    assert case.next_due_at == (nearest.due_at if nearest else None)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_look_at_once_one_warns(case: Any, others: Any) -> None:
    Clock.objects.filter(case=case).exclude(kind="resolution").delete()
    later = timezone.now() + timedelta(hours=40)
    looked = [done.result(30) for done in others(*[lambda: sla.look(later)] * 6)]
    assert sum(looked) == 1
    assert case.clock_events.filter(kind="warned").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_look_passes_over_what_somebody_holds(case: Any, owner_db: Any) -> None:
    Clock.objects.filter(case=case).exclude(kind="resolution").delete()
    with owner_db.transaction():
        owner_db.execute("SELECT 1 FROM cases_clock FOR NO KEY UPDATE")
        assert sla.look(timezone.now() + timedelta(days=9)) == 0
    assert sla.look(timezone.now() + timedelta(days=9)) == 1


@pytest.mark.django_db(transaction=True)
def test_due_clocks_are_found_by_their_index(owner_db: Any) -> None:
    """Whatever else runs, a look reads only rows whose moment has come."""
    defaults.install()
    always = Calendar.objects.get(code=defaults.ALWAYS)
    case = cases.open_case(System("intake"), channel="portal", patient=PatientFactory())
    now = timezone.now()
    Clock.objects.bulk_create(
        Clock(
            case=case, kind="next_response", channel="portal", state="stopped", policy_name="x", calendar=always,
            within=timedelta(hours=1), started_at=now, changed_at=now,
            next_moment_at=now + timedelta(days=n) if n else None,
        )
        for n in range(2000)
    )  # fmt: skip
    owner_db.execute("ANALYZE cases_clock")
    assert "clocks_due_next" in sla.due_clocks(now)[:500].explain()
