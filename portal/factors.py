"""Second factors: authenticator apps, passkeys and recovery codes, from enrolment to loss and reset."""

import base64
import secrets
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp_webauthn.models import WebAuthnCredential

from config.security import audit
from config.security.normal import is_blank
from config.security.throttle import Limit, forget, give_back, take
from portal import account_mail, invitations, one_time, sessions
from portal.access import STAFF_REALM, require_over
from portal.models import RecoveryCode, TotpDevice, User

STEP_SECONDS, DIGITS, WINDOW = 30, 6, 1
SECRET_BYTES = 20
RECOVERY_CODES = 10
APP_NAME = "Authenticator app"
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
PER_ACCOUNT = Limit("factor of account", 5, 5 * 60)
PER_ACCOUNT_AND_DAY = Limit("factor of account and day", 50, 24 * 3600)


class LastFactor(Exception):
    """Staff always keep one factor."""


class NotYet(Exception):
    """A factor was reset: the code that was sent by mail comes first."""


def authenticators(user: User) -> Any:
    return TotpDevice.objects.filter(user=user, confirmed=True).order_by("pk")


def passkeys(user: User) -> Any:
    return WebAuthnCredential.objects.filter(user=user, confirmed=True).order_by("pk")


def has_factor(user: User) -> bool:
    return bool(authenticators(user).exists() or passkeys(user).exists())


def recovery_codes_left(user: User) -> int:
    return int(RecoveryCode.objects.filter(user=user, used_at=None).count())


# --- enrolment ---------------------------------------------------------------------------------------


def new_secret(actor: User) -> str:
    """A secret for an authenticator that is being set up. Raises NotYet while a mailed code is owed."""
    require_enrolment_open(actor)
    return base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def address_of(user: User, secret: str) -> str:
    """The otpauth address that an authenticator app reads from the QR code."""
    label = quote(f"{settings.SUPPLIER_NAME}:{user.email}")
    known = {
        "secret": secret,
        "issuer": settings.SUPPLIER_NAME,
        "digits": DIGITS,
        "period": STEP_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(known, quote_via=quote)}"


def add_authenticator(actor: User, *, secret: str, code: str) -> TotpDevice | None:
    """Enrol it with a first code, which is used up by that. None where the code is wrong."""
    require_enrolment_open(actor)
    taken = _count(actor)
    step = _step_of(secret, code)
    if step is None:
        return None
    with transaction.atomic():
        device: TotpDevice = TotpDevice.objects.create(
            user=actor, name=APP_NAME, secret=secret, last_step=step
        )
        _changed(actor, "factor_added", "authenticator added")
    give_back(taken)
    return device


def passkey_added(actor: User) -> None:
    """django-otp-webauthn has stored a passkey: tell its owner and the trail."""
    with transaction.atomic():
        _changed(actor, "factor_added", "passkey added")


def require_enrolment_open(actor: User) -> None:
    """Raise NotYet while the code of a reset is owed."""
    if owes_mailed_code(actor):
        raise NotYet


def owes_mailed_code(user: User) -> bool:
    return one_time.outstanding("enrolment", user) is not None


def open_enrolment(actor: User, *, code: str) -> bool:
    """After a reset: the code that was sent by mail opens the way to a new factor."""
    secret = one_time.outstanding("enrolment", actor)
    if secret is None:
        return True
    taken = _count(actor)
    if not one_time.redeem(secret, code):
        return False
    give_back(taken)
    return True


def _changed(user: User, letter: str, what: str) -> None:
    audit.event("security", what=what, objects=[user], actor=user)
    account_mail.tell(user, letter)


# --- use -----------------------------------------------------------------------------------------------


def code_now(secret: str) -> str:
    return f"{_clock(secret).token():0{DIGITS}d}"


def _clock(secret: str) -> TOTP:
    return TOTP(base64.b32decode(secret), STEP_SECONDS, digits=DIGITS)


def _step_of(secret: str, code: str) -> int | None:
    """The time step, now or next to it, whose code this is."""
    typed = "".join(code.split())
    clock = _clock(secret)
    now = int(clock.t())
    for step in range(now - WINDOW, now + WINDOW + 1):
        clock.drift = step - now
        if secrets.compare_digest(f"{clock.token():0{DIGITS}d}".encode(), typed.encode()):
            return step
    return None


def check_code(device: TotpDevice, code: str) -> bool:
    """Whether a code is right, and of a later step than the last one accepted. It is used up by that."""
    step = _step_of(device.secret, code)
    if step is None:
        return False
    unused = TotpDevice.objects.filter(pk=device.pk, last_step__lt=step)
    return bool(unused.update(last_step=step, last_used_at=timezone.now()))


def _named(actor: User, ref: Any) -> Any:
    """The authenticator of this name; what can't be a name names none."""
    try:
        return authenticators(actor).filter(ref=ref)
    except ValidationError:
        return authenticators(actor).none()


def give_code(actor: User, *, code: str, ref: Any = None) -> TotpDevice | None:
    """The authenticator that the code proves: the one named, or the only one. None where it proves none.

    Raises throttle.TooMany past the limit of tries.
    """
    device: TotpDevice | None = _named(actor, ref).first() if ref else authenticators(actor).first()
    taken = _count(actor)
    if device is None or not check_code(device, code):
        audit.event("sign_in", what="authenticator", outcome="failed", actor=actor)
        return None
    give_back(taken)
    forget(PER_ACCOUNT, actor.pk)
    return device


def give_recovery_code(actor: User, *, code: str) -> RecoveryCode | None:
    """The recovery code that was typed, used up by it. None where there is none such."""
    typed = "".join(char for char in code.upper() if char in ALPHABET)
    taken = _count(actor)
    unused = RecoveryCode.objects.filter(user=actor, used_at=None, label=typed[:4])
    held: RecoveryCode | None = unused.first()
    if held is None or not check_password(typed[4:], held.code_hash):
        audit.event("sign_in", what="recovery code", outcome="failed", actor=actor)
        return None
    with transaction.atomic():
        if not RecoveryCode.objects.filter(pk=held.pk, used_at=None).update(used_at=timezone.now()):
            return None
        _changed(actor, "recovery_used", "recovery code used")
    give_back(taken)
    return held


def _count(user: User) -> list[int]:
    return take((PER_ACCOUNT, user.pk), (PER_ACCOUNT_AND_DAY, user.pk))


# --- change, loss and reset --------------------------------------------------------------------------------


def renew_recovery_codes(actor: User) -> list[str]:
    """Ten new codes, shown this once; the old ones are void."""
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    labels = {code[:4] for code in codes}
    if len(labels) < len(codes):
        return renew_recovery_codes(actor)
    with transaction.atomic():
        RecoveryCode.objects.filter(user=actor).delete()
        RecoveryCode.objects.bulk_create(_kept(actor, code) for code in codes)
        _changed(actor, "recovery_renewed", "recovery codes made")
    return codes


def _recovery_code() -> str:
    """Twelve characters in three groups; the first names the code, the others (40 bits) are the secret."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


def _kept(user: User, code: str) -> RecoveryCode:
    label, *rest = code.split("-")
    return RecoveryCode(user=user, name="Recovery code", label=label, code_hash=make_password("".join(rest)))


def remove(actor: User, *, kind: str, pk: int) -> bool:
    """Take away one of one's own. False where it is somebody else's; LastFactor for staff's last."""
    devices = authenticators(actor) if kind == "authenticator" else passkeys(actor)
    device = devices.filter(pk=pk).first()
    if device is None:
        return False
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.pk)
        device.delete()
        if actor.realm == STAFF_REALM and not has_factor(actor):
            raise LastFactor
        if not has_factor(actor):
            RecoveryCode.objects.filter(user=actor).delete()
        _changed(actor, "factor_removed", f"{kind} removed")
    return True


def reset(actor: Any, *, user: User, reason: str) -> None:
    """Take away all factors of somebody who lost theirs, and end their sessions.

    Staff then set up a new one with a code sent to their address on file; patients prove who they are again
    by an invitation to theirs, and keep their factors where there is none to send it to: ValueError. Nobody
    resets their own, or those of somebody who stands as high.
    """
    require_over(actor, "users.reset_factor", user)
    if is_blank(reason):
        raise ValueError("A reason is wanted.")
    with transaction.atomic(), audit.acting(reason=reason):
        for held in (TotpDevice, WebAuthnCredential, RecoveryCode):
            held.objects.filter(user=user).delete()
        sessions.end_all(user, by="factor-reset")
        audit.event("security", what="factors reset", objects=[user], actor=actor)
        account_mail.tell(user, "factor_reset")
        _prove_again(user)


def _prove_again(user: User) -> None:
    if user.realm == STAFF_REALM:
        account_mail.send_code(user, one_time.issue("enrolment", user=user))
        return
    user.set_unusable_password()
    user.save(update_fields=["password"])
    invitations.invite_again(user)
