"""One-time secrets: a link or a code sent to a contact on file, for one purpose, once, and not for long.

The secret itself is made when the letter goes out (portal.account_mail) and only its digest is kept.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.security import crypto
from portal.models import OneTimeSecret, Patient, User

LIFE = {
    "reset": timedelta(minutes=30),
    "enrolment": timedelta(hours=24),
    "registration": timedelta(minutes=10),
    "email": timedelta(minutes=30),
    "portal_code": timedelta(minutes=5),
    "verify": timedelta(minutes=10),
}
LINKS = ("reset", "email")  # each of them leads into the account
CODE_DIGITS = 8
MOST_TRIES = 5


def digest_of(given: str) -> str:
    """What is kept of a token. It has 256 random bits, so a plain hash tells nothing."""
    return hashlib.sha256(given.encode()).hexdigest()


def issue(
    purpose: str,
    *,
    user: User | None = None,
    patient: Patient | None = None,
    new_email: str = "",
    bound_to: str = "",
    life: timedelta | None = None,
) -> OneTimeSecret:
    """A new secret; earlier ones for the same purpose and person are void."""
    void(purpose, user=user, patient=patient)
    return OneTimeSecret.objects.create(
        purpose=purpose,
        user=user,
        patient=patient,
        new_email=new_email,
        bound_to=bound_to,
        expires_at=timezone.now() + (life or LIFE[purpose]),
    )


def void(purpose: str, *, user: User | None = None, patient: Patient | None = None) -> None:
    if user is not None or patient is not None:
        _unspent(purpose).filter(user=user, patient=patient).update(used_at=timezone.now())


def void_links(user: User) -> None:
    """What was asked for by whoever held the account or its mailbox before is good for nothing."""
    OneTimeSecret.objects.filter(purpose__in=LINKS, user=user, used_at=None).update(used_at=timezone.now())


def outstanding(purpose: str, user: User) -> OneTimeSecret | None:
    """The unspent secret of somebody, in time or not."""
    found: OneTimeSecret | None = _unspent(purpose).filter(user=user).first()
    return found


def in_time(purpose: str, user: User) -> bool:
    """Whether somebody has one that could still be used."""
    return bool(_unspent(purpose).filter(user=user, expires_at__gt=timezone.now()).exists())


def _unspent(purpose: str) -> Any:
    return OneTimeSecret.objects.filter(purpose=purpose, used_at=None)


def token() -> str:
    """256 random bits for a link."""
    return secrets.token_urlsafe(32)


def new_token(secret: OneTimeSecret) -> str:
    """The token for a link. Asked again, it makes another and the first is void."""
    fresh = token()
    secret.digest = digest_of(fresh)
    secret.save(update_fields=["digest"])
    return fresh


def new_code(secret: OneTimeSecret, *, digits: int = CODE_DIGITS) -> str:
    """A code of digits, bound to this secret alone."""
    code = f"{secrets.randbelow(10**digits):0{digits}d}"
    secret.digest = _code_digest(secret, code)
    secret.save(update_fields=["digest"])
    return code


def _code_digest(secret: OneTimeSecret, code: str, key_id: str | None = None) -> str:
    told = f"{secret.purpose}|{secret.ref}|{code}".encode()
    return crypto.mac("one-time", told, key_id).hex()


def by_token(purpose: str, given: str) -> OneTimeSecret | None:
    """The unspent secret in time that a link's token belongs to."""
    in_time = _unspent(purpose).filter(expires_at__gt=timezone.now())
    found: OneTimeSecret | None = in_time.filter(digest=digest_of(given)).first() if given else None
    return found


def spend(secret: OneTimeSecret) -> bool:
    """Use it up. Of several at once, one alone is told yes."""
    now = timezone.now()
    return bool(_unspent(secret.purpose).filter(pk=secret.pk, expires_at__gt=now).update(used_at=now))


def redeem(secret: OneTimeSecret, code: str) -> bool:
    """Use it up with its code. Each wrong code counts; after MOST_TRIES it is void."""
    counted = _unspent(secret.purpose).filter(pk=secret.pk, tries__lt=MOST_TRIES)
    with transaction.atomic():
        if not counted.update(tries=F("tries") + 1):
            return False
        held = OneTimeSecret.objects.get(pk=secret.pk)
    return matches(held, code) and spend(held)


def matches(secret: OneTimeSecret, code: str) -> bool:
    """Whether this is the code of ``secret``, which it neither counts nor uses up. Keys may have changed since."""
    typed = "".join(code.split())
    known = [_code_digest(secret, typed, key_id) for key_id in crypto.ring().ids]
    return any(secrets.compare_digest(each, secret.digest or "") for each in known)
