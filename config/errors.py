"""The pages for what went wrong. They need neither a database nor a session."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


def _page(request: HttpRequest, status: int) -> HttpResponse:
    shown = {
        "supplier_name": settings.SUPPLIER_NAME,
        "supplier_phone": settings.SUPPLIER_PHONE,
        "request_id": getattr(request, "request_id", ""),
    }
    return HttpResponse(render_to_string(f"errors/{status}.html", shown), status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404)


def too_many(request: HttpRequest, retry_after: int, **_: Any) -> HttpResponse:
    """``retry_after``: seconds until the next try is worth making."""
    response = _page(request, 429)
    response.headers["Retry-After"] = str(retry_after)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(request, 500)


def unavailable(request: HttpRequest, retry_after: int = 5) -> HttpResponse:
    response = _page(request, 503)
    response.headers["Retry-After"] = str(retry_after)
    return response
