"""``{% load saying %}``: delivery windows and days in words."""

from datetime import datetime

from django import template

from portal import saying

register = template.Library()
register.filter("day", saying.day)
register.filter("moment", saying.moment)


@register.simple_tag
def window(start: datetime | None, end: datetime | None) -> str:
    """A delivery window: ``Tue 3 Mar, 1 pm to 5 pm``."""
    return saying.window(start, end)
