"""Break-glass: a record opened when nobody can be verified and somebody may come to harm.

It takes a typed reason and a fresh proof of who acts (the view's door asks for it), opens one patient's record
for one person and a short while, tells every supervisor at once and waits for one of them to judge it.
"""

from datetime import timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit
from config.security.normal import is_blank
from portal import account_mail, signals
from portal.access import PERMISSIONS, require
from portal.levels import emergency_of, rules
from portal.models import EmergencyAccess, Patient, User


class AlreadyReviewed(ValueError):
    """Somebody has judged it before."""

    def __init__(self) -> None:
        super().__init__(_("Somebody has reviewed this already."))


def break_glass(actor: User, *, patient: Patient, reason: str, purpose: str = "") -> EmergencyAccess:
    """Open a patient's record for this person alone. Raises ValidationError for too short a reason.

    Where it is open already it stays open as long as it was: a second reason does not prolong the first.
    """
    require(actor, "break_glass.use", patient)
    figures, words = rules(), " ".join(reason.split())
    if len(words) < figures.glass_reason_length or len(set(words.casefold())) < 5:
        raise ValidationError(
            {
                "reason": _("Say why in at least %(letters)d letters.")
                % {"letters": figures.glass_reason_length}
            }
        )
    with transaction.atomic():
        Patient.objects.select_for_update(no_key=True, of=("self",)).get(pk=patient.pk)
        if (held := emergency_of(actor, patient)) is not None:
            return held
        access = EmergencyAccess.objects.create(
            patient=patient,
            user=actor,
            purpose=purpose,
            reason=words,
            until=timezone.now() + timedelta(minutes=figures.glass_minutes),
        )
        with audit.acting(actor, purpose=purpose, reason=words):
            audit.event("break_glass", subjects=[patient], what="record", objects=[access])
        for supervisor in reviewers():
            account_mail.tell(supervisor, "glass_broken")
        send = signals.glass_broken.send_robust
        transaction.on_commit(lambda: send(EmergencyAccess, access_id=access.pk, purpose=purpose))
    return access


def reviewers() -> list[User]:
    """Everybody who may review, the one who acted among them: they are told as well."""
    return list(User.objects.holding(PERMISSIONS["break_glass.review"]))


def review(actor: User, *, access: EmergencyAccess, justified: bool, note: str) -> EmergencyAccess:
    """Judge an emergency. Whoever had it can't; a judgement stands."""
    require(actor, "break_glass.review")
    if actor.pk == access.user_id:
        raise PermissionDenied("break_glass.review")
    if is_blank(note):
        raise ValidationError({"note": _("Say what you found.")})
    with transaction.atomic():
        held: EmergencyAccess = EmergencyAccess.objects.select_for_update(of=("self",)).get(pk=access.pk)
        if held.state != "waiting":
            raise AlreadyReviewed
        held.state = "justified" if justified else "not_justified"
        held.reviewed_by, held.reviewed_at, held.note = actor, timezone.now(), note.strip()
        held.save()
        audit.event("security", subjects=[held.patient], what="emergency reviewed", objects=[held])
    return held
