"""What goes round every request: an id, who acts on the trail, and the closed doors.

The floor knows no users and no permissions. ``settings.DOORKEEPER`` names the module that does. It has

- ``recognise(request)``: makes ``request.user`` nobody where the session has ended;
- ``admit(request, view)``: the answer that turns a request away, or None;
- ``enter``, ``readmit``, ``still_open``, ``used_by``: the same for sockets (config/security/consumers.py).
"""

import uuid
from collections.abc import Callable
from importlib import import_module
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from config import errors
from config.security import audit
from config.security.throttle import TooMany

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestContext:
    """Gives each request an id, and puts it on every line logged and every trail entry written meanwhile."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        known = audit.Context(remote_addr=request.META.get("REMOTE_ADDR"), request_id=request_id)
        token = audit.context.set(known)
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                response = self.get_response(request)
        finally:
            audit.context.reset(token)
            structlog.contextvars.unbind_contextvars("actor_id", "session_id")
        response.headers["X-Request-ID"] = request_id
        return response


class ClosedDoors:
    """Refuses every view that no door opens, and answers for what can't be done now."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.keeper: Any = import_module(settings.DOORKEEPER)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info:  # no column can be asked for it
            return errors.not_found(request)
        try:
            self.keeper.recognise(request)
        except audit.TrailUnavailable as error:
            return refusal(request, error)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        try:
            answer: HttpResponseBase | None = self.keeper.admit(request, view)
        except audit.TrailUnavailable as error:
            return refusal(request, error)
        return answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        return refusal(request, error) if isinstance(error, TooMany | audit.TrailUnavailable) else None


class HeadLikeGet:
    """Answers HEAD on every page that answers GET, with the same headers. The server leaves the body out."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD":
            return self.get_response(request)
        request.method = "GET"
        try:
            return self.get_response(request)
        finally:
            request.method = "HEAD"


def wants_json(request: HttpRequest) -> bool:
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def refusal(request: HttpRequest, error: TooMany | audit.TrailUnavailable) -> HttpResponseBase:
    """429 with Retry-After, or 503 where the trail can't be written."""
    busy = isinstance(error, TooMany)
    seconds = error.retry_after if isinstance(error, TooMany) else 5
    if not wants_json(request):
        return errors.too_many(request, seconds) if busy else errors.unavailable(request, seconds)
    code, status = ("rate_limited", 429) if busy else ("unavailable", 503)
    answer = JsonResponse({"error": {"code": code, "retry_after_s": seconds}}, status=status)
    answer.headers["Retry-After"] = str(seconds)
    return answer
