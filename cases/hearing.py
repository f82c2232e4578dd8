"""Who of ours may read what was said on a case (R-CASE-3), whichever way they come to it."""

from collections.abc import Iterable
from typing import Any

from cases import lines
from cases.models import Case, Conversation
from portal import levels
from portal.access import allowed

SAID = "clinical"  # what was said may hold anything


def hears(actor: Any, case: Case, threads: Iterable[Conversation] | None = None) -> bool:
    """Whether ``actor`` may read what was said on ``case``.

    On an open one they answer it. What is closed opens as it does in the lists: to its owner, of somebody whom we
    don't know, and where the caller is verified; and to those who work on no case, but look at how we did.
    ``threads`` are its conversations, ``with_speaker``, where they have been read already.
    """
    if case.state != "closed" or case.patient is None or case.owner_id == actor.pk:
        return True
    if not allowed(actor, "cases.work"):
        return True
    known = None if threads is None else lines.matter_of(case, threads)
    return levels.standing(actor, case.patient, purpose=f"case:{case.pk}", matter=known).opens(SAID)
