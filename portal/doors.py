"""The doorkeeper: who may pass a view or a socket (``settings.DOORKEEPER``).

A view passes where it is public by mark and by list, or where its door lets the person through: realm, second
factor, permission, fresh proof, in this order. Everything else is refused.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from config.security import audit
from config.security.middleware import wants_json
from portal import sessions
from portal.access import NAMESPACE_DOORS, PUBLIC, STAFF_REALM, Door, allowed
from portal.models import User, UserSession

CLOSED = object()
log = structlog.get_logger(__name__)


def recognise(request: HttpRequest) -> None:
    """Find the session on record; without a live one, nobody is signed in."""
    request.user_session = None  # type: ignore[attr-defined]
    if SESSION_KEY not in request.session:
        return
    session = sessions.of(request)
    if session is None or session.user_id != request.user.pk:
        logout(request)
        return
    request.user_session = session  # type: ignore[attr-defined]
    session.user = request.user
    _remember(session, request.user.realm)


def _remember(session: UserSession, realm: str) -> None:
    """The trail and the log know from here on who acts."""
    known = audit.context.get()
    audit.context.set(replace(known, actor_id=session.user_id, realm=realm, session_id=str(session.ref)))
    structlog.contextvars.bind_contextvars(actor_id=session.user_id, session_id=str(session.ref))


def admit(request: HttpRequest, view: Callable[..., Any]) -> HttpResponseBase | None:
    """None where the request may pass, else where to go first. Raises Http404, PermissionDenied."""
    door = door_of(request.resolver_match, view)
    if door is CLOSED:
        log.warning("No door opens this view.", path=request.path)
        raise PermissionDenied("closed")
    if door is None:
        _forget_half_signed_in(request)
        return None
    if not request.user.is_authenticated:
        return _send(request, _sign_in_of(door, request.path), "sign_in", 401)
    return _check(request, door)


def _forget_half_signed_in(request: HttpRequest) -> None:
    """To a public page, whoever still owes the second factor is nobody yet."""
    session = request.user_session  # type: ignore[attr-defined]
    if session is not None and _factor_step(session.user, session):
        request.user = AnonymousUser()
        request.user_session = None  # type: ignore[attr-defined]


def door_of(match: Any, view: Callable[..., Any]) -> Any:
    """The Door before a view, None where it is public, CLOSED where nothing opens it."""
    for namespace in match.namespaces:
        if namespace in NAMESPACE_DOORS:
            return NAMESPACE_DOORS[namespace]
    door = getattr(view, "door", CLOSED)
    if door is None and match.view_name not in PUBLIC:
        return CLOSED
    return door


def _check(request: HttpRequest, door: Door) -> HttpResponseBase | None:
    user: Any = request.user
    session: UserSession = request.user_session  # type: ignore[attr-defined]
    if user.realm not in door.realms:
        raise Http404
    if door.factor and (step := _factor_step(user, session)):
        return _send(request, step, "factor", 403)
    if door.permission and not allowed(user, door.permission):
        audit.event("denied", what=request.resolver_match.view_name[:60], outcome="denied")  # type: ignore[union-attr]
        raise PermissionDenied(door.permission)
    if door.step_up and not sessions.fresh(session):
        return _send(request, "portal:prove", "prove", 403)
    if door.extends_session:
        sessions.used(session)
    return None


def _factor_step(user: User, session: UserSession) -> str:
    """The page where the second factor is given or, for staff without one, set up."""
    if session.factor_at is not None:
        return ""
    if session.enrolled:  # type: ignore[attr-defined]
        return "portal:factor"
    return "portal:enrol" if user.realm == STAFF_REALM else ""


def _sign_in_of(door: Door, path: str) -> str:
    staff = door.realms == {STAFF_REALM} or path.startswith("/staff/")
    return "portal:staff-sign-in" if staff else "portal:sign-in"


def _send(request: HttpRequest, name: str, code: str, status: int) -> HttpResponseBase:
    """To another page first: by redirect, by htmx's header, or as an error that a script can read."""
    url = f"{reverse(name)}?{urlencode({'next': _way_back(request)})}"
    if getattr(request, "htmx", False):
        return HttpResponse(status=status, headers={"HX-Redirect": url})
    if wants_json(request) or request.content_type == "application/json":
        return JsonResponse({"error": {"code": code, "url": url}}, status=status)
    return redirect(url)


def _way_back(request: HttpRequest) -> str:
    """Where the person was: this page, or for a form or a fragment the page that held it."""
    if request.method == "GET" and not getattr(request, "htmx", False):
        return request.get_full_path()
    origin = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
    path = f"{origin.path}?{origin.query}" if origin.query else origin.path
    return path if origin.netloc == request.get_host() and path else "/"


def safe_next(request: HttpRequest, url: str) -> str:
    """``url`` where it stays on this site, else nothing."""
    safe = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if safe else ""


@dataclass(frozen=True)
class Visit:
    """Somebody on a socket: the session that let them in and the door they came by."""

    session_id: int
    session_ref: uuid.UUID
    user: User
    door: Door


def enter(scope: dict[str, Any], door: Door) -> Visit | None:
    """Let the owner of a socket's session through its door, or nobody."""
    held = scope.get("session")
    session = sessions.by_key(held.session_key if held else None)
    return _visit(session, door) if session else None


def readmit(visit: Visit) -> Visit | None:
    """The same visit with the person's rights as they are now; None where they have to go."""
    session = sessions.live().filter(pk=visit.session_id).first()
    return _visit(session, visit.door) if session else None


def visits_of(user: User, door: Door) -> list[Visit]:
    """What somebody's live sessions let through a door; for a proof that is tied to one of them."""
    found = sessions.live().filter(user=user).select_related("user")
    return [visit for session in found if (visit := _visit(session, door))]


def _visit(session: UserSession, door: Door) -> Visit | None:
    user = session.user
    if sessions.over(session) or user.realm not in door.realms:
        return None
    if door.factor and _factor_step(user, session):
        return None
    if door.permission and not allowed(user, door.permission):
        return None
    return Visit(session.pk, session.ref, user, door)


def still_open(session_ids: Iterable[int]) -> set[int]:
    """Those of the sessions that still live, by one query for any number of sockets."""
    found = UserSession.objects.filter(pk__in=list(session_ids), ended_at=None, user__is_active=True)
    times = found.only("pk", "last_used_at", "started_at")
    return {session.pk for session in times if not sessions.over(session)}


def used_by(visit: Visit) -> None:
    """A socket was really used: its session's idle time begins anew."""
    if session := UserSession.objects.filter(pk=visit.session_id).first():
        sessions.used(session)
