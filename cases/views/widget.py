"""The page inside the chat widget's frame. It shows nothing that was said; that comes by the protocol."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_GET

from cases.models import Reason
from config.security import crypto
from config.security.csp import embedders, framed
from portal.access import PATIENT_REALM, public

KEPT_YEARS = 7
IDENTITY = "chat-identity"


@public
@require_GET
@xframe_options_exempt
@framed
def frame(request: HttpRequest) -> HttpResponse:
    """``host`` names the origin of the page around it, ``lang`` its language."""
    language = _language(request)
    with translation.override(language):
        shown = {
            "start": reverse("cases:chat-start"),
            "base": "/chat/",
            "socket": "/ws/chat/",
            "privacy": reverse("cases:privacy"),
            "host": _host(request),
            "identity": _identity(request),
            "name": _first_name(request.user),
            "topics": _topics(language),
            "years": KEPT_YEARS,
        }
        return render(request, "cases/widget/frame.html", shown)


@public
@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """What we keep of a conversation, how long, and who sees it."""
    return render(request, "cases/widget/privacy.html", {"years": KEPT_YEARS})


def _language(request: HttpRequest) -> str:
    asked = request.GET.get("lang", "")
    return asked if asked in dict(settings.LANGUAGES) else translation.get_language() or "en"


def _host(request: HttpRequest) -> str:
    """The origin that the frame may talk to: one that may embed it, or our own."""
    own = f"{request.scheme}://{request.get_host()}"
    asked = request.GET.get("host", "")
    return asked if asked in embedders() else own


def _is_patient(user: Any) -> bool:
    return bool(user.is_authenticated) and user.realm == PATIENT_REALM


def _identity(request: HttpRequest) -> str:
    """Changes at sign-in and sign-out, so that the tab forgets the conversation of who was here before."""
    if not _is_patient(request.user):
        return "guest"
    return crypto.mac(IDENTITY, f"{request.user.pk}:{request.session.session_key}".encode())[:12].hex()


def _first_name(user: Any) -> str:
    words = str(user.display_name).split() if _is_patient(user) else []
    return words[0] if words else ""


def _topics(language: str) -> list[tuple[str, str]]:
    spanish = language == "es"
    found = Reason.objects.filter(active=True, offered=True)
    return [(each.code, (spanish and each.customer_label_es) or each.customer_label) for each in found]
