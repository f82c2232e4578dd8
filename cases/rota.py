"""Who is on duty: read off a rota's layers, restrictions and overrides, at any moment and in any zone.

All is reckoned in moments. A turn begins at a wall clock's time, so a day of the change of the clock makes it
an hour longer or shorter, and never leaves a hole or counts an hour for two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import calendars
from cases.calendars import Hours
from cases.models import Rota, RotaLayer, RotaMember, RotaOverride
from portal.access import PERMISSIONS, allowed, require
from portal.models import User

A_DAY = timedelta(days=1)
LONGEST_LOOK = timedelta(days=100)


@dataclass(frozen=True)
class Stretch:
    """A time in which the same people are on duty, the first of them first. Nobody: a gap."""

    start: datetime
    end: datetime
    people: tuple[User, ...] = ()


@dataclass(frozen=True)
class Layer:
    """A layer as it is reckoned with: its people in turn and the hours it serves, by its own clock."""

    zone: ZoneInfo
    begins_on: date
    hand_over_at: time
    turn_days: int
    people: tuple[User | None, ...]  # None: somebody's turn who can't acknowledge a page any more
    hours: tuple[tuple[int | None, time, time], ...] = ()

    def serving(self, at: datetime) -> User | None:
        """Whose turn it is, or None outside the layer's hours and before its first turn."""
        if not self.people or not self._is_open(at):
            return None
        day = self._local(at)
        if at < self.moment(day, self.hand_over_at):
            day -= A_DAY
        turn = (day - self.begins_on).days // self.turn_days
        return self.people[turn % len(self.people)] if turn >= 0 else None

    def edges(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Every moment of a time at which this layer may change."""
        day, last = self._local(start) - A_DAY, self._local(end) + A_DAY
        while day <= last:
            yield self.moment(day, self.hand_over_at)
            for weekday, opens, shuts in self.hours:
                if weekday in (None, day.weekday()):
                    yield from self._window(day, opens, shuts)
            day += A_DAY

    def moment(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.zone).astimezone(UTC)

    def _local(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def _is_open(self, at: datetime) -> bool:
        if not self.hours:
            return True
        today = self._local(at)
        return any(
            weekday in (None, day.weekday()) and self._within(at, day, opens, shuts)
            for day in (today, today - A_DAY)
            for weekday, opens, shuts in self.hours
        )

    def _within(self, at: datetime, day: date, opens: time, shuts: time) -> bool:
        start, end = self._window(day, opens, shuts)
        return start <= at < end

    def _window(self, day: date, opens: time, shuts: time) -> tuple[datetime, datetime]:
        return self.moment(day, opens), self.moment(day if shuts > opens else day + A_DAY, shuts)


@dataclass(frozen=True)
class Plan:
    """A rota read once, to be asked many times."""

    rota: Rota
    layers: tuple[Layer, ...] = ()
    overrides: tuple[RotaOverride, ...] = ()
    hours: Hours | None = None  # in which somebody is wanted; None: always

    def on_duty(self, at: datetime) -> list[User]:
        stands_in = next((one.user for one in self.overrides if _covers(one, at)), None)
        serving = [layer.serving(at) for layer in self.layers]
        behind = serving if stands_in is None else [stands_in, *_without_first(serving)]
        return list(dict.fromkeys(person for person in behind if person is not None))

    def stretches(self, start: datetime, end: datetime) -> list[Stretch]:
        """A time cut wherever who is on duty changes."""
        found: list[Stretch] = []
        for begins, ends in pairwise(self._edges(start, end)):
            people = tuple(self.on_duty(begins))
            if found and found[-1].people == people:
                found[-1] = Stretch(found[-1].start, ends, people)
            else:
                found.append(Stretch(begins, ends, people))
        return found

    def gaps(self, start: datetime, end: datetime) -> list[Stretch]:
        """Stretches without anybody, at hours in which somebody is wanted."""
        empty = [stretch for stretch in self.stretches(start, end) if not stretch.people]
        return [gap for stretch in empty if (gap := self._wanted(stretch))]

    def _wanted(self, gap: Stretch) -> Stretch | None:
        """A gap from the first moment that somebody is wanted in it; None where nobody is."""
        if self.hours is None:
            return gap
        opens = calendars.next_opening(self.hours, gap.start)
        return Stretch(opens, gap.end) if opens < gap.end else None

    def _edges(self, start: datetime, end: datetime) -> list[datetime]:
        edges = {edge for layer in self.layers for edge in layer.edges(start, end)}
        edges |= {edge for one in self.overrides for edge in (one.starts_at, one.ends_at)}
        return [start, *sorted(edge for edge in edges if start < edge < end), end]


def _covers(override: RotaOverride, at: datetime) -> bool:
    return override.starts_at <= at < override.ends_at


def _without_first(serving: list[User | None]) -> list[User | None]:
    """An override stands in for the first who would have been on duty; the others stay behind."""
    first = next((place for place, person in enumerate(serving) if person is not None), None)
    return [person for place, person in enumerate(serving) if place != first]


# --- asked of a rota ---------------------------------------------------------------------------------
def plan(rota: Rota) -> Plan:
    """The rota with all it takes to reckon, in seven queries at most."""
    return plans(Rota.objects.filter(pk=rota.pk))[0]


def plans(rotas: Any) -> list[Plan]:
    """Several rotas at once, in as many queries as one takes."""
    people = RotaMember.objects.select_related("user")
    layers = RotaLayer.objects.prefetch_related(Prefetch("members", people), "restrictions")
    stand_ins = RotaOverride.objects.select_related("user").order_by("-pk")
    found = rotas.prefetch_related(Prefetch("layers", layers), Prefetch("overrides", stand_ins))
    office, able = calendars.supplier(), _able()
    return [_reckoned(rota, None if rota.around_the_clock else office, able) for rota in found]


def _able() -> set[int]:
    """Who can acknowledge a page now: of anybody else a turn is a gap."""
    return set(User.objects.holding(PERMISSIONS["pages.acknowledge"]).values_list("pk", flat=True))


def _reckoned(rota: Rota, hours: Hours | None, able: set[int]) -> Plan:
    layers = tuple(_layer(rota, layer, able) for layer in rota.layers.all())
    overrides = tuple(one for one in rota.overrides.all() if one.user_id in able)
    return Plan(rota, layers, overrides, hours)


def _layer(rota: Rota, layer: RotaLayer, able: set[int]) -> Layer:
    return Layer(
        ZoneInfo(layer.time_zone or rota.time_zone),
        layer.begins_on,
        layer.hand_over_at,
        layer.turn_days,
        tuple(member.user if member.user_id in able else None for member in layer.members.all()),
        tuple((rule.weekday, rule.from_time, rule.until_time) for rule in layer.restrictions.all()),
    )


def on_duty(rota: Rota, at: datetime) -> list[User]:
    """Who is on duty, the first to be called first, those who stand behind them after. Empty: a gap."""
    return plan(rota).on_duty(at)


def hand_overs(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """The turns of a time, in order: who is on duty from when to when."""
    _check(start, end)
    return plan(rota).stretches(start, end)


def gaps(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """When somebody is wanted and nobody is on duty."""
    _check(start, end)
    return plan(rota).gaps(start, end)


def gaps_ahead(plan: Plan, now: datetime | None = None) -> list[Stretch]:
    """The gaps of as many coming days as the rota says."""
    start = now or timezone.now()
    return plan.gaps(start, start + timedelta(days=plan.rota.warn_days))


def _check(start: datetime, end: datetime) -> None:
    if not start < end <= start + LONGEST_LOOK:
        raise ValueError("A time of at most a hundred days is looked at, from its start to its end.")


# --- changed -----------------------------------------------------------------------------------------
def stand_in(actor: Any, *, rota: Rota, user: User, starts_at: datetime, ends_at: datetime) -> RotaOverride:
    """Put somebody on duty for a time, whoever else would be. Raises ValidationError in words."""
    require(actor, "rota.manage")
    if ends_at <= starts_at:
        raise ValidationError({"ends_at": _("It ends before it begins.")})
    if ends_at <= timezone.now():
        raise ValidationError({"ends_at": _("This time is over already.")})
    if not user.is_active or not allowed(user, "pages.acknowledge"):
        raise ValidationError({"user": _("This person can't acknowledge a page.")})
    with transaction.atomic():
        made_by = actor if isinstance(actor, User) else None
        override: RotaOverride = RotaOverride.objects.create(
            rota=rota, user=user, starts_at=starts_at, ends_at=ends_at, made_by=made_by
        )
    return override
