"""No request is larger than what fits in memory.

Django under ASGI puts a larger body on the disk, in plain, before any view sees it. Files come in chunks of
2 MiB, so nothing honest is that large; what is, is turned away here, unread.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

TOLD = {"code": "too_large", "detail": "Please send at most 2 MiB at a time."}
# As the chat's ``error`` frame says it, and as its start and the uploads do.
FRAME = {"type": "error", **TOLD, "permanent": True, "client_id": None, "retry_after_s": None}
REFUSAL = json.dumps(FRAME | {"error": TOLD}).encode()


class TooLong(Exception):
    """More arrived than was announced or is taken."""


class BoundedBodies:
    """An ASGI application that answers 413 in place of ``app`` to bodies over the limit, announced or not."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if announced(scope) > most:
            await refuse(send)
            return
        try:
            await self.app(scope, counted(receive, most), send)
        except TooLong:
            await refuse(send)


def announced(scope: Message) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit()), default=0)


def counted(receive: Receive, most: int) -> Receive:
    left = most

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLong
        return message

    return bounded


async def refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": REFUSAL})
