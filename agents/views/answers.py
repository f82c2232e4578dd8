"""What the console's views are asked with, and how its pages are told what came of a form."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

from portal.models import User


class StaffRequest(HttpRequest):
    """A request that has come through a door of the staff."""

    user: User
    htmx: HtmxDetails


def closes_dialog(event: str, **detail: Any) -> HttpResponse:
    """Done: the dialog closes, and the page hears of ``event``."""
    return trigger_client_event(HttpResponse(status=204), event, detail)


def told(response: HttpResponse, words: str) -> HttpResponse:
    """A word on the page's edge that goes away by itself."""
    return trigger_client_event(response, "toast", {"value": words})
