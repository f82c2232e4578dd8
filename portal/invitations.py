"""Invitations: a single-use link by which somebody opens an account, bound to what it is for.

Patients prove who they are as well: a link alone, and with it an e-mail address, opens nobody's records.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.contacts import mailable
from config.security import audit, normal
from portal import account_mail, contact_holds, one_time, passwords, sessions
from portal.access import PATIENT_REALM, STAFF_REALM, may_grant, require
from portal.models import Caregiver, Invitation, Patient, RoleGrant, User

LIFE = {"patient": timedelta(days=7), "caregiver": timedelta(days=7), "staff": timedelta(days=3)}
MOST_TRIES = 5


class AccountExists(Exception):
    """The address has an account already: sign in first, then open the invitation again."""


class AddressTaken(Exception):
    """The address has an account that can't be opened further by this invitation."""


class WrongProofs(Exception):
    """Birth date and last name are not the patient's."""


def invite_patient(actor: Any, *, patient: Patient) -> Invitation:
    """To the e-mail address on file, and to no other. Raises ValueError where there is none, or it is too new."""
    require(actor, "users.invite", patient)
    if patient.deceased_on is not None:
        raise ValueError("The patient has died.")
    if not patient.email or contact_holds.changed_lately(patient, "email"):
        raise ValueError("The patient has no e-mail address on file that could prove anything.")
    return _invite("patient", actor, email=patient.email, language=patient.language, patient=patient)


def invite_staff(actor: Any, *, email: str, roles: Iterable[str], name: str = "") -> Invitation:
    """Raises PermissionDenied for a role that is not the actor's to give, ValidationError for no address."""
    require(actor, "users.invite")
    mailable(email)
    wanted = sorted(set(roles))
    if not wanted or not all(may_grant(actor, role) for role in wanted):
        raise PermissionDenied("users.invite")
    return _invite("staff", actor, email=email, language="en", roles=wanted, name=name)


def invite_caregiver(actor: Any, *, caregiver: Caregiver, email: str) -> Invitation:
    """Called by portal.caregivers, which has asked whether the actor may. Raises ValidationError for no address."""
    mailable(email)
    language = caregiver.patient.language
    return _invite("caregiver", actor, email=email, language=language, caregiver=caregiver)


def invite_again(user: User) -> None:
    """After a reset: whoever lost their factor proves again who they are, by the way they once came in.

    Raises ValueError where no way is left.
    """
    patient = Patient.objects.filter(user=user).first()
    if patient is not None and patient.email and not contact_holds.changed_lately(patient, "email"):
        _invite("patient", None, email=patient.email, language=user.language, patient=patient)
        return
    caregiver = Caregiver.objects.in_force().filter(user=user).first()
    if caregiver is None:
        raise ValueError("They have no e-mail address on file that could prove anything: enter one first.")
    _invite("caregiver", None, email=user.email, language=user.language, caregiver=caregiver)


def invite_holder(patient: Patient) -> None:
    """Somebody registers whose address on file has an account: the link opens the record with that."""
    _invite("patient", None, email=patient.email, language=patient.language, patient=patient)


def _invite(kind: str, actor: Any, *, email: str, language: str, **about: Any) -> Invitation:
    with transaction.atomic():
        _void(kind, email, about)
        invitation = Invitation.objects.create(
            kind=kind,
            email=email,
            invited_by=actor if isinstance(actor, User) else None,
            token_digest=one_time.digest_of(one_time.token()),
            expires_at=timezone.now() + LIFE[kind],
            **about,
        )
        audit.event(
            "security", what=f"{kind} invited", subjects=_whose(invitation), objects=[invitation], actor=actor
        )
        account_mail.send_invitation(invitation, language)
    return invitation


def _void(kind: str, email: str, about: dict[str, Any]) -> None:
    """Earlier ones for the same end are good for nothing."""
    same = Q(patient=about["patient"]) if "patient" in about else Q(caregiver=about.get("caregiver"))
    earlier = Invitation.objects.filter(same, kind=kind, used_at=None)
    for invitation in earlier.filter(created_at__gt=timezone.now() - LIFE[kind]):
        if kind != "staff" or normal.email(invitation.email) == normal.email(email):
            withdraw(invitation)


def withdraw(invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk, used_at=None).update(expires_at=timezone.now())


def _whose(invitation: Invitation) -> list[int]:
    caregiver = invitation.caregiver
    patient_id = invitation.patient_id or (caregiver.patient_id if caregiver else None)
    return [patient_id] if patient_id else []


def by_token(token: str) -> Invitation | None:
    """The invitation a link's token opens: unused, in time, not tried too often."""
    return by_digest(one_time.digest_of(token)) if token else None


def by_digest(digest: str) -> Invitation | None:
    usable = Invitation.objects.filter(used_at=None, expires_at__gt=timezone.now(), tries__lt=MOST_TRIES)
    return usable.select_related("patient", "caregiver__patient").filter(token_digest=digest).first()


def realm_of(invitation: Invitation) -> str:
    return STAFF_REALM if invitation.kind == "staff" else PATIENT_REALM


def accept(
    invitation: Invitation, *, name: str, password: str, last_name: str = "", birth_date: date | None = None
) -> User:
    """Open the account, or for a patient who proves again who they are, open it anew.

    Raises WrongProofs (counted), AccountExists, AddressTaken, ValidationError for the password, ValueError
    where the invitation was used meanwhile.
    """
    if invitation.kind == "patient":
        _prove(invitation, last_name, birth_date)
    realm = realm_of(invitation)
    password = passwords.check(password, realm=realm, known=[name, last_name, invitation.email])
    with transaction.atomic():
        _use(invitation)
        user = _account(invitation, realm, name)
        again = user.pk is not None
        user.set_password(password)
        user.password_changed_at = timezone.now()
        user.save()
        _give_place(invitation, user)
        audit.event(
            "security", what="account opened", subjects=_whose(invitation), objects=[user], actor=user
        )
        account_mail.tell(user, "password_changed" if again else "account_made")
        if again:
            sessions.end_all(user, by="password-change")
    return user


def _prove(invitation: Invitation, last_name: str, birth_date: date | None) -> None:
    """Count the try, then compare."""
    Invitation.objects.filter(pk=invitation.pk).update(tries=F("tries") + 1)
    patient = invitation.patient
    right = patient is not None and normal.name(patient.last_name) == normal.name(last_name)
    if patient is None or not right or patient.birth_date != birth_date:
        raise WrongProofs


def _use(invitation: Invitation) -> None:
    unused = Invitation.objects.filter(pk=invitation.pk, used_at=None, expires_at__gt=timezone.now())
    if not unused.update(used_at=timezone.now()):
        raise ValueError("This invitation was used.")


def _account(invitation: Invitation, realm: str, name: str) -> User:
    """The account that the invitation opens anew, else a new one."""
    patient, caregiver = invitation.patient, invitation.caregiver
    if patient is not None and patient.user is not None:
        return patient.user
    if caregiver is not None and caregiver.user is not None and not caregiver.user.has_usable_password():
        return caregiver.user
    holder = User.objects.by_email(invitation.email, realm)
    if holder is not None:
        raise AccountExists if may_bind(holder, invitation) else AddressTaken
    language = patient.language if patient else "en"
    shown = name or (patient.name if patient else "")
    return User(realm=realm, email=invitation.email, display_name=shown, language=language)


def _give_place(invitation: Invitation, user: User) -> None:
    """Roles, the patient's record, or the place of a caregiver."""
    roles = invitation.roles if invitation.kind == "staff" else [invitation.kind]
    for role in roles:
        RoleGrant.objects.get_or_create(user=user, role=role, defaults={"granted_by": invitation.invited_by})
    if invitation.patient is not None:
        Patient.objects.filter(pk=invitation.patient.pk).update(user=user)
    if invitation.caregiver is not None:
        Caregiver.objects.filter(pk=invitation.caregiver.pk, revoked_at=None).update(user=user)


def may_bind(actor: Any, invitation: Invitation) -> bool:
    """Whether it is for the account they have: a caregiver's place, or the record of who has none yet.

    Whoever is a caregiver of that very patient acts within what the patient gave them, and no further.
    """
    fits = normal.email(actor.email) == normal.email(invitation.email)
    if actor.realm != PATIENT_REALM or not actor.is_active or not fits:
        return False
    patient = invitation.patient
    if invitation.kind != "patient" or patient is None:
        return bool(invitation.kind == "caregiver")
    free = patient.user_id is None and not Patient.objects.filter(user=actor).exists()
    return free and not Caregiver.objects.filter(patient=patient, user=actor).exists()


def bind(actor: User, *, invitation: Invitation, last_name: str = "", birth_date: date | None = None) -> None:
    """Take a caregiver's place or one's own record with the account one has, at the invited address.

    Raises PermissionDenied, WrongProofs (counted), ValueError where the invitation was used meanwhile.
    """
    if not may_bind(actor, invitation):
        raise PermissionDenied("invitation")
    if invitation.kind == "patient":
        _prove(invitation, last_name, birth_date)
    with transaction.atomic():
        _use(invitation)
        _give_place(invitation, actor)
        what = f"{invitation.kind} joined"
        audit.event("security", what=what, subjects=_whose(invitation), objects=[actor], actor=actor)


def refuse_own(email: str, patient: Patient) -> None:
    """Raise ValidationError where somebody would be their own caregiver."""
    if patient.user is not None and normal.email(patient.user.email) == normal.email(email):
        raise ValidationError(_("This is your own address."))
