"""Two records of one person made one: everything of the folded record moves to the kept one, and for a day back.

What moves is found by asking every model that names a patient, so that nothing an app to the right keeps is
left behind. The folded record stays, empty, and points to the kept one. The trail keeps what it said.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit
from portal import duplicates
from portal.access import require
from portal.models import LookAlike, Patient, PatientMerge

UNDO_FOR = timedelta(days=1)
STAYS = {LookAlike, Patient, PatientMerge}
FILLABLE = (
    *("email", "phone", "ssn_last4", "interpreter"),
    *("address_line1", "address_line2", "city", "state", "postal_code"),
)


def merge(actor: Any, *, keep: Patient, fold: Patient) -> PatientMerge:
    """Fold ``fold`` into ``keep``. Raises ValidationError where they can't be one.

    Empty particulars of the kept record are filled from the folded one; none is overwritten.
    """
    require(actor, "patients.merge", keep)
    require(actor, "patients.merge", fold)
    with transaction.atomic():
        kept, folded = _held(keep, fold)
        _refuse(kept, folded)
        record = PatientMerge.objects.create(
            kept=kept,
            folded=folded,
            merged_by=actor if actor.pk else None,
            filled=_fill(kept, folded),
            moved=_move(folded, kept),
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
    if kept.birth_date != folded.birth_date:
        raise ValidationError(_("The dates of birth differ. Correct the wrong one on proof, then merge."))


def _fill(kept: Patient, folded: Patient) -> list[str]:
    filled = [name for name in FILLABLE if getattr(folded, name) and not getattr(kept, name)]
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


def _move(folded: Patient, kept: Patient) -> dict[str, list[int | str]]:
    moved = {}
    for model, name in references():
        rows = model._base_manager.filter(**{name: folded})
        if keys := [key if isinstance(key, int) else str(key) for key in rows.values_list("pk", flat=True)]:
            _point(model, name, keys, kept)
            moved[f"{model._meta.label_lower}.{name}"] = keys
    return moved


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
    """Take the records apart again, within a day: what was moved goes back, what came since stays."""
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
        _empty_again(held, kept, folded)
        for place, keys in held.moved.items():
            _move_back(place, keys, kept, folded)
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
            setattr(kept, name, "")
    account = kept.user if "user" in record.filled else None
    if account is not None:
        kept.user = None
    kept.save()
    folded.user, folded.merged_into = account, None
    folded.save()


def _move_back(place: str, keys: list[Any], kept: Patient, folded: Patient) -> None:
    from django.apps import apps

    label, _dot, name = place.rpartition(".")
    model = apps.get_model(label)
    model._base_manager.filter(pk__in=keys, **{name: kept}).update(**{name: folded})


def _tell(what: str, kept: Patient, folded: Patient) -> None:
    audit.event("update", subjects=[kept, folded], what=what, objects=[kept])


def lately(actor: Any) -> list[PatientMerge]:
    """Merges that can still be undone, the newest first."""
    require(actor, "patients.merge")
    since = timezone.now() - UNDO_FOR
    rows = PatientMerge.objects.filter(undone_at=None, merged_at__gt=since)
    found = list(rows.select_related("kept", "folded", "merged_by").order_by("-merged_at")[:50])
    if found:
        audit.read({row.kept_id for row in found}, "merged records", objects=found, fields=("account",))
    return found
