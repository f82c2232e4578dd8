"""Intake: a referral comes in, is matched to a record or becomes one, and is set up. The only writer of both.

What is still to be done is read off the record each time, so that it is true whoever did it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.business_day import business_day
from config.security import audit
from config.security.normal import is_blank
from portal import duplicates, numbers
from portal.access import allowed, require
from portal.duplicates import Facts, Match
from portal.models import Document, Order, Patient, Practitioner, Prescription, Referral

IN_WORK = ("new", "working", "ready")
OLDEST = date(1900, 1, 1)
TAKEN_OVER = ("first_name", "last_name", "birth_date", "phone", "email", "language", "interpreter", "tty")


@dataclass(frozen=True)
class Step:
    """Something a set-up needs. ``done`` is read off the record."""

    code: str
    label: Any
    done: bool


# What else a set-up needs, by code: (label, whether a patient has it). Apps to the right add theirs.
NEEDS: dict[str, tuple[Any, Callable[[Patient], bool]]] = {
    "order": (_("Written order on file"), lambda patient: _has_order(patient)),
    "documents": (_("Documents from the prescriber"), lambda patient: _has_documents(patient)),
    "draft": (_("Order entered"), lambda patient: Order.objects.filter(patient=patient).exists()),
    "contact": (_("A way to reach them"), lambda patient: bool(patient.phone or patient.email)),
}


def _has_order(patient: Patient) -> bool:
    return bool(Prescription.objects.filter(patient=patient).exists())


def _has_documents(patient: Patient) -> bool:
    return bool(Document.objects.filter(patient=patient).exclude(state="withdrawn").exists())


def take_in(actor: Any, *, practitioner: Practitioner | None = None, **told: Any) -> Referral:
    """Write down a referral: ``told`` are its fields. Raises ValidationError."""
    require(actor, "intake.work")
    referral = Referral(practitioner=practitioner, **told)
    _refuse_half(referral)
    with transaction.atomic():
        referral.save()
        _tell("referral taken in", referral)
    return referral


def _refuse_half(referral: Referral) -> None:
    wrong: dict[str, Any] = {}
    for name in ("first_name", "last_name"):
        if is_blank(str(getattr(referral, name))):
            wrong[name] = _("The name is needed to find or make a record.")
    if not referral.birth_date or not OLDEST <= referral.birth_date <= business_day():
        wrong["birth_date"] = _("Give a date of birth that lies in the past.")
    if not (referral.phone or referral.email):
        wrong["phone"] = _("Give a phone number or an e-mail address to reach them.")
    if referral.source == "prescriber" and referral.practitioner is None:
        wrong["practitioner"] = _("Say which prescriber sent it.")
    if wrong:
        raise ValidationError(wrong)


def waiting(actor: Any, most: int = 100) -> list[Referral]:
    """Referrals in work, the longest waiting first; one entry on the trail for the list."""
    require(actor, "intake.work")
    rows = Referral.objects.visible_to(actor).filter(state__in=IN_WORK)
    found = list(
        rows.select_related("taken_by", "practitioner", "patient").order_by("received_at", "pk")[:most]
    )
    if found:
        shown = {row.patient_id for row in found if row.patient_id}
        audit.read(shown, "referrals", objects=found, fields=("name",))
    return found


def open_referral(actor: Any, ref: Any) -> Referral:
    """One referral, on the trail as opened. Raises Referral.DoesNotExist."""
    require(actor, "intake.work")
    referral: Referral = (
        Referral.objects.visible_to(actor).select_related("patient", "practitioner", "taken_by").get(ref=ref)
    )
    whose = [referral.patient_id] if referral.patient_id else []
    audit.read(whose, "referral", objects=[referral], fields=("name", "birth date", "contact"))
    return referral


def alike(actor: Any, referral: Referral) -> list[Match]:
    """Records that may be this person's already."""
    return duplicates.like(actor, facts(referral))


def facts(referral: Referral) -> Facts:
    return Facts(referral.first_name, referral.last_name, referral.birth_date, referral.phone, referral.email)


@transaction.atomic
def take(actor: Any, *, referral: Referral) -> Referral:
    """Begin to work on it."""
    held = _held(actor, referral)
    held.taken_by, held.state = actor if actor.pk else None, "working" if held.state == "new" else held.state
    held.save(update_fields=["taken_by", "state"])
    return held


@transaction.atomic
def tie(actor: Any, *, referral: Referral, patient: Patient) -> Referral:
    """The person has a record: it is this one.

    Who may not compare records chooses among those alike: a birth date is not to be guessed by trying.
    """
    require(actor, "patients.change", patient)
    held = _held(actor, referral)
    if not allowed(actor, "patients.merge") and patient not in [one.patient for one in alike(actor, held)]:
        raise ValidationError(_("This record is not like the referral. Choose one that is."))
    if patient.merged_into_id is not None:
        raise ValidationError(_("This record has been merged into another one. Choose that one."))
    if patient.birth_date != held.birth_date:
        raise ValidationError(_("The date of birth on the referral is another one. Check it first."))
    held.patient, held.state = patient, "working"
    held.save(update_fields=["patient", "state"])
    return held


@transaction.atomic
def make_record(actor: Any, *, referral: Referral, although: bool = False) -> Patient:
    """A new record for this person. Where records are alike, only ``although`` somebody looked at them."""
    held = _held(actor, referral)
    if held.patient is not None:
        raise ValidationError(_("This referral has a record already."))
    if not although and alike(actor, held):
        raise ValidationError(_("There are records that may be this person's. Look at them first."))
    patient = Patient.objects.create(
        account_number=numbers.account_number(numbers.next_count(numbers.ACCOUNTS)),
        state=held.state_code,
        **{name: getattr(held, name) for name in TAKEN_OVER},
    )
    held.patient, held.state = patient, "working"
    held.save(update_fields=["patient", "state"])
    return patient


def steps(referral: Referral) -> list[Step]:
    """What has been done and what is missing until the set-up."""
    patient = referral.patient
    first = Step("record", _("Matched to a record"), patient is not None)
    return [
        first,
        *(Step(code, label, patient is not None and has(patient)) for code, (label, has) in NEEDS.items()),
    ]


@transaction.atomic
def ready(actor: Any, *, referral: Referral) -> Referral:
    """Everything is there: the set-up can be made. Raises ValidationError naming what is not."""
    held = _held(actor, referral)
    missing = [str(step.label) for step in steps(held) if not step.done]
    if missing:
        raise ValidationError(_("Still missing: %(what)s.") % {"what": ", ".join(missing)})
    held.state = "ready"
    held.save(update_fields=["state"])
    return held


@transaction.atomic
def set_up(actor: Any, *, referral: Referral) -> Referral:
    """The equipment stands in their home and somebody showed them how it works."""
    held = _held(actor, referral)
    if held.state != "ready":
        raise ValidationError(_("It is not ready yet: finish what is missing first."))
    held.state, held.settled_at = "set_up", timezone.now()
    held.save(update_fields=["state", "settled_at"])
    return held


@transaction.atomic
def decline(actor: Any, *, referral: Referral, because: str) -> Referral:
    """We can't serve them; ``because`` is told to whoever sent it."""
    if is_blank(because):
        raise ValidationError({"because": _("Say why, in words the prescriber can act on.")})
    held = _held(actor, referral)
    held.state, held.declined_because, held.settled_at = "declined", because.strip()[:200], timezone.now()
    held.save(update_fields=["state", "declined_because", "settled_at"])
    return held


def _held(actor: Any, referral: Referral) -> Referral:
    require(actor, "intake.work", referral)
    held: Referral = Referral.objects.select_for_update(of=("self",)).get(pk=referral.pk)
    if held.state not in IN_WORK:
        raise ValidationError(_("This referral is finished."))
    return held


def _tell(what: str, referral: Referral) -> None:
    whose = [referral.patient_id] if referral.patient_id else []
    audit.event("create", subjects=whose, what=what, objects=[referral])
