"""A patient's own particulars: what they change themselves, and what they propose and staff accept.

Name and birth date tell who the person is: they are changed by staff on proof alone, never here.
"""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import account_mail, signals
from portal.access import require
from portal.models import ContactChange, Patient

OWN_FIELDS = ("language", "time_zone", "preferred_channel")
ADDRESS = ("address_line1", "address_line2", "city", "state", "postal_code")
PROPOSED = {"email": _("E-mail"), "phone": _("Phone"), "address": _("Address")}


class NotProposable(ValueError):
    """This is not changed by proposal."""


class AlreadyDecided(ValueError):
    """Somebody has accepted or refused it before."""

    def __init__(self) -> None:
        super().__init__(_("Somebody has decided this already."))


@dataclass(frozen=True)
class Choices:
    """What a patient sets without asking anybody."""

    language: str
    time_zone: str
    preferred_channel: str


def set_choices(actor: Any, *, patient: Patient, choices: Choices) -> None:
    """Change language, time zone and preferred channel; the person's own pages follow the language."""
    require(actor, "portal.use", patient)
    with transaction.atomic():
        held = Patient.objects.select_for_update().get(pk=patient.pk)
        for field in OWN_FIELDS:
            setattr(held, field, getattr(choices, field))
        held.save()
        if held.user_id == actor.pk and actor.language != choices.language:
            actor.language = choices.language
            actor.save(update_fields=["language"])
        _announce_on_commit(held, list(OWN_FIELDS))


def value_of(patient: Patient, field: str) -> str:
    """What is on file for a field that is changed by proposal; an address is its five lines."""
    if field == "address":
        return "\n".join(str(getattr(patient, part)) for part in ADDRESS)
    if field not in PROPOSED:
        raise NotProposable(field)
    return str(getattr(patient, field))


def shown(value: str) -> str:
    """A value on one line, an address without its empty lines."""
    return ", ".join(line for line in value.split("\n") if line)


def waiting(patient: Patient) -> dict[str, ContactChange]:
    """What is proposed and not yet decided, by field."""
    rows = ContactChange.objects.filter(patient=patient, state="proposed").order_by("proposed_at")
    return {row.field: row for row in rows}


def propose(actor: Any, *, patient: Patient, field: str, value: str) -> ContactChange | None:
    """Ask for a change of contact; None where it is what stands on file. A newer wish replaces the older."""
    require(actor, "portal.use" if actor.realm == "patient" else "patients.change", patient)
    with transaction.atomic():
        held = Patient.objects.select_for_update().get(pk=patient.pk)
        old = value_of(held, field)
        for earlier in ContactChange.objects.filter(patient=held, field=field, state="proposed"):
            if earlier.new_value == value:
                found: ContactChange = earlier
                return found
            _settle(actor, earlier, "withdrawn")
        if old == value:
            return None
        change: ContactChange = ContactChange.objects.create(
            patient=held, field=field, old_value=old, new_value=value, proposed_by=actor if actor.pk else None
        )
    return change


def decide(actor: Any, *, change: ContactChange, accept: bool) -> ContactChange:
    """Accept or refuse a proposed change. The contact that stood there before is told of an accepted one."""
    require(actor, "patients.change", change.patient)
    with transaction.atomic():
        held: ContactChange = ContactChange.objects.select_for_update().get(pk=change.pk)
        if held.state != "proposed":
            raise AlreadyDecided
        _settle(actor, held, "accepted" if accept else "refused")
        if accept:
            patient = _apply(held)
            old_email = held.old_value if held.field == "email" else ""
            account_mail.tell_contact(patient, "contact_changed", to=old_email)
    return held


def _settle(actor: Any, change: ContactChange, state: str) -> None:
    change.state, change.decided_at = state, timezone.now()
    change.decided_by = actor if actor.pk else None
    change.save()


def _apply(change: ContactChange) -> Patient:
    patient: Patient = Patient.objects.select_for_update().get(pk=change.patient_id)
    if change.field == "address":
        for part, value in zip(ADDRESS, change.new_value.split("\n"), strict=True):
            setattr(patient, part, value)
    else:
        setattr(patient, change.field, change.new_value)
    patient.save()
    _announce_on_commit(patient, [change.field])
    return patient


def _announce_on_commit(patient: Patient, fields: list[str]) -> None:
    send = signals.patient_changed.send
    transaction.on_commit(lambda: send(sender=Patient, patient_id=patient.pk, fields=fields))
