"""Sessions: begun at sign-in, measured by real use, ended by their owner, by staff, by time or by change.

Only a digest of the cookie's key is kept. What ends a session announces it on commit
(``signals.sessions_ended``), and its sockets close.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import HttpRequest
from django.utils import timezone
from django_otp import login as remember_device
from django_otp_webauthn.models import WebAuthnCredential

from config.security import audit
from portal import browsers, one_time
from portal.access import require, require_over
from portal.models import TotpDevice, User, UserSession
from portal.signals import sessions_ended

MEASURE = timedelta(seconds=5)  # use is written down this often at the most
PENDING = timedelta(minutes=10)  # from the password to the second factor


def digest_of(session_key: str | None) -> str:
    """What stands for a session's key in our tables. No key has none: everybody without a cookie would share it."""
    if not session_key:
        raise ValueError("no session key")
    return hashlib.sha256(session_key.encode()).hexdigest()


def begin(request: HttpRequest, user: User) -> UserSession:
    """Put a session on record that ``login`` just opened: a new one, never one that is on record already."""
    if not request.session.session_key:
        request.session.create()  # login threw somebody else's away, and makes one only as it is saved
    now = timezone.now()
    session: UserSession = UserSession.objects.create(
        key_digest=digest_of(request.session.session_key),
        user=user,
        started_at=now,
        last_used_at=now,
        proved_at=now,
        remote_addr=request.META.get("REMOTE_ADDR"),
        device=browsers.named(request.headers.get("User-Agent", "")),
    )
    return session


def of(request: HttpRequest) -> UserSession | None:
    """The live session of a request. One whose time is over is ended by this look at it."""
    session = by_key(request.session.session_key)
    if session is None:
        return None
    if why := over(session):
        end(session, by=why)
        return None
    return session


def live() -> Any:
    """Sessions on record that nobody has ended, each with ``enrolled``: whether its owner has a factor."""
    theirs: dict[str, Any] = {"user": OuterRef("user"), "confirmed": True}
    enrolled = Exists(TotpDevice.objects.filter(**theirs)) | Exists(
        WebAuthnCredential.objects.filter(**theirs)
    )
    return UserSession.objects.filter(ended_at=None, user__is_active=True).annotate(enrolled=enrolled)


def by_key(session_key: str | None) -> UserSession | None:
    """The session on record under a key. Without a key there is none."""
    if not session_key:
        return None
    found: UserSession | None = live().filter(key_digest=digest_of(session_key)).first()
    return found


def over(session: UserSession, now: datetime | None = None) -> str:
    """Why a session's time is over: ``idle``, ``absolute``, or nothing."""
    now = now or timezone.now()
    if now - session.last_used_at >= timedelta(seconds=settings.IDLE_SECONDS):
        return "idle"
    if now - session.started_at >= timedelta(seconds=settings.ABSOLUTE_SESSION_SECONDS):
        return "absolute"
    return ""


def used(session: UserSession) -> None:
    """Somebody really used a page: the idle time begins anew. Polls and pings never come here."""
    now = timezone.now()
    if now - session.last_used_at >= MEASURE:
        UserSession.objects.filter(pk=session.pk, ended_at=None).update(last_used_at=now)
        session.last_used_at = now


def clock(session: UserSession) -> dict[str, int]:
    """Whole seconds until the session ends: by idleness, at the latest, and when the warning is due."""
    now = timezone.now()
    idle = settings.IDLE_SECONDS - (now - session.last_used_at).total_seconds()
    absolute = settings.ABSOLUTE_SESSION_SECONDS - (now - session.started_at).total_seconds()
    return {
        "seconds_left": max(0, int(min(idle, absolute))),
        "absolute_seconds_left": max(0, int(absolute)),
        "warn_at": settings.IDLE_WARNING_SECONDS,
    }


def fresh(session: UserSession) -> bool:
    """Whether a proof was given recently enough for a sensitive act."""
    if session.proved_at is None:
        return False
    return timezone.now() - session.proved_at < timedelta(seconds=settings.STEP_UP_SECONDS)


def factor_given(request: HttpRequest, device: Any) -> None:
    """The second factor was given: mark the session, under a new key."""
    remember_device(request, device)
    now = timezone.now()
    audit.event("sign_in", what="second factor", actor=request.user)
    _renew(request, factor_at=now, proved_at=now, last_used_at=now)


def proved(request: HttpRequest) -> None:
    """The person proved again who they are (step-up), under a new key."""
    _renew(request, proved_at=timezone.now())


def _renew(request: HttpRequest, **known: datetime) -> None:
    old = digest_of(request.session.session_key)
    request.session.cycle_key()
    new = digest_of(request.session.session_key)
    UserSession.objects.filter(key_digest=old, ended_at=None).update(key_digest=new, **known)


def end(session: UserSession, *, by: str) -> None:
    _end(UserSession.objects.filter(pk=session.pk), by)


def end_all(user: User, *, by: str, keep: UserSession | None = None) -> int:
    """End every session of somebody's but ``keep``, and the links asked for in them. Gives how many there were."""
    one_time.void_links(user)
    sessions = UserSession.objects.filter(user=user)
    return _end(sessions.exclude(pk=keep.pk) if keep else sessions, by)


def _end(sessions: Any, by: str) -> int:
    live = sessions.filter(ended_at=None)
    with transaction.atomic():
        ended = list(live.select_for_update(of=("self",)).values_list("pk", "user_id"))
        live.filter(pk__in=[pk for pk, _ in ended]).update(ended_at=timezone.now(), ended_by=by)
        for user_id in {user_id for _, user_id in ended}:
            _announce(user_id, [pk for pk, whose in ended if whose == user_id])
    return len(ended)


def _announce(user_id: int, session_ids: Iterable[int]) -> None:
    transaction.on_commit(
        lambda: sessions_ended.send_robust(sender=UserSession, user_id=user_id, session_ids=list(session_ids))
    )


def sign_out(request: HttpRequest) -> None:
    """End the session of this request and forget all that it held."""
    session = of(request)
    if session is not None:
        with transaction.atomic():
            end(session, by="sign-out")
            audit.event("sign_out", what="session", actor=session.user)
    logout(request)


def own(actor: User) -> Any:
    """The live sessions of somebody, the latest used first."""
    since = timezone.now() - timedelta(seconds=settings.IDLE_SECONDS)
    return UserSession.objects.filter(user=actor, ended_at=None, last_used_at__gt=since).order_by(
        "-last_used_at"
    )


def end_own(actor: User, *, ref: Any) -> bool:
    """End one of one's own sessions; False where there is none of that name."""
    require(actor, "account.manage")
    with transaction.atomic():
        audit.event("security", what="session ended", actor=actor)
        return bool(_end(UserSession.objects.filter(user=actor, ref=ref), "owner"))


def end_others(actor: User, *, keep: UserSession) -> int:
    """End all of one's own sessions but the one in use."""
    require(actor, "account.manage")
    with transaction.atomic():
        audit.event("security", what="other sessions ended", actor=actor)
        return end_all(actor, by="owner", keep=keep)


def end_of(actor: Any, *, user: User) -> int:
    """End every session of somebody else's."""
    require_over(actor, "users.end_sessions", user)
    with transaction.atomic():
        audit.event("security", what="sessions ended", objects=[user], actor=actor)
        return end_all(user, by="staff")
