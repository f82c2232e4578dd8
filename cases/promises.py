"""What is promised to whom by when: the SLA policies in force, and which of them a case falls under."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.utils import timezone

from cases import calendars
from cases.models import Calendar, SlaPolicy, SlaTarget
from config.business_day import business_day
from portal.tiers import TIER

REPLY_HOURS = 4

READ = """
    SELECT coalesce(json_agg(json_build_object(
        'id', p.id, 'name', p.name, 'reason', p.reason_id, 'family', p.reason_family, 'tier', p.customer_tier,
        'priority', p.priority, 'channel', p.channel, 'from', p.effective_from, 'until', p.effective_until,
        'targets', (SELECT json_agg(json_build_array(
                        t.kind, extract(epoch FROM t.within), t.calendar_id, t.warn_at_percent, t.pauses))
                    FROM cases_slatarget t WHERE t.policy_id = p.id)
    ) ORDER BY p.id), '[]')::text FROM cases_slapolicy p WHERE p.active
"""
FACTS = f"""
    SELECT c.id, c.channel, c.state, c.waiting_on, c.priority, c.reason_id, coalesce(r.family, ''),
        coalesce({TIER}, 'standard'), c.merged_into_id
    FROM cases_case c LEFT JOIN cases_reason r ON r.id = c.reason_id LEFT JOIN portal_patient p ON p.id = c.patient_id
    WHERE c.id = ANY(%s)
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a case decides its promises."""

    case_id: int
    channel: str
    state: str
    waiting_on: str
    priority: int
    reason_id: int | None
    family: str
    tier: str
    merged_into_id: int | None

    @property
    def waits(self) -> bool:
        """The customer has the word."""
        return self.state == "waiting" and self.waiting_on in ("", "customer")


@dataclass(frozen=True, slots=True)
class Target:
    """One promise of one policy. ``within`` is open time of the calendar."""

    kind: str
    within: timedelta
    calendar_id: int
    warn_at_percent: int
    pauses: bool
    policy_name: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as it is matched: what it names must be so, what it leaves empty fits all."""

    pk: int
    name: str
    reason_id: int | None
    family: str
    tier: str
    priority: int | None
    channel: str
    since: date
    until: date | None
    targets: tuple[Target, ...]

    def fits(self, facts: Facts, on: date) -> bool:
        named = (
            (self.reason_id, facts.reason_id),
            (self.family, facts.family),
            (self.tier, facts.tier),
            (self.priority, facts.priority),
            (self.channel, facts.channel),
        )
        in_force = self.since <= on and (self.until is None or on <= self.until)
        return in_force and all(wanted in (None, "", found) for wanted, found in named)

    @property
    def rank(self) -> tuple[Any, ...]:
        """What is named counts in this order; between equals, what is in force since later."""
        named = (self.reason_id, self.family, self.tier, self.priority, self.channel)
        return (*(bool(each) for each in named), self.since, self.pk)


def of_cases(case_ids: list[int]) -> dict[int, Facts]:
    with connection.cursor() as cursor:
        cursor.execute(FACTS, [case_ids])
        return {row[0]: Facts(*row) for row in cursor.fetchall()}


def policies() -> tuple[Policy, ...]:
    """All that are active: one query, read anew only where a row has changed."""
    with connection.cursor() as cursor:
        cursor.execute(READ)
        return _parsed(cursor.fetchone()[0])


def made(known: tuple[Policy, ...], facts: Facts, at: datetime) -> dict[str, Target]:
    """The promises made to a case at a moment, by kind: of several, the most specific policy's."""
    on = business_day(at)
    fitting = sorted((policy for policy in known if policy.fits(facts, on)), key=lambda policy: policy.rank)
    return {target.kind: target for policy in fitting for target in policy.targets}


def weight(policy: SlaPolicy) -> int:
    """How specific a policy is, as ``rank`` orders them: the heavier one wins."""
    named = (policy.reason_id, policy.reason_family, policy.customer_tier, policy.priority, policy.channel)
    return sum(bool(each) << place for place, each in enumerate(reversed(named)))


def uncounted(calendar: Calendar) -> list[SlaTarget]:
    """The targets in force whose time never comes in a calendar's hours."""
    hours, now = calendars.hours_of(calendar), timezone.now()
    targets = SlaTarget.objects.filter(calendar=calendar, policy__active=True).select_related("policy")
    return [target for target in targets if not calendars.is_reached(hours, now, target.within)]


def reply_by(now: datetime | None = None, *, hours: int = REPLY_HOURS) -> datetime:
    """The moment ``hours`` business hours from ``now``, in the supplier's time zone."""
    own = calendars.supplier()
    return calendars.add(own, now or timezone.now(), hours * 60).astimezone(own.zone)


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[Policy, ...]:
    return tuple(_policy(row) for row in json.loads(text))


def _policy(row: dict[str, Any]) -> Policy:
    targets = tuple(
        Target(kind, timedelta(seconds=float(seconds)), calendar, warn, pauses, row["name"])
        for kind, seconds, calendar, warn, pauses in row["targets"] or []
    )
    return Policy(
        row["id"],
        row["name"],
        row["reason"],
        row["family"],
        row["tier"],
        row["priority"],
        row["channel"],
        date.fromisoformat(row["from"]),
        row["until"] and date.fromisoformat(row["until"]),
        targets,
    )
