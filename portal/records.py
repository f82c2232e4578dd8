"""Whose record somebody looks at in the portal, and how much of it: their own, or one they care for."""

from dataclasses import dataclass
from functools import cached_property

from portal.access import allowed
from portal.models import Caregiver, Patient, User


@dataclass(frozen=True)
class Record:
    """A patient's record as one person may use it. ``caregiver`` is None where it is their own."""

    patient: Patient
    caregiver: Caregiver | None = None

    @property
    def own(self) -> bool:
        return self.caregiver is None

    @property
    def key(self) -> str:
        """An opaque id to choose this record by."""
        return str(self.patient.ref)

    def may(self, scope: str) -> bool:
        """Whether ``scope`` is open: deliveries, billing, everything; own (no caregiver's), any (all)."""
        if self.caregiver is None or scope == "any":
            return True
        return scope != "own" and self.caregiver.may(scope)

    @cached_property
    def scope_names(self) -> list[str]:
        """What a caregiver may see, in words."""
        labels = dict(Caregiver.SCOPES)
        return [str(labels[scope]) for scope in self.caregiver.scopes] if self.caregiver else []


def of(user: User) -> list[Record]:
    """The records ``user`` may choose from, their own first."""
    if not allowed(user, "portal.use"):
        return []
    return _own(user) + _cared_for(user)


def _own(user: User) -> list[Record]:
    if "patient" not in user.role_names():
        return []
    return [Record(patient) for patient in Patient.objects.filter(user=user)]


def _cared_for(user: User) -> list[Record]:
    if "caregiver" not in user.role_names():
        return []
    rows = Caregiver.objects.in_force().filter(user=user).select_related("patient").order_by("pk")
    return [Record(caregiver.patient, caregiver) for caregiver in rows]


def choose(records: list[Record], key: str) -> Record | None:
    """The record of this key, or the first where the key is none of theirs."""
    chosen = [record for record in records if record.key == key]
    return next(iter(chosen or records), None)
