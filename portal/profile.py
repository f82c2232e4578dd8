"""A patient's own particulars: what they change themselves, and what they propose and staff accept.

Name and birth date tell who the person is: they are changed by staff on proof alone, never here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config import contacts
from config.security import audit
from config.templatetags.look import say_when
from portal import account_mail, contact_holds, levels, signals
from portal.access import System, require
from portal.models import ContactChange, Patient

OWN_FIELDS = ("language", "time_zone", "preferred_channel")
ADDRESS = Patient.ADDRESS
PROPOSED = {"email": _("E-mail"), "phone": _("Phone"), "address": _("Address")}
LOCK = System("verification lock")
REACHES = {"email": contacts.mailable, "phone": contacts.diallable}


class NotProposable(ValueError):
    """This is not changed by proposal."""


class AlreadyDecided(ValueError):
    """Somebody has accepted or refused it before."""

    def __init__(self) -> None:
        super().__init__(_("Somebody has decided this already."))


class InHold(ValueError):
    """An earlier change of the same contact is not used yet."""

    def __init__(self, earlier: ContactChange) -> None:
        until = say_when(cast(datetime, earlier.delivers_from))
        super().__init__(
            _("This contact was changed lately; another change waits until %(when)s.") % {"when": until}
        )


class NotStoppable(ValueError):
    """It is over, or too old to be stopped here."""

    def __init__(self) -> None:
        super().__init__(_("This change can't be stopped any more. Ask for another one, or call us."))


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


def propose(
    actor: Any, *, patient: Patient, field: str, value: str, purpose: str = ""
) -> ContactChange | None:
    """Ask for a change of contact; None where it is what stands on file. A newer wish replaces the older.

    Staff ask it for whoever they verified on ``purpose`` (NotVerified else), and what is on file is told. Raises
    ValidationError for what nothing can be sent to.
    """
    require(actor, "portal.use" if actor.realm == "patient" else "patients.change", patient)
    if field in REACHES:
        REACHES[field](value)
    by_staff = actor.realm == "staff"
    if by_staff:
        levels.require_opened(actor, patient, purpose=purpose, what="contact_change")
    with transaction.atomic(), audit.acting(purpose=purpose or audit.context.get().purpose):
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
            patient=held,
            field=field,
            old_value=old,
            new_value=value,
            proposed_by=actor if actor.pk else None,
            asked_on=purpose,
        )
        if by_staff:
            _tell(held, "contact_asked", {held.email}, {held.phone})
    return change


def propose_told(actor: Any, *, patient: Patient, field: str, value: str) -> None:
    """Another system tells another contact: a wish like any other, that staff decide on and holds apply to."""
    require(actor, "patients.import")
    with transaction.atomic():
        held = Patient.objects.select_for_update().get(pk=patient.pk)
        known = ContactChange.objects.filter(patient=held, field=field)
        if value_of(held, field) != value and all(value != change.new_value for change in known):
            ContactChange.objects.create(
                patient=held, field=field, old_value=value_of(held, field), new_value=value, asked_on="import"
            )


def withdraw_asked(patient: Patient, purposes: Iterable[str]) -> None:
    """Whoever was spoken with there failed to show who they are: what was asked for there and nobody decided on
    yet is let go, and what is on file is told. Within the caller's transaction.
    """
    asked = ContactChange.objects.filter(patient=patient, state="proposed", asked_on__in=list(purposes))
    let_go = list(asked.filter(proposed_by__realm="staff"))
    for change in let_go:
        _settle(LOCK, change, "withdrawn")
    if let_go:
        _tell(patient, "contact_stopped", {patient.email}, {patient.phone})


def decide(actor: Any, *, change: ContactChange, accept: bool) -> ContactChange:
    """Accept or refuse a proposed change. Old and new contact are told of an accepted one, which is used for
    deliveries and for proof only after its holds. InHold while an earlier one is not used yet.
    """
    require(actor, "patients.change", change.patient)
    with transaction.atomic():
        patient, held = _locked(change)
        if held.state != "proposed":
            raise AlreadyDecided
        if accept and (earlier := contact_holds.in_hold(patient, held.field)) is not None:
            raise InHold(earlier)
        if accept:
            _begin_holds(held)
        _settle(actor, held, "accepted" if accept else "refused")
        if accept:
            _apply(patient, held)
            _tell_changed(patient, held)
    return held


def _locked(change: ContactChange) -> tuple[Patient, ContactChange]:
    """The patient before the change, as whoever proposes or stops one takes them: else two wait for each other."""
    patient = Patient.objects.select_for_update().get(pk=change.patient_id)
    held = ContactChange.objects.select_for_update().get(pk=change.pk)
    held.patient = patient
    return patient, held


def changed_by_merge(
    actor: Any, *, patient: Patient, field: str, old: str, since: datetime, purpose: str
) -> None:
    """Another contact than ``old``, which stood ``since`` then, is on file since two records became one: told and
    held as any change is. Within the caller's transaction.
    """
    require(actor, "patients.merge", patient)
    value = value_of(patient, field)
    change = ContactChange(patient=patient, field=field, old_value=old, new_value=value, asked_on=purpose)
    _begin_holds(change)
    change.old_since = since
    _settle(actor, change, "accepted")
    setattr(patient, f"{field}_since", change.decided_at)
    patient.save(update_fields=[f"{field}_since"])
    _tell_changed(patient, change)


def _tell_changed(patient: Patient, change: ContactChange) -> None:
    emails, phones = {patient.email}, {patient.phone}
    emails |= {change.old_value} if change.field == "email" else set()
    phones |= {change.old_value} if change.field == "phone" else set()
    _tell(patient, "contact_changed", emails, phones)


def stop(actor: Any, *, change: ContactChange) -> ContactChange:
    """The patient did not ask for it, or no longer wants it: what stood before is on file again, as of old.

    NotStoppable once it proves something, or where something else is on file by now.
    """
    require(actor, "portal.use", change.patient)
    if change.patient.user_id != actor.pk:
        raise PermissionDenied("portal.use")
    with transaction.atomic():
        patient, held = _locked(change)
        if held.state == "accepted":
            _undo(patient, held)
        elif held.state != "proposed":
            raise NotStoppable
        held.state = "stopped"
        held.save(update_fields=["state"])
        audit.event("security", subjects=[patient], what="contact change stopped", objects=[held])
        _tell(patient, "contact_stopped", {patient.email}, {patient.phone})
    return held


def _undo(patient: Patient, change: ContactChange) -> None:
    in_time = change.proves_from is not None and change.proves_from > timezone.now()
    if not in_time or value_of(patient, change.field) != change.new_value:
        raise NotStoppable
    _put(patient, change.field, change.old_value)
    setattr(patient, f"{change.field}_since", change.old_since)
    patient.save(update_fields=[f"{change.field}_since"])
    _announce_on_commit(patient, [change.field])


def _begin_holds(change: ContactChange) -> None:
    figures, now = levels.rules(), timezone.now()
    change.old_since = contact_holds.stands_since(change.patient, change.field)
    change.delivers_from = now + timedelta(hours=figures.delivery_hold_hours)
    change.proves_from = now + timedelta(days=figures.proof_hold_days)


def _tell(patient: Patient, kind: str, emails: set[str], phones: set[str]) -> None:
    """In neutral words, to each contact that is or was theirs."""
    for email in sorted(emails - {""}):
        account_mail.tell_contact(patient, kind, to=email)
    for phone in sorted(phones - {""}):
        account_mail.text_contact(patient, kind, to=phone)


def _settle(actor: Any, change: ContactChange, state: str) -> None:
    change.state, change.decided_at = state, timezone.now()
    change.decided_by = actor if actor.pk else None
    change.save()


def _apply(patient: Patient, change: ContactChange) -> None:
    _put(patient, change.field, change.new_value)
    _announce_on_commit(patient, [change.field])


def _put(patient: Patient, field: str, value: str) -> None:
    if field == "address":
        for part, line in zip(ADDRESS, value.split("\n"), strict=True):
            setattr(patient, part, line)
    else:
        setattr(patient, field, value)
    patient.save()


def _announce_on_commit(patient: Patient, fields: list[str]) -> None:
    send = signals.patient_changed.send
    transaction.on_commit(lambda: send(sender=Patient, patient_id=patient.pk, fields=fields))
