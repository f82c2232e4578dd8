"""The access trail's rules: sealing it, proving it, and telling patients who saw their record."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from portal import access
from portal.models import AccessEntry, Patient, User
from portal.seal_check import Proof, verify
from portal.seals import TrailBroken, accept_restore, anchor, seal

__all__ = ["Proof", "Sighting", "TrailBroken", "accept_restore", "anchor", "seal", "verify", "who_saw"]

# How a purpose reads, by the word before its colon. Apps to the right add theirs: they know what a case is.
PURPOSES: dict[str, Callable[[str], Any]] = {}

# How a thing that was looked at reads, by the ``what`` of the entry. Surfaces add theirs.
THINGS: dict[str, Any] = {}

# What a patient need not be told of: the trail's account of machinery that showed nobody anything.
UNTOLD = ("sign_out",)
# Nor of what the staff call each other for, by the ``what`` of the entry. Apps to the right add theirs.
UNTOLD_THINGS: set[str] = set()


@dataclass(frozen=True)
class Sighting:
    """One line of "who saw my record". ``who`` and ``role`` are ready to show."""

    entry_id: int
    at: datetime
    who: str
    role: str
    did: Any
    thing: Any
    why: Any
    allowed: bool
    own: bool


def who_saw(
    patient: Patient, *, before: int | None = None, limit: int = 50, own: bool = True
) -> list[Sighting]:
    """Who did or saw what of the patient's record, newest first; ``before`` is the last entry of the page
    before this one. ``own=False`` leaves out what the patient did. The caller has made sure that whoever
    asks may know.
    """
    entries = entries_about(patient).exclude(kind__in=UNTOLD).exclude(what__in=UNTOLD_THINGS)
    if not own and patient.user_id is not None:
        entries = entries.exclude(actor_id=patient.user_id)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    page = list(entries.order_by("-pk")[:limit])
    people = _people(page)
    return [_sighting(entry, people.get(entry.actor_id), patient) for entry in page]


def entries_about(patient: Patient) -> QuerySet[AccessEntry]:
    """Entries about a record and those that were folded into it."""
    entries: QuerySet[AccessEntry] = AccessEntry.objects.filter(subjects__overlap=patient.with_folded())
    return entries


def _people(entries: Iterable[AccessEntry]) -> dict[int | None, User]:
    numbers = {entry.actor_id for entry in entries if entry.actor_id}
    return {user.pk: user for user in User.objects.filter(pk__in=numbers).prefetch_related("role_grants")}


def _sighting(entry: AccessEntry, user: User | None, patient: Patient) -> Sighting:
    own = user is not None and user.pk == patient.user_id
    return Sighting(
        entry_id=entry.pk,
        at=entry.timestamp,
        who=str(_("You")) if own else _who(entry, user),
        role="" if own or user is None else _roles(user),
        did=entry.get_kind_display(),
        thing=_thing(entry),
        why=_why(entry),
        allowed=entry.outcome == AccessEntry.Outcome.OK,
        own=own,
    )


def _who(entry: AccessEntry, user: User | None) -> str:
    if user is not None:
        return str(user.display_name)
    return str(_("Somebody in our chat") if entry.realm == "guest" else _("Automatic process"))


def _roles(user: User) -> str:
    held = sorted({grant.role for grant in user.role_grants.all()})
    return ", ".join(str(access.ROLES[role]) for role in held if role in access.ROLES)


def _thing(entry: AccessEntry) -> Any:
    if entry.what in THINGS:
        return THINGS[entry.what]
    try:
        return apps.get_model(entry.what)._meta.verbose_name
    except (LookupError, ValueError):
        return _("Your record")


def _why(entry: AccessEntry) -> Any:
    if entry.kind == AccessEntry.Kind.BREAK_GLASS:
        return _("Emergency access, reviewed afterwards")
    word, colon, number = entry.purpose.partition(":")
    return PURPOSES[word](number) if colon and word in PURPOSES else ""
