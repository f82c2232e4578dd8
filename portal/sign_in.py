"""Signing in, and the passwords one signs in with. The answer never tells whether an account exists."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, authenticate, login
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from config.security import audit, crypto, normal
from config.security.throttle import Limit, TooMany, forget, give_back, take
from portal import account_mail, doors, one_time, passwords, sessions
from portal.models import OneTimeSecret, User, UserSession

BACKEND = "portal.sign_in.RealmBackend"
PER_ACCOUNT_AND_ADDRESS = Limit("sign-in to account from address", 10, 15 * 60)
PER_ADDRESS = Limit("sign-in from address", 100, 15 * 60)
PER_ACCOUNT = Limit("sign-in to account", 100, 3600)
RESETS_PER_ADDRESS = Limit("reset from address", 20, 3600)
RESETS_PER_ACCOUNT = Limit("reset of account", 3, 3600)
PASSWORDS_PER_PERSON = Limit("password given again", 10, 15 * 60)
ADDRESSES_PER_PERSON = Limit("change of address asked for", 5, 3600)
EVEN_SECONDS = 0.15


class RealmBackend(BaseBackend):
    """Checks an e-mail address and a password within one realm."""

    def authenticate(
        self,
        request: HttpRequest | None,
        *,
        realm: str | None = None,
        email: str | None = None,
        password: str | None = None,
        **_: Any,
    ) -> User | None:
        if realm is None or email is None or password is None:
            return None
        user = User.objects.by_email(email, realm)
        if user is None or not user.is_active or not user.has_usable_password():
            make_password(passwords.normal(password))  # costs what checking would
            return None
        return user if user.check_password(passwords.normal(password)) else None

    def get_user(self, user_id: int) -> User | None:
        found: User | None = User.objects.filter(pk=user_id, is_active=True).first()
        return found


def recorded_name(request: HttpRequest | None, credentials: dict[str, Any] | None) -> str:
    """What django-axes files a try under: a digest, never an address."""
    known = credentials or {}
    if ref := known.get(User.USERNAME_FIELD):
        return str(ref)
    return crypto.mac("throttle", _account(known.get("realm"), known.get("email")).encode()).hex()


def _account(realm: str | None, email: str | None) -> str:
    return f"{realm}|{normal.email(email or '')}"


@contextmanager
def even_time(seconds: float = EVEN_SECONDS) -> Iterator[None]:
    """Answers that say the same also take the same time."""
    began = time.monotonic()
    try:
        yield
    finally:
        time.sleep(max(0.0, seconds - (time.monotonic() - began)))


def sign_in(request: HttpRequest, *, realm: str, email: str, password: str) -> User | None:
    """Open a session by password. None where it is not right; raises throttle.TooMany past the limits."""
    account, address = _account(realm, email), request.META.get("REMOTE_ADDR")
    pair = f"{account}|{address}"
    limits: list[tuple[Limit, Any]] = [(PER_ACCOUNT_AND_ADDRESS, pair), (PER_ADDRESS, address)]
    if not _was_here(realm, email, address):
        limits.append((PER_ACCOUNT, account))
    taken = take(*limits)
    user = authenticate(request, realm=realm, email=email, password=password)
    if not isinstance(user, User):
        audit.event("sign_in", what=f"{realm} password", outcome="failed")
        return None
    give_back(taken)
    forget(PER_ACCOUNT_AND_ADDRESS, pair)
    enter(request, user, what=f"{realm} password")
    return user


def _was_here(realm: str, email: str, address: str | None) -> bool:
    """Whether the account signed in from this address before: what others try elsewhere must not shut it out."""
    owner = User.objects.by_email(email, realm)
    return UserSession.objects.filter(user=owner, remote_addr=address).exists()


def enter(request: HttpRequest, user: User, *, what: str) -> None:
    """Open a session for somebody who has proved who they are.

    Whoever the browser was signed in as is signed out first, the same person too: what an earlier session
    was given, above all the second factor, is not the new one's.
    """
    with transaction.atomic():
        if SESSION_KEY in request.session:
            sessions.sign_out(request)
        login(request, user, backend=BACKEND)
        doors.recognise(request)
        audit.event("sign_in", what=what, actor=user)


def password_again(actor: User, password: str) -> bool:
    """Whether it is the person's own password. Raises throttle.TooMany past the limit."""
    taken = take((PASSWORDS_PER_PERSON, actor.pk))
    if not actor.check_password(passwords.normal(password)):
        audit.event("sign_in", what="password again", outcome="failed", actor=actor)
        return False
    give_back(taken)
    return True


def change_password(request: HttpRequest, *, password: str) -> None:
    """Another password: every other session ends, this one goes on under a new key.

    The door has asked for a fresh proof. Raises ValidationError.
    """
    actor: Any = request.user
    with transaction.atomic():
        _set_password(actor, password)
        sessions.end_all(actor, by="password-change", keep=sessions.of(request))
        request.session[HASH_SESSION_KEY] = actor.get_session_auth_hash()
        sessions.proved(request)


def ask_reset(*, realm: str, email: str, address: str | None) -> None:
    """Send a link to whoever has an account with this address; the same is answered where nobody has.

    Nobody's mailbox alone opens an account whose factors were reset: see ``_by_mail_alone``.
    """
    take((RESETS_PER_ADDRESS, address))
    user = User.objects.by_email(email, realm)
    if user is None or not _by_mail_alone(user) or not _may_reset(realm, email):
        account_mail.post_nothing()
        return
    with transaction.atomic():
        account_mail.send_link(user, one_time.issue("reset", user=user))


def _by_mail_alone(user: User) -> bool:
    """Whether a link sent to them may set a password.

    After a reset of their factors the mailbox would be all that is asked for: patients prove first who they
    are, staff need their password beside the code that went there.
    """
    return user.is_active and user.has_usable_password() and not one_time.in_time("enrolment", user)


def _may_reset(realm: str, email: str) -> bool:
    try:
        take((RESETS_PER_ACCOUNT, _account(realm, email)))
    except TooMany:
        return False
    return True


def reset_password(secret: OneTimeSecret, *, password: str) -> bool:
    """Use the link up for another password. All sessions end; the second factor is asked for as ever."""
    user = secret.user
    if user is None or not _by_mail_alone(user):
        return False
    with transaction.atomic():
        if not one_time.spend(secret):
            return False
        _set_password(user, password)
        sessions.end_all(user, by="password-reset")
    return True


def _set_password(user: User, password: str) -> None:
    user.set_password(passwords.check(password, realm=user.realm, known=[user.display_name, user.email]))
    user.password_changed_at = timezone.now()
    user.save(update_fields=["password", "password_changed_at"])
    audit.event("security", what="password changed", objects=[user], actor=user)
    account_mail.tell(user, "password_changed")


def ask_email_change(actor: User, *, email: str) -> None:
    """Send a link to the new address, and word of it to the old one, which the account keeps until it is opened.

    The old one hears of it where the new one is taken too: else it would tell who has an account.
    Raises throttle.TooMany: whose address it is, nobody has asked yet.
    """
    take((ADDRESSES_PER_PERSON, actor.pk))
    account_mail.tell(actor, "email_asked")
    if User.objects.by_email(email, actor.realm) is not None:
        account_mail.post_nothing()
        return
    with transaction.atomic():
        account_mail.send_link(actor, one_time.issue("email", user=actor, new_email=email))


def change_email(secret: OneTimeSecret) -> bool:
    """Use the link up: the account has the new address, and the old one is told."""
    user = secret.user
    if user is None or not user.is_active:
        return False
    old = user.email
    try:
        with transaction.atomic():
            if not one_time.spend(secret):
                return False
            one_time.void_links(user)
            user.email = secret.new_email
            user.save(update_fields=["email", "email_index"])
            audit.event("security", what="e-mail changed", objects=[user], actor=user)
            account_mail.tell(user, "email_changed", to=old)
    except IntegrityError:
        return False
    return True
