"""What the portal announces and the conversations heed."""

from typing import Any

from django.dispatch import receiver

from cases import live
from portal.signals import sessions_ended


@receiver(sessions_ended, dispatch_uid="cases: close sockets")
def close_sockets(session_ids: list[int], **_: Any) -> None:
    live.sessions_ended(session_ids)
