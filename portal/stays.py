"""What changes everything about a patient: that they died, or stay where others pay for equipment.

It takes what any change takes: whoever tells it is verified on the agent's ``purpose`` (R-CASE-3), unless those
who keep the records write it down. The contacts on file are told, in neutral words, and so is the case.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef
from django.db.models.functions import JSONObject
from django.utils.translation import gettext_lazy as _

from config.business_day import business_day
from portal import account_mail, consent, levels, signals
from portal.access import allowed, require
from portal.models import Consent, FacilityStay, Patient

# What a stay of a kind stops: it is the facility's to provide while somebody is there.
STOPS = {
    "hospital": ("ship", "bill"),
    "snf": ("ship", "bill"),
    "hospice": ("bill",),
    "other": (),
}


TOPICS = ("orders", "resupply", "surveys", "marketing")


@dataclass(frozen=True)
class Standing:
    """What may be done for a patient today, and why something may not. ``why`` is in words for staff."""

    may_ship: bool
    may_bill: bool
    may_contact: bool
    why: list[str]


def of(patient: Patient, stays: list[FacilityStay] | None = None) -> Standing:
    """How a patient stands today. ``stays`` are their current ones, where the caller has them."""
    if patient.deceased_on is not None:
        return Standing(False, False, False, [str(_("This patient has died. Nothing is sent or asked."))])
    here = list(FacilityStay.objects.current().filter(patient=patient)) if stays is None else stays
    stopped = {what for stay in here for what in STOPS[stay.kind]}
    why = [_in_words(stay) for stay in here]
    return Standing("ship" not in stopped, "bill" not in stopped, True, why)


def told_with(patient: str) -> ArraySubquery:
    """The current stays as part of another query, for ``from_rows``; ``patient`` is the path to whose they are."""
    here = FacilityStay.objects.current().filter(patient=OuterRef(patient))
    return ArraySubquery(here.values(row=JSONObject(kind="kind", since="since")))


def from_rows(rows: list[dict[str, str]] | None) -> list[FacilityStay] | None:
    """What ``told_with`` read; None where it was not asked."""
    if rows is None:
        return None
    return [FacilityStay(kind=row["kind"], since=date.fromisoformat(row["since"])) for row in rows]


def _in_words(stay: FacilityStay) -> str:
    kind = stay.get_kind_display()
    return str(_("In a facility since %(since)s: %(kind)s.") % {"since": stay.since, "kind": kind})


def keeps_records(actor: Any) -> bool:
    """Whether the actor decides on a record by what they have before them, whoever called."""
    return allowed(actor, "patients.merge")


def require_told(actor: Any, *, patient: Patient, purpose: str) -> None:
    """NotVerified where nobody verified tells the actor."""
    require(actor, "patients.change", patient)
    if not keeps_records(actor):
        levels.require_opened(actor, patient, purpose=purpose, what="contact_change")


def _tell(actor: Any, patient: Patient, what: str, purpose: str) -> None:
    """The contacts on file, and on commit the case it was told on."""
    account_mail.tell_contact(patient, "circumstances_told")
    account_mail.text_contact(patient, "circumstances_told")
    told = {"patient_id": patient.pk, "purpose": purpose, "what": what, "by": actor.pk}
    transaction.on_commit(lambda: signals.circumstances_told.send_robust(Patient, **told))


def _refuse_day(patient: Patient, on: date) -> None:
    if on > business_day():
        raise ValidationError({"on": _("That day has not come yet.")})
    if patient.birth_date and on < patient.birth_date:
        raise ValidationError({"on": _("That is before the date of birth.")})


@transaction.atomic
def has_died(actor: Any, *, patient: Patient, on: date, purpose: str = "") -> Patient:
    """Write down a death. Consent to be contacted ends with it; nothing is deleted."""
    require_told(actor, patient=patient, purpose=purpose)
    _refuse_day(patient, on)
    held: Patient = Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    _tell(actor, held, "died", purpose)
    held.deceased_on = on
    held.save(update_fields=["deceased_on"])
    Consent.objects.bulk_create(
        Consent(patient=held, channel=channel, topic=topic, granted=False, source=consent.DEATH)
        for channel, _label in Patient.CHANNELS
        for topic in TOPICS
    )
    return held


@transaction.atomic
def is_said_to_have_died(actor: Any, *, patient: Patient, on: date, purpose: str = "") -> None:
    """Somebody whom nobody verified told of a death: those who keep the records are asked, and nothing stops."""
    require(actor, "patients.change", patient)
    _refuse_day(patient, on)
    _tell(actor, patient, "death_told", purpose)


@transaction.atomic
def is_alive(actor: Any, *, patient: Patient, purpose: str = "") -> Patient:
    """It was written down in error. Consents are what they were."""
    require(actor, "patients.merge", patient)
    held: Patient = Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    held.deceased_on = None
    held.save(update_fields=["deceased_on"])
    consent.again_alive(actor, patient=held)
    _tell(actor, held, "alive", purpose)
    return held


@transaction.atomic
def goes_to(
    actor: Any,
    *,
    patient: Patient,
    kind: str,
    since: date,
    until: date | None = None,
    name: str = "",
    purpose: str = "",
) -> FacilityStay:
    """A stay begins. Raises ValidationError where it ends before it begins or another of its kind is open."""
    require_told(actor, patient=patient, purpose=purpose)
    if kind not in STOPS:
        raise ValidationError({"kind": _("Choose what kind of facility it is.")})
    if until is not None and until < since:
        raise ValidationError({"until": _("A stay can't end before it begins.")})
    Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    if FacilityStay.objects.filter(patient=patient, kind=kind, until=None).exists():
        raise ValidationError(_("A stay of this kind is open already. End it first."))
    _tell(actor, patient, "stay", purpose)
    return FacilityStay.objects.create(
        patient=patient,
        kind=kind,
        since=since,
        until=until,
        name=name.strip()[:120],
        recorded_by=actor if actor.pk else None,
    )


@transaction.atomic
def comes_home(actor: Any, *, stay: FacilityStay, on: date, purpose: str = "") -> FacilityStay:
    """A stay ends."""
    require_told(actor, patient=stay.patient, purpose=purpose)
    held: FacilityStay = FacilityStay.objects.select_for_update(of=("self",)).get(pk=stay.pk)
    if on > business_day():
        raise ValidationError({"on": _("That day has not come yet.")})
    if on < held.since:
        raise ValidationError({"on": _("A stay can't end before it begins.")})
    held.until = on
    held.save(update_fields=["until"])
    _tell(actor, held.patient, "home", purpose)
    return held


def lasting(patient: Patient) -> list[FacilityStay]:
    """The stays that have no end yet."""
    return list(FacilityStay.objects.filter(patient=patient, until=None))


@transaction.atomic
def leaves(
    actor: Any, *, stay: FacilityStay, on: date, to: str = "", name: str = "", purpose: str = ""
) -> FacilityStay | None:
    """A stay ends; with ``to`` one of that kind follows it, which is given back."""
    comes_home(actor, stay=stay, on=on, purpose=purpose)
    if not to:
        return None
    return goes_to(actor, patient=stay.patient, kind=to, since=on, name=name, purpose=purpose)


@transaction.atomic
def needs(
    actor: Any, *, patient: Patient, language: str, interpreter: str, tty: bool, purpose: str = ""
) -> Patient:
    """How to speak with somebody: their language, an interpreter, a TTY or relay call."""
    require_told(actor, patient=patient, purpose=purpose)
    held: Patient = Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    held.language, held.interpreter, held.tty = language, interpreter.strip()[:40], tty
    held.save(update_fields=["language", "interpreter", "tty"])
    _tell(actor, held, "needs", purpose)
    return held
