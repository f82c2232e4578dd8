"""Dates and times as a person says them, in the language and time zone in force.

What is said here may be read days later (in a chat, in a letter), so it names days and never says "today".
"""

from datetime import date, datetime

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from config.business_day import day_in_force, zone_in_force


def day(value: date | datetime | None) -> str:
    """``Tue 3 Mar``, with the year where it is not this one."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = day_in_force(value)
    pattern = pgettext("day of this year", "D j M")
    if value.year != day_in_force().year:
        pattern = pgettext("day of another year", "D j M Y")
    return dateformat.format(value, pattern)


def time(value: datetime) -> str:
    """``5 pm`` or ``5:30 pm``."""
    local = value.astimezone(zone_in_force())
    half = _("am") if local.hour < 12 else _("pm")
    return f"{local.hour % 12 or 12}{f':{local.minute:02}' if local.minute else ''} {half}"


def moment(value: datetime | None) -> str:
    """``Tue 3 Mar, 5 pm``."""
    return f"{day(value)}, {time(value)}" if value else ""


def window(start: datetime | None, end: datetime | None) -> str:
    """``Tue 3 Mar, 1 pm to 5 pm``, or from one day to another."""
    if start is None:
        return ""
    if end is None:
        return moment(start)
    if day_in_force(start) == day_in_force(end):
        return _("%(day)s, %(from)s to %(to)s") % {"day": day(start), "from": time(start), "to": time(end)}
    return _("%(from)s to %(to)s") % {"from": moment(start), "to": moment(end)}
