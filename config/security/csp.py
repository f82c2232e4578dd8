"""The headers that tell a browser what a page may do: the one module that knows django-csp.

Every page is closed to all but our own files. ``framed`` opens a page to the sites that may embed the chat;
the admin alone does without Trusted Types, which its own scripts cannot live under.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.module_loading import import_string

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

PERMISSIONS_POLICY = (
    "camera=(self), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=(), "
    "publickey-credentials-get=(self), publickey-credentials-create=(self)"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
}
WITHOUT_TRUSTED_TYPES = ("/admin/",)


def embedders() -> list[str]:
    """Origins whose pages may hold the widget: ``CHAT_EMBED_ORIGINS``, a list or the path of a callable."""
    allowed = getattr(settings, "CHAT_EMBED_ORIGINS", [])
    return list(import_string(allowed)() if isinstance(allowed, str) else allowed)


def framed(view: View) -> View:
    """Let the allowed origins show this page in a frame of theirs."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(*args, **kwargs)
        response._framed = True  # type: ignore[attr-defined]
        return response

    return wrapped  # type: ignore[return-value]


def policy(request: HttpRequest, response: HttpResponseBase) -> dict[str, list[str]]:
    """The directives of one answer."""
    rules: dict[str, Any] = {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, _sockets(request)],
        "frame-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": _ancestors(response),
    }
    if not request.path_info.startswith(WITHOUT_TRUSTED_TYPES):
        rules |= {"require-trusted-types-for": ["'script'"], "trusted-types": ["default"]}
    if report := getattr(settings, "CSP_REPORT_URI", ""):
        rules["report-uri"] = [report]
    return rules


def _sockets(request: HttpRequest) -> str:
    """Our own web socket, which older Safari does not count as 'self'."""
    try:
        return f"{'wss' if request.is_secure() else 'ws'}://{request.get_host()}"
    except DisallowedHost:
        return SELF


def _ancestors(response: HttpResponseBase) -> list[str]:
    return [SELF, *embedders()] if getattr(response, "_framed", False) else [NONE]


class SecurityHeaders(CSPMiddleware):
    """Puts the policy and its fellow headers on every answer, and keeps caches off all but static files."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        if report_only:
            return PolicyParts()
        return PolicyParts(config=policy(request, response), nonce=getattr(request, "_csp_nonce", None))

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response = super().process_response(request, response)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if getattr(response, "_framed", False):
            response.headers.pop("X-Frame-Options", None)
        else:
            response.headers.setdefault("X-Frame-Options", "DENY")
        if not request.path_info.startswith(urlsplit(settings.STATIC_URL).path):
            patch_cache_control(response, private=True, no_store=True)
        return response
