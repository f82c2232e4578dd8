"""What the console's views are asked with, and how its pages are told what came of a form."""

from typing import Any

from django.core.exceptions import ValidationError
from django.forms import Form
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


def blame(form: Form, error: ValidationError) -> None:
    """The rule's words at the fields they are about, or above the form where it has no such field."""
    for name, words in getattr(error, "message_dict", {"": error.messages}).items():
        form.add_error(name if name in form.fields else None, words)
