"""What the portal announces and the conversations heed."""

from typing import Any

from django.dispatch import receiver

from cases import escalation, live
from cases.signals import case_changed, clock_breached
from portal.signals import sessions_ended


@receiver(sessions_ended, dispatch_uid="cases: close sockets")
def close_sockets(session_ids: list[int], **_: Any) -> None:
    live.sessions_ended(session_ids)


@receiver(clock_breached, dispatch_uid="cases: climb")
def climb(case_id: int, **_: Any) -> None:
    """A case that was promised something and forgotten goes up by itself."""
    escalation.climb(case_id)


@receiver(case_changed, dispatch_uid="cases: stand down")
def stand_down(case_id: int, what: str, **_: Any) -> None:
    if what == "closed":
        escalation.case_closed(case_id)
