"""How the console's pages are told what came of a form."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import trigger_client_event


def closes_dialog(event: str, **detail: Any) -> HttpResponse:
    """Done: the dialog closes, and the page hears of ``event``."""
    return trigger_client_event(HttpResponse(status=204), event, detail)


def conflict(request: HttpRequest, template: str, shown: dict[str, Any]) -> HttpResponse:
    """Somebody else was faster: what they did, and what was typed here, both still on the screen."""
    return render(request, template, shown, status=409)
