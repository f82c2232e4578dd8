"""What opening hours must not be: two at once, or a day that is closed and open."""

from collections.abc import Iterable
from datetime import date, time
from itertools import pairwise

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cases.models.calendars import WEEKDAYS

DAY, WEEK = 24 * 3600, 7 * 24 * 3600

Opening = tuple[int, time, time]


def refuse_overlap(hours: Iterable[Opening]) -> None:
    """Raise ValidationError where two stretches of the week lie over each other, past midnight and Sunday too."""
    rows = sorted(hours, key=_begins)
    if not rows:
        return
    first, last = rows[0], rows[-1]
    for one, two in pairwise(rows):
        if _ends(one) > _begins(two):
            raise ValidationError(_overlap(one, two))
    if _ends(last) - WEEK > _begins(first):
        raise ValidationError(_overlap(last, first))


def refuse_odd_days(days: Iterable[tuple[date, time | None, time | None]]) -> None:
    """Raise ValidationError where a date is both closed and open, or open twice at once."""
    by_date: dict[date, list[tuple[time | None, time | None]]] = {}
    for day, opens, closes in days:
        by_date.setdefault(day, []).append((opens, closes))
    for day, stretches in by_date.items():
        hours = [(day.weekday(), opens, closes) for opens, closes in stretches if opens and closes]
        if len(hours) < len(stretches) and len(stretches) > 1:
            raise ValidationError(_("%(day)s can't be closed and open: keep one.") % {"day": day.isoformat()})
        refuse_overlap(hours)


def _begins(opening: Opening) -> int:
    weekday, opens, _closes = opening
    return weekday * DAY + _seconds(opens)


def _ends(opening: Opening) -> int:
    weekday, opens, closes = opening
    return weekday * DAY + _seconds(closes) + (DAY if closes <= opens else 0)


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second


def _overlap(one: Opening, two: Opening) -> str:
    return _("%(one)s and %(two)s overlap: one moment would count twice.") % {
        "one": _said(one),
        "two": _said(two),
    }


def _said(opening: Opening) -> str:
    weekday, opens, closes = opening
    return f"{dict(WEEKDAYS)[weekday]} {opens:%H:%M}-{closes:%H:%M}"
