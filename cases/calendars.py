"""Business time: the one place that knows when we are open, and how much open time lies between two moments.

Open time is counted between moments of the world's time, so no hour is lost or doubled when the clocks change:
a stretch that would begin in the hour that is left out begins when that hour is skipped, and one that begins in
the hour that comes twice begins at its first coming.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
from django.conf import settings
from django.db import connection
from django.utils import timezone

from cases.models import Calendar

DAY = timedelta(days=1)
NONE = timedelta(0)
FARTHEST = 1100  # days that are looked through for an opening

Stretch = tuple[time, time]
Span = tuple[datetime, datetime]

READ = """
    SELECT coalesce(json_agg(json_build_object(
        'id', c.id, 'default', c.is_default, 'zone', c.time_zone, 'always', c.always_open,
        'country', c.holiday_country, 'subdivision', c.holiday_subdivision,
        'week', (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
                 FROM cases_openhours h WHERE h.calendar_id = c.id),
        'days', (SELECT json_agg(json_build_array(s.date, s.opens, s.closes) ORDER BY s.date, s.opens)
                 FROM cases_specialday s WHERE s.calendar_id = c.id)
    ) ORDER BY c.id), '[]')::text FROM cases_calendar c
"""


class NeverOpen(ValueError):
    """A calendar has no open time to count in."""


@dataclass(frozen=True, eq=False)
class Hours:
    """A calendar as it is counted with: stretches for each weekday, and for each date that goes by its own."""

    zone: ZoneInfo
    always: bool
    week: tuple[tuple[Stretch, ...], ...]
    days: dict[date, tuple[Stretch, ...]]
    country: str = ""
    subdivision: str = ""


Known = tuple[dict[int, Hours], Hours]


# --- what is asked -----------------------------------------------------------------------------------
def add(calendar: Calendar | Hours, start: datetime, minutes: float) -> datetime:
    """The moment ``minutes`` of open time after ``start``. Raises NeverOpen."""
    return after(hours_of(calendar), start, timedelta(minutes=minutes))


def between(calendar: Calendar | Hours, start: datetime, end: datetime) -> float:
    """Minutes of open time from ``start`` to ``end``; 0 where ``end`` comes first."""
    return open_time(hours_of(calendar), start, end) / timedelta(minutes=1)


def is_open(calendar: Calendar | Hours, at: datetime) -> bool:
    hours = hours_of(calendar)
    return hours.always or any(opens <= at < closes for opens, closes in _spans(hours, at, at))


def next_opening(calendar: Calendar | Hours, at: datetime) -> datetime:
    """``at`` where we are open then, else the next time we open. Raises NeverOpen."""
    hours = hours_of(calendar)
    if hours.always:
        return at
    return max(at, next(opens for opens, closes in _spans(hours, at) if closes > at))


def supplier() -> Hours:
    """The supplier's own hours: the default calendar, or round the clock where it never opens any more."""
    return or_always(known()[1], timezone.now())


def or_always(hours: Hours, at: datetime) -> Hours:
    """``hours``, or round the clock where they never open after ``at``."""
    return hours if is_reached(hours, at, timedelta(minutes=1)) else replace(hours, always=True)


def is_reached(hours: Hours, start: datetime, left: timedelta) -> bool:
    """Whether so much open time comes after ``start`` in any future that is looked at."""
    try:
        after(hours, start, left)
    except NeverOpen:
        return False
    return True


# --- counting ----------------------------------------------------------------------------------------
def after(hours: Hours, start: datetime, left: timedelta) -> datetime:
    """As ``add``, to the microsecond."""
    if hours.always or left <= NONE:
        return start + max(left, NONE)
    for opens, closes in _spans(hours, start):
        begins = max(opens, start)
        if begins >= closes:
            continue
        if left <= closes - begins:
            return begins + left
        left -= closes - begins
    raise NeverOpen("This calendar has no open hours.")


def open_time(hours: Hours, start: datetime, end: datetime) -> timedelta:
    """As ``between``, to the microsecond."""
    if end <= start:
        return NONE
    if hours.always:
        return end - start
    counted = NONE
    for opens, closes in _spans(hours, start, end):
        if opens >= end:
            break
        counted += max(min(closes, end) - max(opens, start), NONE)
    return counted


def _spans(hours: Hours, start: datetime, end: datetime | None = None) -> Iterator[Span]:
    """Open spans in order, apart from each other, from the one that may hold ``start`` on."""
    first = start.astimezone(hours.zone).date() - DAY
    last = end.astimezone(hours.zone).date() if end else first + DAY * FARTHEST
    held: Span | None = None
    for number in range((last - first).days + 1):
        for span in _of_day(hours, first + DAY * number):
            if held and span[0] <= held[1]:
                held = held[0], max(held[1], span[1])
                continue
            if held:
                yield held
            held = span
    if held:
        yield held
    if end is None:
        raise NeverOpen("This calendar has no open hours.")


@lru_cache(maxsize=8192)
def _of_day(hours: Hours, day: date) -> tuple[Span, ...]:
    """The spans that begin on a local date."""
    stretches = hours.days.get(day)
    if stretches is None:
        closed = day in _holidays(hours.country, hours.subdivision, day.year)
        stretches = () if closed else hours.week[day.weekday()]
    found = (_moments(hours.zone, day, *stretch) for stretch in stretches)
    return tuple(span for span in found if span[0] < span[1])


def _moments(zone: ZoneInfo, day: date, opens: time, closes: time) -> Span:
    ends = day + DAY if closes <= opens else day
    return _moment(zone, day, opens, 0), _moment(zone, ends, closes, 1)


def _moment(zone: ZoneInfo, day: date, at: time, fold: int) -> datetime:
    """A local time as a moment; of a time left out, the moment it is skipped at."""
    moment = datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)
    if moment.astimezone(zone).time() == at:
        return moment
    return _change(zone, moment - DAY / 2, moment + DAY / 2)


def _change(zone: ZoneInfo, before: datetime, later: datetime) -> datetime:
    """When the clocks are put forward between two moments, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while later - before > timedelta(seconds=1):
        middle = before + (later - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            later = middle
    return later.replace(microsecond=0)


@lru_cache(maxsize=256)
def _holidays(country: str, subdivision: str, year: int) -> frozenset[date]:
    if not country:
        return frozenset()
    return frozenset(holidays.country_holidays(country, subdiv=subdivision or None, years=year))


# --- calendars as rows -------------------------------------------------------------------------------
def hours_of(calendar: Calendar | Hours) -> Hours:
    return calendar if isinstance(calendar, Hours) else known()[0][calendar.pk]


def known() -> Known:
    """All calendars by their keys, and the supplier's own: one query, read anew only where a row has changed."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return _parsed(cursor.fetchone()[0], settings.SUPPLIER_TIME_ZONE)


@lru_cache(maxsize=4)
def _parsed(text: str, own_zone: str) -> Known:
    rows = json.loads(text)
    found = {row["id"]: _hours(row) for row in rows}
    default = next((found[row["id"]] for row in rows if row["default"]), None)
    return found, default or usual(own_zone)


def _hours(row: dict[str, Any]) -> Hours:
    """A calendar without hours counts round the clock: a promise kept too early does no harm."""
    week: list[list[Stretch]] = [[] for _ in range(7)]
    for weekday, opens, closes in row["week"] or []:
        week[weekday].append((time.fromisoformat(opens), time.fromisoformat(closes)))
    days: dict[date, list[Stretch]] = {}
    for day, opens, closes in row["days"] or []:
        own = days.setdefault(date.fromisoformat(day), [])
        if opens is not None:
            own.append((time.fromisoformat(opens), time.fromisoformat(closes)))
    return Hours(
        ZoneInfo(row["zone"]),
        row["always"] or not any(week),
        tuple(map(tuple, week)),
        {day: tuple(own) for day, own in days.items()},
        row["country"],
        row["subdivision"],
    )


@lru_cache(maxsize=4)
def usual(zone: str) -> Hours:
    """What counts where no calendar is the default yet: weekdays from 8 to 6, without public holidays."""
    day = ((time(8), time(18)),)
    return Hours(ZoneInfo(zone), False, (day,) * 5 + ((), ()), {}, "US")
