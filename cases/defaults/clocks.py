"""The hours a supplier keeps and the promises it begins with (R-SLA-1 to 3). Rows that are there are left alone."""

from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

from django.conf import settings

from cases.models import Calendar, OpenHours, SlaPolicy, SlaTarget

OWN, ALWAYS = "supplier", "round-the-clock"
OPENS, CLOSES = time(8), time(18)
SINCE = date(2026, 1, 1)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)

Promise = tuple[timedelta, str]

# Policy: what it fits, and for each kind of clock how long, by which calendar.
POLICIES: dict[str, tuple[dict[str, Any], dict[str, Promise]]] = {
    "Every case": ({}, {"resolution": (48 * HOUR, ALWAYS), "next_response": (8 * HOUR, OWN)}),
    "Phone": ({"channel": "phone"}, {"first_response": (30 * SECOND, OWN)}),
    "Chat": (
        {"channel": "chat"},
        {"first_response": (60 * SECOND, OWN), "next_response": (60 * SECOND, OWN)},
    ),
    "Portal messages": (
        {"channel": "portal"},
        dict.fromkeys(("acknowledgement", "first_response", "next_response"), (4 * HOUR, OWN)),
    ),
    "E-mail": (
        {"channel": "email"},
        dict.fromkeys(("acknowledgement", "first_response", "next_response"), (8 * HOUR, OWN)),
    ),
    "Urgent cases": ({"priority": 1}, {"resolution": (24 * HOUR, ALWAYS)}),
    "High priority": ({"priority": 2}, {"resolution": (24 * HOUR, ALWAYS)}),
    "Low priority": ({"priority": 4}, {"resolution": (72 * HOUR, ALWAYS)}),
    "Life-sustaining equipment": (
        {"customer_tier": "life_sustaining"},
        {"resolution": (24 * HOUR, ALWAYS)},
    ),
    "Clinical": (
        {"reason_family": "clinical"},
        {"acknowledgement": (HOUR, ALWAYS), "resolution": (24 * HOUR, ALWAYS)},
    ),
    "Complaints": (
        {},
        {"complaint_acknowledgement": (5 * DAY, ALWAYS), "complaint_answer": (14 * DAY, ALWAYS)},
    ),
}
NEVER_PAUSE = {"Clinical", "Complaints"}


def install() -> int:
    """How many calendars and policies were new."""
    own, new_own = Calendar.objects.get_or_create(code=OWN, defaults=_own())
    if new_own:
        weekdays = [OpenHours(calendar=own, weekday=day, opens=OPENS, closes=CLOSES) for day in range(5)]
        OpenHours.objects.bulk_create(weekdays)
    always, new_always = Calendar.objects.get_or_create(
        code=ALWAYS,
        defaults={
            "name": "Round the clock",
            "always_open": True,
            "time_zone": settings.SUPPLIER_TIME_ZONE,
        },
    )
    calendars = {OWN: own, ALWAYS: always}
    new = [_policy(name, fits, promises, calendars) for name, (fits, promises) in POLICIES.items()]
    return sum([new_own, new_always, *new])


def _own() -> dict[str, Any]:
    return {
        "name": "Business hours",
        "time_zone": settings.SUPPLIER_TIME_ZONE,
        "holiday_country": "US",
        "is_default": not Calendar.objects.filter(is_default=True).exists(),
    }


def _policy(
    name: str, fits: dict[str, Any], promises: Mapping[str, Promise], calendars: dict[str, Calendar]
) -> bool:
    policy, new = SlaPolicy.objects.get_or_create(name=name, defaults={**fits, "effective_from": SINCE})
    if new:
        SlaTarget.objects.bulk_create(
            SlaTarget(
                policy=policy,
                kind=kind,
                within=within,
                calendar=calendars[calendar],
                pauses=name not in NEVER_PAUSE,
            )
            for kind, (within, calendar) in promises.items()
        )
    return bool(new)
