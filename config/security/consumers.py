"""Sockets behind closed doors. A consumer derives from ``SessionGuard`` and says which door it has.

    class Desk(SessionGuard):
        door = Door("chat.serve", frozenset({"staff"}))
        async def opened(self): ...          # let in; self.visit.user is who
        async def frame(self, text): ...     # a text frame of somebody who still may
        async def closed(self, code): ...

A refusal accepts the handshake and closes at once, so that the browser learns the code: 4401 sign in, 4403
not yours or a foreign origin, 4429 too many. The person's rights are read anew at every frame. A session that
ends closes its sockets: at once through the channel layer, and within SOCKET_RECHECK_SECONDS in any case, by
one query for all sockets of the process. Nothing that arrives extends a session; ``used`` does.
"""

import asyncio
import contextlib
import weakref
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import structlog
from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError
from redis.exceptions import RedisError

SIGN_IN, NOT_YOURS, TOO_LARGE, TOO_MANY = 4401, 4403, 1009, 4429
LARGEST_FRAME = 128 * 1024
log = structlog.get_logger(__name__)


def keeper() -> Any:
    return import_module(settings.DOORKEEPER)


def origin_of(scope: dict[str, Any]) -> str:
    return dict(scope.get("headers", ())).get(b"origin", b"").decode("latin-1")


def is_ours(origin: str, scope: dict[str, Any]) -> bool:
    """Whether a page of ours opened the socket: same host, or the address we are known by."""
    host = dict(scope.get("headers", ())).get(b"host", b"").decode("latin-1")
    parts = urlsplit(origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return False
    known = {
        urlsplit(settings.PUBLIC_URL).netloc,
        *(urlsplit(o).netloc for o in settings.CSRF_TRUSTED_ORIGINS),
    }
    return parts.netloc in known or (parts.netloc == host and _host_allowed(host))


def _host_allowed(host: str) -> bool:
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    return name in settings.ALLOWED_HOSTS


class SessionGuard(AsyncWebsocketConsumer):
    """A socket that belongs to a session. ``door`` None: the consumer asks for itself who is there."""

    door: Any = None
    visit: Any = None
    shut = False

    def origin_allowed(self) -> bool:
        return is_ours(origin_of(self.scope), self.scope)

    async def connect(self) -> None:
        await self.accept(self.subprotocol())
        if not self.origin_allowed():
            return await self.shut_with(NOT_YOURS)
        if self.door is not None:
            self.visit = await database_sync_to_async(keeper().enter)(self.scope, self.door)
            if self.visit is None:
                return await self.shut_with(SIGN_IN)
            await self._watch()
        return await self.opened()

    def subprotocol(self) -> str | None:
        """The one of the offered subprotocols to answer with."""
        return None

    async def _watch(self) -> None:
        watch().add(self)
        try:
            await self.channel_layer.group_add(group_of(self.visit.session_id), self.channel_name)
        except (RedisError, OSError):
            log.warning("The channel layer can't be reached; ended sessions are found by the clock.")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.shut:
            return None
        if (
            len(text_data or bytes_data or "") > LARGEST_FRAME
            or len((text_data or "").encode("utf-8", "replace")) > LARGEST_FRAME
        ):
            return await self.shut_with(TOO_LARGE)
        if not await self.still_admitted():
            return await self.shut_with(SIGN_IN)
        if text_data is None:
            return await self.not_text()
        return await self.frame(text_data)

    async def still_admitted(self) -> bool:
        """Ask again who this is and what they may; ``visit`` has their rights as they are now."""
        if self.door is None:
            return True
        self.visit = await database_sync_to_async(keeper().readmit)(self.visit) if self.visit else None
        return self.visit is not None

    async def used(self) -> None:
        """Call it for what counts as use: a message sent, a form submitted."""
        if self.visit is not None:
            await database_sync_to_async(keeper().used_by)(self.visit)

    async def session_ended(self, event: dict[str, Any]) -> None:
        """Told by ``close_sockets``."""
        if not await self.still_admitted():
            await self.shut_with(SIGN_IN)

    async def shut_with(self, code: int) -> None:
        if not self.shut:
            self.shut = True
            await self.close(code)

    async def disconnect(self, code: int) -> None:
        self.shut = True
        if self.visit is not None:
            with contextlib.suppress(RedisError, OSError):
                await self.channel_layer.group_discard(group_of(self.visit.session_id), self.channel_name)
        await self.closed(code)

    async def opened(self) -> None:
        """Let in."""

    async def frame(self, text: str) -> None:
        raise NotImplementedError

    async def not_text(self) -> None:
        """A binary frame came: nothing here speaks in those."""

    async def closed(self, code: int) -> None:
        """Gone, for whatever reason."""


def group_of(session_id: int) -> str:
    return f"session.{session_id}"


def close_sockets(session_ids: list[int]) -> None:
    """Tell every node that sessions ended. Where the channel layer is away, the clock finds them."""
    layer = get_channel_layer()
    for session_id in session_ids:
        try:
            async_to_sync(layer.group_send)(group_of(session_id), {"type": "session.ended"})
        except (RedisError, OSError):
            log.warning("The channel layer can't be reached; ended sessions are found by the clock.")
            return


class Watch:
    """The clock of one event loop: asks for all its sockets at once which sessions still live."""

    def __init__(self) -> None:
        self.sockets: weakref.WeakSet[SessionGuard] = weakref.WeakSet()
        self.task: asyncio.Task[None] | None = None

    def add(self, socket: SessionGuard) -> None:
        self.sockets.add(socket)
        if self.task is None or self.task.done():
            self.task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(settings.SOCKET_RECHECK_SECONDS)
            open_ones = [socket for socket in self.sockets if not socket.shut and socket.visit is not None]
            if not open_ones:
                return
            try:
                await self.look(open_ones)
            except DatabaseError:
                log.warning("The database can't be reached; sockets are looked at again later.")

    async def look(self, sockets: list[SessionGuard]) -> None:
        ids = {socket.visit.session_id for socket in sockets}
        alive = await database_sync_to_async(keeper().still_open)(ids)
        for socket in sockets:
            if socket.visit is None or socket.visit.session_id not in alive:
                await socket.shut_with(SIGN_IN)


_watches: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watch] = weakref.WeakKeyDictionary()


def watch() -> Watch:
    """The clock of the loop that runs now."""
    return _watches.setdefault(asyncio.get_running_loop(), Watch())
