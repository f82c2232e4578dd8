"""How far a contact on file may be trusted yet: a new one waits before it is delivered to, longer before it proves.

Until a new contact's hold is over, what is delivered goes to the one before it. For proof a contact has to
have stood unchanged; the one before it is no longer on file and proves nothing either.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from portal.levels import rules
from portal.models import ContactChange, Patient


def usable_for_delivery(patient: Patient, field: str) -> str:
    """The e-mail, phone or address (five lines) to deliver and bill to now."""
    held = in_hold(patient, field)
    return held.old_value if held is not None else on_file(patient, field)


def usable_for_proof(patient: Patient, field: str) -> str:
    """The e-mail or phone that a code may be sent to or a call back made.

    "" where none has stood long enough, and where the patient has died: whoever answers is somebody else.
    """
    if patient.deceased_on is not None:
        return ""
    return on_file(patient, field) if has_stood(patient, field) else ""


def has_stood(patient: Patient, field: str) -> bool:
    """Whether what is on file has been unchanged for so long that it proves something."""
    return timezone.now() - stands_since(patient, field) >= timedelta(days=rules().proof_hold_days)


def stands_since(patient: Patient, field: str) -> datetime:
    """Since when what is on file has been unchanged."""
    since: datetime = getattr(patient, f"{field}_since") or patient.created_at
    return since


def on_file(patient: Patient, field: str) -> str:
    if field == "address":
        return "\n".join(str(getattr(patient, part)) for part in Patient.ADDRESS)
    return str(getattr(patient, field))


def in_hold(patient: Patient, field: str) -> ContactChange | None:
    """The accepted change whose new value is not delivered to yet."""
    rows = ContactChange.objects.filter(patient=patient, field=field, state="accepted")
    found: ContactChange | None = (
        rows.filter(delivers_from__gt=timezone.now()).order_by("-decided_at").first()
    )
    return found


def changed_lately(patient: Patient, field: str) -> bool:
    """Whether it was changed within the time that a contact has to stand: no way in is sent there."""
    since: datetime | None = getattr(patient, f"{field}_since")
    return since is not None and timezone.now() - since < timedelta(days=rules().proof_hold_days)


def in_force(patient: Patient) -> list[ContactChange]:
    """Accepted changes that the patient may still stop, the newest first."""
    rows = ContactChange.objects.filter(patient=patient, state="accepted", proves_from__gt=timezone.now())
    return list(rows.order_by("-decided_at"))
