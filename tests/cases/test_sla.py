"""R-SLA: which promises are made to a case, and what happens on it to their clocks."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases import cases, conversations, merging, promises, sla, snoozing
from cases.defaults import clocks as defaults
from cases.models import (
    Calendar,
    Case,
    CaseEvent,
    Clock,
    Notification,
    OpenHours,
    SlaPolicy,
    SlaTarget,
    SpecialDay,
)
from portal.access import System
from tests.factories import (
    ConversationFactory,
    PatientFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DOOR = System("intake")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TUESDAY = datetime(2026, 6, 2, 15, 0, tzinfo=UTC)  # ten in the morning in Austin


@pytest.fixture(autouse=True)
def promised() -> None:
    defaults.install()


@pytest.fixture
def clock():
    with time_machine.travel(TUESDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent() -> Any:
    return UserFactory(roles=["agent"])


@pytest.fixture
def lead() -> Any:
    return UserFactory(roles=["lead"])


def opened(channel: str = "portal", **known: Any) -> Case:
    return cases.open_case(DOOR, channel=channel, **{"patient": PatientFactory(), **known})


def running(case: Case) -> dict[str, Clock]:
    return {clock.kind: clock for clock in case.clocks.filter(state="running")}


def states(case: Case) -> dict[str, str]:
    return dict(case.clocks.order_by("pk").values_list("kind", "state"))


# --- which promise -----------------------------------------------------------------------------------
def test_a_supplier_begins_with_the_promises_of_the_trade(clock) -> None:
    """R-SLA-1 and R-SLA-2."""
    found = {}
    for channel in ("phone", "chat", "portal", "email"):
        case = opened(channel)
        sla.event(case, "customer_spoke")
        found[channel] = {kind: row.due_at - TUESDAY for kind, row in running(case).items()}
    assert found["phone"]["first_response"] == timedelta(seconds=30)
    assert found["chat"]["first_response"] == timedelta(seconds=60)
    assert found["portal"]["acknowledgement"] == 4 * HOUR
    assert found["email"]["acknowledgement"] == 8 * HOUR
    assert {kinds["resolution"] for kinds in found.values()} == {48 * HOUR}


def test_installing_again_changes_nothing(clock) -> None:
    SlaTarget.objects.update(within=HOUR)
    assert defaults.install() == 0
    assert set(SlaTarget.objects.values_list("within", flat=True)) == {HOUR}


def test_a_clinical_case_is_acknowledged_in_an_hour_day_and_night(clock) -> None:
    clock.move_to(datetime(2026, 6, 6, 8, tzinfo=UTC))  # Saturday, three in the morning
    case = opened(reason=ReasonFactory(family="clinical"))
    assert running(case)["acknowledgement"].due_at == timezone.now() + HOUR


def _policy(name: str, hours: int, **fits: Any) -> None:
    policy = SlaPolicy.objects.create(name=name, **{"effective_from": date(2026, 1, 1), **fits})
    always = Calendar.objects.get(code=defaults.ALWAYS)
    SlaTarget.objects.create(policy=policy, kind="resolution", within=hours * HOUR, calendar=always)


def test_a_policy_made_in_the_evening_holds_at_once(clock) -> None:
    """By UTC that evening is tomorrow already."""
    clock.move_to(datetime(2026, 6, 3, 2, tzinfo=UTC))  # nine in the evening of the second
    policy = SlaPolicy.objects.create(name="Tonight", channel="portal")
    always = Calendar.objects.get(code=defaults.ALWAYS)
    SlaTarget.objects.create(policy=policy, kind="resolution", within=5 * HOUR, calendar=always)
    assert policy.effective_from == date(2026, 6, 2)
    assert running(opened())["resolution"].within == 5 * HOUR


def test_the_policy_that_names_more_wins(clock) -> None:
    reason = ReasonFactory(family="billing", priority=1)
    patient = PatientFactory(tier="priority")

    def hours() -> float:
        case = opened(reason=reason, patient=patient)
        return running(case)["resolution"].within / HOUR

    found = [hours()]
    for number, fits in enumerate(
        (
            {"channel": "portal", "priority": 1},
            {"customer_tier": "priority"},
            {"reason_family": "billing"},
            {"reason": reason},
            {"reason": reason, "channel": "chat"},
            {"reason": reason, "effective_until": date(2026, 6, 1)},
            {"reason": reason, "effective_from": date(2026, 6, 3)},
            {"reason": reason, "priority": 1, "active": False},
        )
    ):
        _policy(f"Policy {number}", number + 1, **fits)
        found.append(hours())
    assert found == [24, 1, 2, 3, 4, 4, 4, 4, 4]


def test_of_equals_the_later_one_wins(clock) -> None:
    """A policy can be replaced from a date on without touching the old one."""
    _policy("Until now", 5, channel="sms")
    _policy("From Wednesday", 6, channel="sms", effective_from=date(2026, 6, 3))
    today = running(opened("sms"))["resolution"]
    clock.shift(DAY)
    assert (today.within, running(opened("sms"))["resolution"].within) == (5 * HOUR, 6 * HOUR)


# --- what happens ------------------------------------------------------------------------------------
def test_an_answer_stops_what_waits_for_one_and_the_next_word_starts_it_anew(clock) -> None:
    case = opened()
    clock.shift(HOUR)
    sla.event(case, "we_spoke")
    assert set(running(case)) == {"resolution"}
    clock.shift(HOUR)
    sla.event(case, "customer_spoke")
    sla.event(case, "customer_spoke")
    assert running(case)["next_response"].due_at == TUESDAY + 6 * HOUR
    assert case.clocks.filter(kind="next_response").count() == 1


def test_a_case_we_write_down_ourselves_waits_for_no_first_answer(clock, agent) -> None:
    case = cases.open_case(agent, channel="phone", patient=PatientFactory())
    assert set(running(case)) == {"resolution"}
    sla.event(case, "customer_spoke")
    assert "next_response" in running(case)


def test_clocks_stand_still_while_the_customer_has_the_word(clock, agent) -> None:
    case = opened()
    sla.event(case, "we_spoke")
    clock.shift(HOUR)
    case = cases.wait(agent, case=case)
    assert states(case)["resolution"] == "paused"
    assert Case.objects.get(pk=case.pk).next_due_at is None
    clock.shift(3 * DAY)
    sla.event(case, "customer_spoke")
    resolution = running(case)["resolution"]
    assert resolution.due_at == timezone.now() + 47 * HOUR
    assert resolution.used == HOUR


def test_waiting_for_others_pauses_nothing(clock, agent) -> None:
    case = cases.wait(agent, case=opened(), on="prescriber")
    assert set(states(case).values()) == {"running"}


def test_what_may_not_pause_runs_on(clock, agent) -> None:
    case = cases.wait(agent, case=opened(reason=ReasonFactory(family="clinical")))
    assert states(case)["resolution"] == "running"


def test_snoozing_pauses_nothing(clock, agent) -> None:
    case = opened()
    snoozing.snooze(agent, case=case, until=timezone.now() + DAY)
    assert set(states(case).values()) == {"running"}


def test_another_reason_brings_other_promises_and_gives_no_time_back(clock, agent) -> None:
    case = opened()
    clock.shift(10 * HOUR)
    case = cases.change(agent, case=case, reason=ReasonFactory(family="clinical"))
    resolution = running(case)["resolution"]
    assert (resolution.within, resolution.used) == (24 * HOUR, 10 * HOUR)
    assert resolution.due_at == TUESDAY + 24 * HOUR


def test_closing_ends_all_and_reopening_begins_a_new_round(clock, agent) -> None:
    case = opened(reason=ReasonFactory())
    case = cases.close(agent, case=case, disposition="answered", next_step="None")
    assert not running(case)
    assert Case.objects.get(pk=case.pk).next_due_at is None
    clock.shift(DAY)
    case = cases.reopen(agent, case=case)
    assert running(case)["resolution"].due_at == TUESDAY + 3 * DAY
    assert case.clocks.filter(kind="resolution").count() == 2


def test_who_waited_still_does_after_a_merge(clock, agent) -> None:
    """The promise made first holds on, on the case that is left."""
    patient = PatientFactory()
    gone = opened(patient=patient, reason=ReasonFactory())
    clock.shift(HOUR)
    into = opened(patient=patient, reason=ReasonFactory())
    sla.event(into, "we_spoke")
    merging.merge(agent, into=into, cases=[gone])
    assert set(states(gone).values()) == {"cancelled"}
    assert running(into)["next_response"].started_at == TUESDAY
    before = gone.clocks.get(kind="resolution").due_at
    clock.shift(HOUR)
    merging.unmerge(agent, case=gone)
    back = running(gone)["resolution"]
    assert (back.started_at, back.due_at, back.stopped_at) == (TUESDAY, before, None)
    assert gone.clocks.filter(kind="resolution").count() == 1
    assert "next_response" not in running(into)


def test_complaints_have_clocks_of_their_own(clock, agent) -> None:
    """R-SLA: five and fourteen days by the calendar, which closing the case does not stop."""
    case = opened(reason=ReasonFactory())
    sla.begin(case, "complaint_acknowledgement")
    sla.begin(case, "complaint_answer")
    sla.finish(case, "complaint_acknowledgement")
    cases.close(agent, case=case, disposition="answered", next_step="None")
    assert {kind: row.due_at for kind, row in running(case).items()} == {
        "complaint_answer": TUESDAY + 14 * DAY
    }


def test_the_case_knows_its_next_breach(clock, agent) -> None:
    case = opened()
    case.refresh_from_db()
    assert (case.next_due_at, case.next_due_kind) == (TUESDAY + 4 * HOUR, "acknowledgement")
    sla.event(case, "we_spoke")
    case.refresh_from_db()
    assert (case.next_due_at, case.next_due_kind) == (TUESDAY + 48 * HOUR, "resolution")


# --- what messages do --------------------------------------------------------------------------------
def test_messages_turn_the_clocks_of_their_cases(clock, agent) -> None:
    case = opened(patient=PatientFactory(user=UserFactory(realm="patient", roles=["patient"])))
    thread = ConversationFactory(case=case, patient=case.patient, customer=case.patient.user)
    conversations.reply(case.patient.user, conversation=thread, body="Hello?")
    assert "first_response" in running(case)
    conversations.reply(agent, conversation=thread, body="Here we are.")
    assert set(running(case)) == {"resolution"}
    conversations.reply(case.patient.user, conversation=thread, body="And then?")
    assert "next_response" in running(case)
    conversations.note(agent, conversation=thread, body="They ask again.")
    assert "next_response" in running(case)


def test_messages_that_turn_no_clock_cost_one_query() -> None:
    case = opened()
    sla.spoken({case.pk: ["customer_spoke"]})
    with CaptureQueriesContext(connection) as queries:
        sla.spoken({case.pk: ["customer_spoke"]})
    assert len(queries) == 1


def test_many_cases_turn_in_as_few_statements_as_one() -> None:
    def cost(number: int) -> int:
        said = {opened("chat").pk: ["customer_spoke"] for _ in range(number)}
        with CaptureQueriesContext(connection) as queries:
            sla.spoken(said)
        assert Clock.objects.filter(case__in=said, kind="first_response").count() == number
        return len(queries)

    assert cost(1) == cost(12) <= 8


# --- calendars that never open -----------------------------------------------------------------------
def _thin(opens: str = "09:00", closes: str = "10:00") -> Calendar:
    """Open for an hour on Mondays: a fortnight of open time takes more than six years."""
    thin = Calendar.objects.create(code="thin", name="Thin hours", time_zone="America/Chicago")
    OpenHours.objects.create(calendar=thin, weekday=0, opens=opens, closes=closes)
    return thin


def test_no_calendar_keeps_a_case_from_opening(clock, lead) -> None:
    """Its clock runs by the wall, says why, and those who keep calendars hear of it."""
    SlaPolicy.objects.all().delete()
    policy = SlaPolicy.objects.create(name="Thin", channel="portal")
    SlaTarget.objects.create(policy=policy, kind="resolution", within=14 * DAY, calendar=_thin())
    case = opened("portal")
    [row] = case.clocks.all()
    assert row.due_at == TUESDAY + 14 * DAY
    [shown] = sla.standing(case)
    assert "cannot be counted: calendar Thin hours is never open" in shown.why
    assert shown.left == shown.left_wall == 14 * DAY
    assert any("never open" in told.words for told in shown.story)
    assert Notification.objects.filter(case=case, kind="clock", user=lead).exists()
    clock.shift(DAY)
    with transaction.atomic():
        sla.event(case, "waits")
        sla.event(case, "resumes")
    row.refresh_from_db()
    assert row.state == "running"


def test_a_supplier_who_never_opens_still_promises(clock) -> None:
    """A default calendar of days that are all closed: counted round the clock, as one without hours is."""
    own = Calendar.objects.filter(is_default=True).first() or Calendar.objects.create(
        code="own", is_default=True
    )
    own.hours.all().delete()
    OpenHours.objects.create(calendar=own, weekday=0, opens="09:00", closes="10:00")
    Calendar.objects.filter(pk=own.pk).update(always_open=False)
    days = (TUESDAY.date() + timedelta(days=number) for number in range(-2, 1200))
    SpecialDay.objects.bulk_create(SpecialDay(calendar=own, date=day, name="Closed") for day in days)
    assert promises.reply_by() == TUESDAY + 4 * HOUR


def test_a_promise_that_no_calendar_can_count_is_refused(clock) -> None:
    policy = SlaPolicy.objects.create(name="Thin")
    thin = _thin()
    target = SlaTarget(policy=policy, kind="resolution", within=14 * DAY, calendar=thin)
    with pytest.raises(ValidationError, match="calendar Thin hours is never open so long"):
        target.full_clean()
    target.within = 2 * HOUR
    target.full_clean()
    target.within = 14 * DAY
    target.save()
    assert promises.uncounted(thin) == [target]


# --- what time does ----------------------------------------------------------------------------------
def test_a_warning_comes_before_the_breach_and_each_once(clock, lead) -> None:
    """R-SLA-4: owner and lead hear of it; the breach stands in the case's line of time."""
    owner, team = UserFactory(roles=["agent"]), TeamFactory()
    team.members.add(lead)
    stranger = UserFactory(roles=["lead"])
    case = opened("phone")
    Case.objects.filter(pk=case.pk).update(owner=owner, team=team)
    clock.shift(timedelta(seconds=25))
    assert (sla.look(), sla.look()) == (1, 0)
    row = case.clocks.get(kind="first_response")
    assert row.warned_at == timezone.now()
    assert row.breached_at is None
    told = set(Notification.objects.filter(case=case, kind="clock").values_list("user", flat=True))
    assert told == {owner.pk, lead.pk}
    assert stranger.pk not in told
    clock.shift(timedelta(seconds=10))
    assert (sla.look(), sla.look()) == (1, 0)
    row.refresh_from_db()
    assert row.breached_at == row.due_at == TUESDAY + timedelta(seconds=30)
    assert CaseEvent.objects.filter(case=case, kind="clock").count() == 1


def test_a_team_nobody_leads_is_everybodys(clock, lead) -> None:
    case = opened("phone")
    clock.shift(HOUR)
    sla.look()
    assert Notification.objects.filter(case=case, kind="clock", user=lead).exists()


def test_signals_carry_ids_and_come_on_commit(clock, django_capture_on_commit_callbacks) -> None:
    from cases.signals import clock_breached

    heard: list[tuple[int, int]] = []

    def hear(sender: Any, case_id: int, clock_id: int, **_: Any) -> None:
        heard.append((case_id, clock_id))

    clock_breached.connect(hear)
    case = opened("phone")
    clock.shift(HOUR)
    with django_capture_on_commit_callbacks(execute=True):
        sla.look()
        assert not heard
    assert heard == [(case.pk, case.clocks.get(kind="first_response").pk)]


def test_an_answer_after_the_time_is_a_breach_though_nobody_looked(clock) -> None:
    case = opened("phone")
    clock.shift(HOUR)
    sla.event(case, "we_spoke")
    row = case.clocks.get(kind="first_response")
    assert (row.state, row.breached_at) == ("stopped", TUESDAY + timedelta(seconds=30))
    assert sla.look() == 0


def test_the_systems_clock_put_back_loses_nothing(clock) -> None:
    """What was said is said, no time is won, and what is due is found when its time comes."""
    case = opened()
    clock.shift(-HOUR)
    sla.event(case, "we_spoke")
    stopped = case.clocks.get(kind="first_response")
    assert (stopped.state, stopped.used, stopped.stopped_at) == ("stopped", timedelta(0), TUESDAY)
    sla.event(case, "customer_spoke")
    assert sla.look() == 0
    clock.move_to(TUESDAY + 30 * DAY)
    assert sla.look() == 2
    assert case.clocks.filter(breached_at=None, state="running").count() == 0


def test_a_warning_given_is_not_given_again_when_time_comes_twice(clock) -> None:
    opened("phone")
    clock.shift(timedelta(seconds=25))
    assert sla.look() == 1
    clock.shift(-timedelta(seconds=20))
    clock.shift(timedelta(seconds=20))
    assert sla.look() == 0


# --- in words ----------------------------------------------------------------------------------------
def test_a_case_tells_the_story_of_its_clocks(clock, agent, lead) -> None:
    case = opened()
    sla.event(case, "we_spoke")
    clock.shift(HOUR)
    cases.wait(agent, case=case)
    [resolution, *_ended] = sla.standing(case)
    assert (resolution.label, resolution.state, resolution.colour) == ("Solved", "Paused", "green")
    assert "stands still while the customer has the word; 47 hours are left" in resolution.why
    words = [line.words for line in resolution.story]
    assert words[0].startswith("Started: the case was opened. Due ")
    assert words[1].startswith("Paused: the customer has the word.")


def test_colours_go_from_green_over_amber_to_red(clock) -> None:
    case = opened("phone")

    def colour() -> str:
        return next(each.colour for each in sla.standing(case) if each.clock.kind == "first_response")

    found = [colour()]
    for seconds in (23, 10):
        clock.shift(timedelta(seconds=seconds))
        found.append(colour())
    assert found == ["green", "amber", "red"]


def test_a_clock_shows_open_time_and_time_by_the_wall(clock) -> None:
    clock.move_to(datetime(2026, 6, 4, 22, 30, tzinfo=UTC))  # half an hour before closing
    shown = next(each for each in sla.standing(opened()) if each.clock.kind == "first_response")
    assert (shown.left, shown.left_wall) == (4 * HOUR, 18 * HOUR)
    assert (shown.left_words, shown.wall_words) == ("4 h 00", "18 h 00")


def test_facts_are_read_in_one_query() -> None:
    found = [opened().pk for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        facts = promises.of_cases(found)
    assert (len(queries), set(facts)) == (1, set(found))
