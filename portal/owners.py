"""Who may reach a file that belongs to no patient: each app to the right says so for its own things."""

from collections.abc import Callable
from typing import Any

OwnerRule = Callable[[Any, str], bool]

# "conversation": rule(actor, "<uuid>") tells whether the actor takes part in it, guests included.
OWNERS: dict[str, OwnerRule] = {}


def reaches(actor: Any, owner_ref: str) -> bool:
    """Whether ``actor`` may send files to, and read those of, the thing ``owner_ref`` (``kind:id``) names."""
    kind, _, ref = owner_ref.partition(":")
    rule = OWNERS.get(kind)
    return bool(ref) and rule is not None and rule(actor, ref)
