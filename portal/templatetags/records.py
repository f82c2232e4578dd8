"""``{% load records %}``: what of a record the person at the page may see."""

from typing import Any

from django import template

register = template.Library()


@register.filter
def may(record: Any, scope: str) -> bool:
    """``{% if request.record|may:"billing" %}``; pages about no record at all hide nothing."""
    return not record or bool(record.may(scope))
