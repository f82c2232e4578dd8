"""The clocks of some cases, read under lock, turned together and written together: a few statements for many."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from django.db import connection, transaction
from django.db.models import Model, Q
from django.utils import timezone

from cases import calendars, clock_alarms, promises
from cases.clocks import ACTIVE, ONCE, UNCOUNTED, Turning
from cases.models import Clock, ClockEvent
from cases.promises import Facts, Target
from cases.signals import clock_breached, clock_warned
from portal.models import User

SIGNALS = {"warned": clock_warned, "breached": clock_breached}
NEXT = """
    UPDATE cases_case c SET next_due_at = n.due_at, next_warn_at = n.warn_at, next_due_kind = coalesce(n.kind, ''),
        next_due_calendar_id = n.calendar_id
    FROM unnest(%s::bigint[]) AS i (id) LEFT JOIN LATERAL (
        SELECT due_at, warn_at, kind, calendar_id FROM cases_clock
        WHERE case_id = i.id AND state = 'running' ORDER BY due_at, id LIMIT 1
    ) n ON true
    WHERE c.id = i.id AND (c.next_due_at, c.next_warn_at, c.next_due_kind)
        IS DISTINCT FROM (n.due_at, n.warn_at, coalesce(n.kind, ''))
"""
TURNED = """
    UPDATE cases_clock k SET state = t.state, policy_name = t.policy_name, calendar_id = t.calendar_id,
        within = t.within, used = t.used, warn_at_percent = t.warn_at_percent, pauses = t.pauses,
        running_since = t.running_since, changed_at = t.changed_at, due_at = t.due_at, warn_at = t.warn_at,
        warned_at = t.warned_at, breached_at = t.breached_at, stopped_at = t.stopped_at,
        next_moment_at = t.next_moment_at
    FROM json_populate_recordset(NULL::cases_clock, %s) t WHERE k.id = t.id
"""
STARTED = """
    INSERT INTO cases_clock (case_id, kind, channel, state, policy_name, calendar_id, within, used, warn_at_percent,
        pauses, started_at, running_since, changed_at, due_at, warn_at, warned_at, breached_at, stopped_at,
        next_moment_at)
    SELECT case_id, kind, channel, state, policy_name, calendar_id, within, used, warn_at_percent,
        pauses, started_at, running_since, changed_at, due_at, warn_at, warned_at, breached_at, stopped_at,
        next_moment_at
    FROM json_populate_recordset(NULL::cases_clock, %s) RETURNING id
"""
TOLD = """
    INSERT INTO cases_clockevent
        (clock_id, case_id, kind, cause, at, noted_at, due_at, was_due_at, actor_id, actor_name)
    SELECT clock_id, case_id, kind, cause, at, noted_at, due_at, was_due_at, actor_id, actor_name
    FROM json_populate_recordset(NULL::cases_clockevent, %s)
"""
MICROSECOND = timedelta(microseconds=1)


class Ledger:
    """The clocks of some cases, under lock, with what may be needed to turn them; read as late as may be."""

    def __init__(self, case_ids: list[int]) -> None:
        self.case_ids = sorted(case_ids)
        self.turnings: list[Turning] = []
        self.clocks: dict[int, list[Clock]] = {case_id: [] for case_id in case_ids}
        known = Clock.objects.filter(case_id__in=case_ids).filter(Q(state__in=ACTIVE) | Q(kind__in=ONCE))
        for clock in known.order_by("pk").select_for_update(no_key=True):
            self.clocks[clock.case_id].append(clock)

    @cached_property
    def facts(self) -> dict[int, Facts]:
        return promises.of_cases(self.case_ids)

    @cached_property
    def policies(self) -> tuple[promises.Policy, ...]:
        return promises.policies()

    @cached_property
    def calendars(self) -> calendars.Known:
        return calendars.known()

    def turning(self, cause: str, *, actor: Any, at: datetime | None, reason: str) -> Turning:
        made = Turning(at or timezone.now(), cause, lambda: self.calendars, at is None, who(actor), reason)
        self.turnings.append(made)
        return made

    def active(self, case_id: int, *kinds: str) -> list[Clock]:
        mine = (clock for clock in self.clocks[case_id] if clock.state in ACTIVE)
        return [clock for clock in mine if not kinds or clock.kind in kinds]

    def cancelled(self, case_id: int, cause: str) -> list[Clock]:
        return self.ended(case_id, cause, how="cancelled")

    def ended(self, case_id: int, cause: str, *, how: str) -> list[Clock]:
        """The clocks that this cause ended last, one of a kind; they are the ledger's from now on. ``how`` is
        ``cancelled`` or ``stopped``.
        """
        ends = ClockEvent.objects.filter(case=case_id, kind=how, cause=cause).order_by("at", "pk")
        last = dict(ends.values_list("clock__kind", "clock"))
        known = {clock.pk: clock for clock in self.clocks[case_id]}
        rows = Clock.objects.filter(pk__in=last.values(), state=how).select_for_update(no_key=True)
        found = [known.get(clock.pk, clock) for clock in rows.order_by("pk")]
        self.clocks[case_id] += [clock for clock in found if clock.pk not in known]
        return [clock for clock in found if not self.active(case_id, clock.kind)]

    def had(self, case_id: int, kind: str) -> bool:
        return any(clock.kind == kind for clock in self.clocks[case_id])

    def promised(self, case_id: int, turning: Turning) -> dict[str, Target]:
        if not self.policies:
            return {}
        return promises.made(self.policies, self.facts[case_id], turning.at)

    def start(self, case_id: int, turning: Turning, *kinds: str, at: datetime | None = None) -> None:
        """Start those of ``kinds`` that are promised and do not run; paused where the customer has the word."""
        promised = self.promised(case_id, turning)
        for kind in kinds:
            if kind in promised and not self.active(case_id, kind):
                clock = turning.start(case_id, self.facts[case_id].channel, promised[kind], at=at)
                self.clocks[case_id].append(clock)
                if self.facts[case_id].waits:
                    turning.pause(clock)

    def store(self) -> None:
        """Write what was turned; nothing where nothing was. The ledger can go on after it."""
        story = [told for turning in self.turnings for told in turning.story]
        if story:
            store(story)
        self.turnings = []


def who(actor: Any) -> dict[str, Any]:
    """The columns that name an actor."""
    if isinstance(actor, User):
        return {"actor": actor}
    return {"actor_name": getattr(actor, "name", "")[:40]}


def store(story: list[ClockEvent]) -> None:
    """The clocks that a story tells of, the story, and when each case is due next."""
    told_of = {id(told.clock): told.clock for told in story}.values()
    turned([clock for clock in told_of if clock.pk])
    _started([clock for clock in told_of if not clock.pk])
    keep(story)
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [sorted({told.case_id for told in story})])


def turned(clocks: list[Clock]) -> None:
    """Write what became of clocks, however many, in one statement."""
    if clocks:
        with connection.cursor() as cursor:
            cursor.execute(TURNED, [_rows(clocks)])


def _started(clocks: list[Clock]) -> None:
    if not clocks:
        return
    with connection.cursor() as cursor:
        cursor.execute(STARTED, [_rows(clocks)])
        numbers = sorted(row[0] for row in cursor.fetchall())  # given in the order of the rows
    for clock, number in zip(clocks, numbers, strict=True):
        clock.pk = number


def keep(story: list[ClockEvent]) -> None:
    """Write down what was told, tell people of warnings and breaches, and announce these on commit."""
    for told in story:
        told.clock_id = told.clock.pk
    ClockEvent.objects.bulk_create([told for told in story if told.reason])
    if plain := [told for told in story if not told.reason]:
        with connection.cursor() as cursor:
            cursor.execute(TOLD, [_rows(plain)])
    alarms = [told for told in story if told.kind in SIGNALS]
    clock_alarms.ring(alarms)
    clock_alarms.ring_uncounted([told for told in story if told.cause == UNCOUNTED])
    for told in alarms:
        transaction.on_commit(partial(_announce, told.kind, told.case_id, told.clock_id))


def _rows(things: Sequence[Model]) -> str:
    """Rows as PostgreSQL reads them, all in one parameter. What is sealed does not travel so."""
    columns = [field.attname for field in things[0]._meta.concrete_fields]
    return json.dumps([{name: _plain(getattr(thing, name)) for name in columns} for thing in things])


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"{value // MICROSECOND} microseconds"
    return value.isoformat() if isinstance(value, datetime) else value


def _announce(kind: str, case_id: int, clock_id: int) -> None:
    SIGNALS[kind].send_robust(None, case_id=case_id, clock_id=clock_id)
