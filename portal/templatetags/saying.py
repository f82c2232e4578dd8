"""``{% load saying %}``: dates and times in words, and a number's own link."""

from datetime import date, datetime

from django import template

from portal import saying

register = template.Library()
register.filter("day", saying.day)
register.filter("moment", saying.moment)


@register.simple_tag
def window(start: datetime | None, end: datetime | None) -> str:
    """A delivery window: ``Tue 3 Mar, 1 pm to 5 pm``."""
    return saying.window(start, end)


@register.filter
def machine_day(value: date | datetime | None) -> str:
    """For ``<time datetime>``: ISO 8601."""
    return value.isoformat() if value else ""
