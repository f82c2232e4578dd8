"""Letters about somebody's account. They say what happened and what to do, and nothing about health.

A letter is a row until it is sent, so that one is neither lost while the mail server is away nor sent from
within a transaction. The link or code it carries is made when it goes out and kept as a digest alone.
"""

from typing import Any

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError

from config.integrations import mail, sms
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.sweeps import each
from portal import one_time
from portal.models import AccountMail, Invitation, OneTimeSecret, Patient, User

MOST_TRIES = 2880  # a day of them, one each sweep: a mail server may be away for a night
AT_ONCE = 50
NOT_YOU = _("If this was not you, call us at %(phone)s.")

# kind: (subject, body, name of the page whose link it carries)
LETTERS = {
    "reset": (
        _("Choose a new password"),
        _("Somebody asked for a new password for your account. This link works once, for 30 minutes:"),
        "portal:new-password",
    ),
    "email": (
        _("Confirm your new e-mail address"),
        _("Open this link to use this address for your account. It works once, for 30 minutes:"),
        "portal:confirm-email",
    ),
    "registration": (
        _("Your registration code"),
        _("Type this code on the registration page within 10 minutes:"),
        "",
    ),
    "enrolment": (
        _("Your code for a new second factor"),
        _("Sign in and type this code within 24 hours:"),
        "",
    ),
    "invitation_patient": (
        _("Your invitation to our portal"),
        _("Open your account with this link. It works once, for 7 days:"),
        "portal:invitation",
    ),
    "invitation_caregiver": (
        _("You are invited to help somebody in our portal"),
        _("Somebody named you as their caregiver. This link works once, for 7 days:"),
        "portal:invitation",
    ),
    "invitation_staff": (
        _("Your account is ready to be set up"),
        _("Choose a password and set up a second factor with this link. It works once, for 3 days:"),
        "portal:invitation",
    ),
    "account_made": (
        _("Your account is open"),
        _("An account with this e-mail address was opened in our portal."),
        "",
    ),
    "account_known": (
        _("You have an account already"),
        _("Somebody tried to register with your records. Sign in, or ask for a new password."),
        "",
    ),
    "password_changed": (
        _("Your password was changed"),
        _("The password of your account was changed, and all its sessions were ended."),
        "",
    ),
    "email_changed": (
        _("Your e-mail address was changed"),
        _("The e-mail address of your account was changed. This is the last letter to this one."),
        "",
    ),
    "email_asked": (
        _("Another e-mail address was asked for"),
        _("Somebody signed in to your account asked to use another e-mail address for it."),
        "",
    ),
    "factor_added": (
        _("A second factor was added"),
        _("A new second factor can now be used to sign in."),
        "",
    ),
    "factor_removed": (
        _("A second factor was removed"),
        _("A second factor of your account was removed."),
        "",
    ),
    "factor_reset": (
        _("Your second factor was reset"),
        _("We took away your second factors at your request. Another letter tells how to go on."),
        "",
    ),
    "recovery_used": (
        _("A recovery code was used"),
        _("Somebody signed in to your account with a recovery code."),
        "",
    ),
    "recovery_renewed": (
        _("New recovery codes"),
        _("New recovery codes were made for your account; the old ones are void."),
        "",
    ),
    "contact_changed": (
        _("Your contact details were changed"),
        _("Contact details in your record were changed at your request. Sign in to our portal to see them."),
        "",
    ),
    "contact_asked": (
        _("A change of your contact details was asked for"),
        _(
            "Somebody asked us to change contact details in your record. Sign in to our portal to see or stop it."
        ),
        "",
    ),
    "contact_stopped": (
        _("A change of your contact details was stopped"),
        _("What you asked to be changed in your contact details stays as it was before."),
        "",
    ),
    "circumstances_told": (
        _("We were told of a change"),
        _("Somebody told us of a change that decides what we send you. If it is not so, call us."),
        "",
    ),
    "verification_locked": (
        _("We could not tell that it was you"),
        _(
            "Somebody tried to show us that they are you, and it failed several times. For a while we ask for more."
        ),
        "",
    ),
    "verify": (
        _("Your code"),
        _("Tell this code only to the person you are speaking with now. It works once, for a few minutes:"),
        "",
    ),
    "glass_broken": (
        _("A record was opened in an emergency"),
        _("Somebody of the staff opened a record in an emergency. Sign in to the workshop to review it."),
        "",
    ),
    "export_ready": (
        _("The copy you asked for is ready"),
        _("Something you asked for is ready for you in our portal. Sign in within 7 days to fetch it."),
        "",
    ),
    "deactivated": (_("Your account was closed"), _("Your account can no longer be used to sign in."), ""),
}

log = structlog.get_logger(__name__)


def tell(user: User, kind: str, *, to: str = "") -> None:
    """A letter to somebody at their address on file, or at ``to``, the one they had before."""
    _post(kind, to=to or user.email, language=user.language, realm=user.realm)


def send_link(user: User, secret: OneTimeSecret) -> None:
    """The link that carries a one-time secret; for a new address, to that one."""
    to = secret.new_email or user.email
    _post(secret.purpose, to=to, language=user.language, realm=user.realm, secret=secret)


send_code = send_link


def tell_contact(
    patient: Patient, kind: str, *, to: str | None = None, secret: OneTimeSecret | None = None
) -> None:
    """A letter to a patient, with or without an account, at the address on file or at ``to``. None to the dead."""
    address = patient.email if to is None else to
    if address and patient.deceased_on is None:
        _post(kind, to=address, language=patient.language, realm="patient", secret=secret)


def text_contact(
    patient: Patient, kind: str, *, to: str | None = None, secret: OneTimeSecret | None = None
) -> None:
    """The same as a text message, to the phone on file or to ``to``."""
    number = patient.phone if to is None else to
    if number and patient.deceased_on is None:
        _post(kind, to=number, language=patient.language, realm="patient", secret=secret, via="sms")


def send_registration_code(secret: OneTimeSecret) -> None:
    patient = secret.patient
    if patient is not None:
        _post("registration", to=patient.email, language=patient.language, realm="patient", secret=secret)


def tell_known(patient: Patient) -> None:
    """To a patient who registers but has an account."""
    _post("account_known", to=patient.email, language=patient.language, realm="patient")


def send_invitation(invitation: Invitation, language: str) -> None:
    realm = "staff" if invitation.kind == "staff" else "patient"
    _post(
        f"invitation_{invitation.kind}",
        to=invitation.email,
        language=language,
        realm=realm,
        invitation=invitation,
    )


def _post(
    kind: str,
    *,
    to: str,
    language: str,
    realm: str,
    secret: OneTimeSecret | None = None,
    invitation: Invitation | None = None,
    via: str = "email",
) -> None:
    letter = AccountMail.objects.create(
        kind=kind, to=to, language=language, realm=realm, secret=secret, invitation=invitation, via=via
    )
    transaction.on_commit(lambda: _hand_over(letter.pk))


def post_nothing() -> None:
    """As much work as posting a letter takes, for whoever gets none."""
    letter = AccountMail.objects.create(kind="none", realm="patient", sent_at=timezone.now())
    transaction.on_commit(lambda: _hand_over(letter.pk))


def _hand_over(letter_id: int) -> None:
    """Let a worker send it at once. Where none can be told, the schedule finds it."""
    try:
        current_app.send_task("portal.tasks.send_account_mail", [letter_id], retry=False)
    except OperationalError:
        log.warning("The task queue can't be reached; mail waits for the schedule.")


def send_due() -> int:
    """Send every letter that waits, those tried least first. Gives how many went out."""
    waiting = _waiting().filter(tries__lt=MOST_TRIES).order_by("tries", "created_at")
    return each(send, waiting.values_list("pk", flat=True)[:AT_ONCE])


def _waiting() -> QuerySet[AccountMail]:
    """What has not gone out, but for letters whose link or code would be good for nothing by now."""
    now = timezone.now()
    late = Q(secret__expires_at__lte=now) | Q(secret__used_at__lte=now) | Q(invitation__expires_at__lte=now)
    return AccountMail.objects.filter(sent_at=None).exclude(late)


def send(letter_id: int) -> bool:
    """Send one letter, once. False where it is gone, is being sent, or can't be sent now."""
    with transaction.atomic():
        letter = _waiting().select_for_update(skip_locked=True, of=("self",)).filter(pk=letter_id).first()
        if letter is None:
            return False
        outcome = _try(letter)
        AccountMail.objects.filter(pk=letter_id).update(**outcome)
    return "sent_at" in outcome


def _try(letter: AccountMail) -> dict[str, Any]:
    """Hand it to the mail server; what is to be noted on the row."""
    try:
        _hand_in(letter)
    except PartnerDown:
        return {"tries": F("tries") + 1}
    except PartnerRefuses:
        return {"tries": MOST_TRIES}
    return {"sent_at": timezone.now(), "to": ""}


def _hand_in(letter: AccountMail) -> None:
    """A text's key is another for each try, as is the code it carries: the last to arrive is the one that works."""
    if letter.via == "sms":
        sms.send(letter.to, _shortly(letter), key=f"account-{letter.pk}-{letter.tries}")
    else:
        mail.send(letter.to, *_compose(letter))


def _shortly(letter: AccountMail) -> str:
    """A text message: what happened, the code where there is one, and whom to call."""
    _subject, body, page = LETTERS[letter.kind]
    known = {"phone": settings.SUPPLIER_PHONE}
    with translation.override(letter.language):
        parts = [f"{settings.SUPPLIER_NAME}:", str(body), _carried(letter, page), str(NOT_YOU) % known]
        return " ".join(filter(None, parts))


def _compose(letter: AccountMail) -> tuple[str, str]:
    """Subject and text."""
    subject, body, page = LETTERS[letter.kind]
    known = {"supplier": settings.SUPPLIER_NAME, "phone": settings.SUPPLIER_PHONE}
    with translation.override(letter.language):
        parts = [str(body), _carried(letter, page), str(NOT_YOU) % known, settings.SUPPLIER_NAME]
        return f"{settings.SUPPLIER_NAME}: {subject}", "\n\n".join(filter(None, parts))


def _carried(letter: AccountMail, page: str) -> str:
    """The link or the code of a letter, made now."""
    if letter.invitation is not None:
        return link_of(letter.invitation)
    if letter.secret is None:
        return ""
    if page:
        return _link(page, one_time.new_token(letter.secret))
    return one_time.new_code(letter.secret)


def _link(page: str, token: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse(page)}?token={token}"


def link_of(invitation: Invitation) -> str:
    """A new link for an invitation; an earlier one is void."""
    token = one_time.token()
    Invitation.objects.filter(pk=invitation.pk).update(token_digest=one_time.digest_of(token))
    return _link("portal:invitation", token)
