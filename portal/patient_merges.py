"""Two records of one person made one: everything of the folded record moves to the kept one, and for a day back.

What moves is found by asking every model that names a patient, so that nothing an app to the right keeps is
left behind. The folded record stays, with its contacts alone, and points to the kept one. The trail keeps what
it said. Whoever had shown that they are the one has not shown it of both: that ends, with every way in. Nor is
a contact of the newer record the person's own because somebody of their name gave it: it counts as changed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from config.security import audit, normal
from portal import contact_holds, duplicates, profile
from portal.access import require
from portal.models import (
    ContactChange,
    EmergencyAccess,
    Invitation,
    LookAlike,
    OneTimeSecret,
    Patient,
    PatientMerge,
    Verification,
)
from portal.signals import records_merged

UNDO_FOR = timedelta(days=1)
STAYS = {
    ContactChange,
    LookAlike,
    Patient,
    PatientMerge,
}  # a change of contact is about the contacts that stay
FILLABLE = ("ssn_last4", "interpreter", "tty", "deceased_on", "tier")
CONTACTS = {"email": ("email",), "phone": ("phone",), "address": Patient.ADDRESS}

SPELT = {"email": normal.email, "phone": normal.phone, "address": normal.name}

Keys = dict[str, list[int | str]]


def merge(actor: Any, *, keep: Patient, fold: Patient) -> PatientMerge:
    """Fold ``fold`` into ``keep``. Raises ValidationError where they can't be one.

    Empty particulars of the kept record are filled from the folded one; none is overwritten.
    """
    require(actor, "patients.merge", keep)
    require(actor, "patients.merge", fold)
    with transaction.atomic():
        kept, folded = _held(keep, fold)
        _refuse(kept, folded)
        _end_ways_in(folded)
        own, before = _belongings(kept), _stood_before(kept, folded)
        since = {field: _said(getattr(kept, f"{field}_since")) for field in before}
        record = PatientMerge.objects.create(
            kept=kept,
            folded=folded,
            merged_by=actor if actor.pk else None,
            filled=_fill(kept, folded),
            moved={"over": _move(folded, kept), "own": own, "since": since},
        )
        for field, (old, stood) in before.items():
            profile.changed_by_merge(
                actor, patient=kept, field=field, old=old, since=stood, purpose=_purpose(record)
            )
        duplicates.decided_same(actor, kept, folded)
        _tell("records merged", kept, folded)
    return record


def _held(one: Patient, other: Patient) -> tuple[Patient, Patient]:
    """Both under lock, always in the same order."""
    rows = Patient.objects.select_for_update(of=("self",)).filter(pk__in=[one.pk, other.pk]).order_by("pk")
    found = {row.pk: row for row in rows}
    return found[one.pk], found[other.pk]


def _refuse(kept: Patient, folded: Patient) -> None:
    if kept.pk == folded.pk:
        raise ValidationError(_("These are one record already."))
    if kept.merged_into_id or folded.merged_into_id:
        raise ValidationError(_("One of these records has been merged into another already."))
    if kept.user_id and folded.user_id:
        raise ValidationError(
            _("Both records have a portal account. Ask the person which one to keep, and close the other.")
        )
    if _account_is_unproven(kept, folded) or _account_is_unproven(folded, kept):
        raise ValidationError(
            _("The portal account was opened at an e-mail address that is too new to prove whose it is.")
        )
    if kept.birth_date != folded.birth_date:
        raise ValidationError(_("The dates of birth differ. Correct the wrong one on proof, then merge."))
    if ContactChange.objects.filter(patient=folded, state="proposed").exists():
        raise ValidationError(_("A change of contact waits on the record to be folded. Decide on it first."))


def _account_is_unproven(one: Patient, other: Patient) -> bool:
    """Whoever opened an account on a record that began with their own words would have the other one's too."""
    if one.user_id is None or contact_holds.has_stood(one, "email"):
        return False
    return not _same("email", one, other) or contact_holds.changed_lately(one, "email")


def _same(field: str, one: Patient, other: Patient) -> bool:
    spelt = SPELT[field]
    return spelt(contact_holds.on_file(one, field)) == spelt(contact_holds.on_file(other, field))


def _stood_before(kept: Patient, folded: Patient) -> dict[str, tuple[str, datetime]]:
    """By contact, what was on file for longer than what will be from now on, and since when."""
    found = {}
    for field in CONTACTS:
        old, new = contact_holds.on_file(folded, field), contact_holds.on_file(kept, field)
        since = contact_holds.stands_since(folded, field)
        newer = since < contact_holds.stands_since(kept, field)
        if old.strip() and new.strip() and newer and not _same(field, kept, folded):
            found[field] = (old, since)
    return found


def _purpose(record: PatientMerge) -> str:
    return f"merge:{record.pk}"


def _said(since: datetime | None) -> str:
    return since.isoformat() if since else ""


def _end_ways_in(folded: Patient) -> None:
    """Verifications, emergencies, codes and invitations were for this record, and open no other."""
    now = timezone.now()
    Verification.objects.filter(patient=folded, passed=True, ended_at=None).update(ended_at=now)
    EmergencyAccess.objects.filter(patient=folded, until__gt=now).update(until=now)
    OneTimeSecret.objects.filter(patient=folded, used_at=None, expires_at__gt=now).update(expires_at=now)
    Invitation.objects.filter(patient=folded, used_at=None, expires_at__gt=now).update(expires_at=now)


def _default(name: str) -> Any:
    field = Patient._meta.get_field(name)
    return None if field.null else field.get_default()  # type: ignore[union-attr]


def _fill(kept: Patient, folded: Patient) -> list[str]:
    names = [*FILLABLE, *(name for contact in CONTACTS for name in _contact(contact, kept, folded))]
    filled = [name for name in names if getattr(folded, name) != _default(name) == getattr(kept, name)]
    for name in filled:
        setattr(kept, name, getattr(folded, name))
    account = folded.user
    folded.user, folded.merged_into = None, kept
    folded.save()
    if account is not None:
        kept.user = account
        filled.append("user")
    kept.save()
    return filled


def _contact(contact: str, kept: Patient, folded: Patient) -> tuple[str, ...]:
    """The parts of a contact that may be filled: of one that has stood for long, and never two addresses mixed."""
    parts = CONTACTS[contact]
    alike = all(getattr(kept, part) in ("", getattr(folded, part)) for part in parts)
    return parts if alike and not contact_holds.changed_lately(folded, contact) else ()


def _belongings(patient: Patient) -> Keys:
    """Primary keys of all that names a patient, by ``app.model.field``."""
    found: Keys = {}
    for model, name in references():
        rows = model._base_manager.filter(**{name: patient}).values_list("pk", flat=True)
        if keys := [key if isinstance(key, int) else str(key) for key in rows]:
            found[f"{model._meta.label_lower}.{name}"] = keys
    return found


def _move(folded: Patient, kept: Patient) -> Keys:
    moved = _belongings(folded)
    for place, keys in moved.items():
        _point(*_model_of(place), keys, kept)
    return moved


def _model_of(place: str) -> tuple[type[models.Model], str]:
    label, _dot, name = place.rpartition(".")
    return apps.get_model(label), name


def _point(model: type[models.Model], name: str, keys: list[Any], to: Patient) -> None:
    try:
        with transaction.atomic():
            model._base_manager.filter(pk__in=keys).update(**{name: to})
    except IntegrityError as clash:
        label = model._meta.verbose_name_plural
        raise ValidationError(
            _("Both records have %(what)s that can't stand side by side. Settle one of them first.")
            % {"what": label}
        ) from clash


def references() -> Iterator[tuple[type[models.Model], str]]:
    """Every model of ours that names a patient, and by which field."""
    for relation in Patient._meta.related_objects:
        field = relation.field
        if relation.related_model not in STAYS and not field.many_to_many:
            yield relation.related_model, field.name


def undo(actor: Any, *, record: PatientMerge) -> PatientMerge:
    """Take the records apart again, within a day: what was moved goes back, and what came of it since.

    Raises ValidationError where something of both came together since.
    """
    require(actor, "patients.merge", record.kept)
    with transaction.atomic():
        held: PatientMerge = PatientMerge.objects.select_for_update().get(pk=record.pk)
        if held.undone_at is not None:
            raise ValidationError(_("This merge has been undone already."))
        if timezone.now() - held.merged_at > UNDO_FOR:
            raise ValidationError(
                _("A merge can be undone for one day. Ask a supervisor to sort it by hand.")
            )
        kept, folded = _held(held.kept, held.folded)
        if kept.merged_into_id is not None:
            raise ValidationError(_("The record has been merged further. Undo that first."))
        _empty_again(held, kept, folded)
        _unchange(held, kept)
        for place, keys in held.moved["over"].items():
            model, name = _model_of(place)
            model._base_manager.filter(pk__in=keys, **{name: kept}).update(**{name: folded})
        _take_along(held, kept, folded)
        _refuse_torn(kept, folded)
        held.undone_at = timezone.now()
        held.save(update_fields=["undone_at"])
        duplicates.decided_anew(kept, folded)
        _tell("merge of records undone", kept, folded)
    return held


def _empty_again(record: PatientMerge, kept: Patient, folded: Patient) -> None:
    for name in record.filled:
        if name == "user":
            continue
        if getattr(kept, name) == getattr(folded, name):
            setattr(kept, name, _default(name))
    account = kept.user if "user" in record.filled else None
    if account is not None:
        kept.user = None
    kept.save()
    folded.user, folded.merged_into = account, None
    folded.save()


def _unchange(record: PatientMerge, kept: Patient) -> None:
    """The contacts that the merge counted as changed are what they were to their own record."""
    changes = ContactChange.objects.filter(patient=kept, state="accepted", asked_on=_purpose(record))
    for change in changes:
        setattr(kept, f"{change.field}_since", parse_datetime(record.moved["since"][change.field]))
        kept.save(update_fields=[f"{change.field}_since"])
    changes.update(state="withdrawn")


def _ties() -> Iterator[tuple[type[models.Model], str, str]]:
    """Where a thing of a patient names another: (model, its field of the patient, path to the other's patient)."""
    of = dict(references())
    for model, name in of.items():
        for field in model._meta.concrete_fields:
            other: Any = field.related_model
            if field.many_to_one and other in of and other is not model:
                yield model, name, f"{field.name}__{of[other]}"


def _take_along(record: PatientMerge, kept: Patient, folded: Patient) -> None:
    """What came since and names something that went back, and so on: a thread of a case goes with the case."""
    own, moved = record.moved["own"], 1
    while moved:
        moved = 0
        for model, name, path in _ties():
            before = own.get(f"{model._meta.label_lower}.{name}", [])
            rows = model._base_manager.filter(**{name: kept, path: folded}).exclude(pk__in=before)
            keys = list(rows.values_list("pk", flat=True))
            moved += model._base_manager.filter(pk__in=keys).update(**{name: folded}) if keys else 0


def _refuse_torn(kept: Patient, folded: Patient) -> None:
    """Nothing of one may name a thing of the other: a thread would be read by who does not own its case."""
    torn = [
        str(model._meta.verbose_name)
        for model, name, path in _ties()
        for one, other in ((kept, folded), (folded, kept))
        if model._base_manager.filter(**{name: one, path: other}).exists()
    ]
    if torn:
        raise ValidationError(
            _("Things of both records came together since (%(what)s). Take those apart first.")
            % {"what": ", ".join(sorted(set(torn)))}
        )


def _tell(what: str, kept: Patient, folded: Patient) -> None:
    audit.event("update", subjects=[kept, folded], what=what, objects=[kept])
    both = [kept.pk, folded.pk]
    transaction.on_commit(lambda: records_merged.send_robust(None, patient_ids=both))


def lately(actor: Any) -> list[PatientMerge]:
    """Merges that can still be undone, the newest first."""
    require(actor, "patients.merge")
    since = timezone.now() - UNDO_FOR
    rows = PatientMerge.objects.filter(undone_at=None, merged_at__gt=since)
    found = list(rows.select_related("kept", "folded", "merged_by").order_by("-merged_at")[:50])
    if found:
        audit.read({row.kept_id for row in found}, "merged records", objects=found, fields=("account",))
    return found
