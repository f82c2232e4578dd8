"""Patients open their own account: by what they know of their records, then a code to a contact on file.

What is known alone opens nothing, and the answer is the same whether or not it was right. Failures count with
those of every other channel (portal.verification), and the last one closes the way to that record for a while.
"""

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.utils import timezone

from config.security import audit, normal
from config.security.throttle import Limit, TooMany, take
from portal import account_mail, contact_holds, invitations, one_time, passwords, verification
from portal.access import PATIENT_REALM
from portal.models import OneTimeSecret, Order, Patient, RoleGrant, User

PER_ADDRESS = Limit("registration from address", 10, 3600)
CODES_PER_RECORD = Limit("registration codes of record", 3, 3600)


@dataclass(frozen=True)
class Proofs:
    """What somebody says of themselves. ``number`` is an account or an order number."""

    number: str
    last_name: str
    birth_date: date


class WrongCode(Exception):
    """The code is wrong, or nothing was sent."""


def begin(*, proofs: Proofs, address: str) -> OneTimeSecret:
    """Send a code where the proofs are right. What comes back looks the same where nothing was sent.

    Raises throttle.TooMany by address.
    """
    take((PER_ADDRESS, address))  # kept where the proofs are right too: a try handed back would tell
    patient = _matching(proofs)
    if patient is None or not _may_reach(patient) or not _may_send(patient):
        account_mail.post_nothing()
        return one_time.issue("registration")
    with transaction.atomic():
        audit.event("verify", what="registration", subjects=[patient], outcome="ok")
        if patient.user_id is not None:
            account_mail.tell_known(patient)
            return one_time.issue("registration")
        if User.objects.by_email(patient.email, PATIENT_REALM):
            invitations.invite_holder(patient)
            return one_time.issue("registration")
        secret = one_time.issue("registration", patient=patient)
        account_mail.send_registration_code(secret)
    return secret


def _matching(proofs: Proofs) -> Patient | None:
    """The patient the number belongs to, where the rest is right too. Failures count against the record."""
    patient = _by_number(proofs.number)
    if patient is None:
        return None
    with transaction.atomic():
        if verification.locked_until(verification.hold(patient)) is not None:
            return None
        same_name = normal.name(patient.last_name) == normal.name(proofs.last_name)
        if same_name and patient.birth_date == proofs.birth_date:
            return patient
        verification.failed(patient, how="registration")
    return None


def _by_number(number: str) -> Patient | None:
    wanted = number.strip().upper()
    patient: Patient | None = Patient.objects.filter(account_number=wanted).first()
    if patient is not None:
        return patient.in_force
    order = Order.objects.select_related("patient").filter(number=wanted).first()
    return order.patient if order else None


def _may_reach(patient: Patient) -> bool:
    """An address that was changed lately proves nothing yet, and that of somebody who died nothing more."""
    if patient.deceased_on is not None:
        return False
    return bool(patient.email) and not contact_holds.changed_lately(patient, "email")


def _may_send(patient: Patient) -> bool:
    try:
        take((CODES_PER_RECORD, patient.pk))
    except TooMany:
        return False
    return True


def finish(secret: OneTimeSecret, *, code: str, password: str) -> User:
    """Open the account with the code. Raises WrongCode, or ValidationError for the password."""
    passwords.check(password, realm=PATIENT_REALM)
    user = None
    with transaction.atomic():
        if one_time.redeem(secret, code) and secret.patient_id:
            user = _open(Patient.objects.select_for_update(of=("self",)).get(pk=secret.patient_id), password)
    if user is None:
        raise WrongCode
    return user


def _open(patient: Patient, password: str) -> User | None:
    if patient.user_id is not None:
        return None
    password = passwords.check(password, realm=PATIENT_REALM, known=[patient.name, patient.email])
    user = User(
        realm=PATIENT_REALM, email=patient.email, display_name=patient.name, language=patient.language
    )
    user.set_password(password)
    user.password_changed_at = timezone.now()
    user.save()
    RoleGrant.objects.create(user=user, role="patient")
    patient.user = user
    patient.save(update_fields=["user"])
    audit.event("security", what="account opened", subjects=[patient], objects=[user], actor=user)
    account_mail.tell(user, "account_made")
    return user
