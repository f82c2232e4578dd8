"""Dates and times as a person says them, in the language and time zone in force."""

from datetime import date, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _


def day(value: date | datetime | None) -> str:
    """``Tue 3 Mar``, with the year where it is not this one. Spanish: ``mar 3 de marzo``."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = timezone.localdate(value)
    form = "D j \\d\\e F" if _spanish() else "D j M"
    if value.year != timezone.localdate().year:
        form += " \\d\\e Y" if _spanish() else " Y"
    return date_format(value, form).lower() if _spanish() else date_format(value, form)


def time(value: datetime) -> str:
    """``5 pm`` or ``5:30 pm``."""
    local = timezone.localtime(value)
    form = "g:i" if local.minute else "g"
    half = "pm" if local.hour >= 12 else "am"
    return f"{date_format(local, form)} {half}"


def moment(value: datetime | None) -> str:
    """``Tue 3 Mar, 5 pm``."""
    return f"{day(value)}, {time(value)}" if value else ""


def window(start: datetime | None, end: datetime | None) -> str:
    """``Tue 3 Mar, 1 pm to 5 pm``, or from one day to another."""
    if start is None:
        return ""
    if end is None:
        return moment(start)
    if timezone.localdate(start) == timezone.localdate(end):
        return _("%(day)s, %(from)s to %(to)s") % {"day": day(start), "from": time(start), "to": time(end)}
    return _("%(from)s to %(to)s") % {"from": moment(start), "to": moment(end)}


def _spanish() -> bool:
    return (get_language() or "").startswith("es")
