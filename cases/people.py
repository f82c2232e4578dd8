"""Who takes part in a conversation: customers, guests and staff, and what the others see of them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cases.drafts import Author
from cases.models import Conversation
from portal.access import STAFF_REALM, System, allowed

PERMISSION_FOR = {"reply": "cases.work", "note": "cases.work", "whisper": "chat.whisper"}


@dataclass(frozen=True)
class Guest:
    """A visitor without a sign-in, known by the ticket or the browser session of one conversation alone."""

    conversation_id: uuid.UUID
    name: str = ""
    pk: None = None
    realm: str = "guest"
    is_authenticated: bool = False
    is_active: bool = True

    def role_names(self) -> frozenset[str]:
        return frozenset()


def is_staff(actor: Any) -> bool:
    return getattr(actor, "realm", "") == STAFF_REALM


def shown_name(user: Any) -> str:
    """What customers and colleagues see of somebody: the first name of staff, a customer's own name."""
    name = str(user.display_name).strip()
    return name.split()[0] if name and is_staff(user) else name


def first_letters(name: str) -> str:
    """What staff see of a customer beside their words; the case's heading has the name once it is opened."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def author_of(actor: Any, conversation: Conversation) -> Author:
    """How ``actor`` stands in a conversation. Right of access is not asked here."""
    if isinstance(actor, System):
        return Author("system", "system")
    if isinstance(actor, Guest):
        return Author("customer", "guest", actor.name)
    if is_staff(actor):
        role = "supervisor" if "supervisor" in actor.role_names() else "agent"
        return Author(role, f"u{actor.pk}", shown_name(actor), actor.pk)
    role = "caregiver" if _is_caregiver(actor, conversation) else "customer"
    return Author(role, f"u{actor.pk}", shown_name(actor), actor.pk)


def _is_caregiver(actor: Any, conversation: Conversation) -> bool:
    return conversation.patient is not None and conversation.patient.user_id != actor.pk


def acts_for(actor: Any, conversation: Conversation) -> int | None:
    """The patient in whose stead a caregiver reads and writes; None for all others."""
    is_customer = actor.pk is not None and not is_staff(actor)
    return conversation.patient_id if is_customer and _is_caregiver(actor, conversation) else None


def may_say(actor: Any, kind: str) -> bool:
    """Whether somebody who takes part may say things of this kind."""
    if isinstance(actor, System):
        return True
    return allowed(actor, PERMISSION_FOR[kind]) if is_staff(actor) else kind == "reply"


def out_of_part(taken: Iterable[tuple[Any, uuid.UUID]]) -> set[tuple[int, uuid.UUID]]:
    """Of users and their conversations those that are no longer theirs: by one query for all who have their
    own, and one more for everybody who acts for another.
    """
    pairs = list(taken)
    found = Conversation.objects.filter(pk__in={ref for _, ref in pairs})
    known = found.values_list("pk", "patient_id", "patient__user_id", "customer_id")
    owners = {pk: customer if patient is None else user for pk, patient, user, customer in known}
    others = [(user, ref) for user, ref in pairs if owners.get(ref) != user.pk]
    return {(user.pk, ref) for user, ref in others if not _sees(user, ref)}


def _sees(user: Any, ref: uuid.UUID) -> bool:
    return bool(Conversation.objects.visible_to(user).filter(pk=ref).exists())


def takes_part(actor: Any, conversation: Conversation) -> bool:
    """Whether a conversation is the actor's to read and write, by one query at most."""
    if isinstance(actor, Guest):
        return actor.conversation_id == conversation.pk
    if isinstance(actor, System):
        return True
    return _sees(actor, conversation.pk)
