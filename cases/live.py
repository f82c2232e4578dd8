"""What happened, told to whoever is looking: ids, numbers and roles alone, and only best effort.

Rules call the functions at the top on commit, in whatever process they run. What they say reaches the sockets
of the same process directly and those of all others through the channel layer, which nothing else uses. One
group carries all of it, and what piles up while one message is on its way goes along in the next.

Nobody waits for the channel layer and nothing depends on it: every node looks for itself from time to time.
"""

import asyncio
import logging
import random
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard

from channels.layers import get_channel_layer

NODE = uuid.uuid4().hex
GROUP = "live"
SEND_SECONDS = 2.0
BEAT_SECONDS = 5.0
SILENCE_SECONDS = 16.0
LISTS = ("moved", "states", "cases", "sessions", "said", "told")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Hint:
    """What may have changed. Frames in ``said`` are typing, read marks and presence: nobody stores those here.

    Those in ``told`` are for the consoles of one user each. ``node`` is who says it.
    """

    moved: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    cases: set[tuple[int, str, str]] = field(default_factory=set)
    sessions: set[int] = field(default_factory=set)
    said: list[dict[str, Any]] = field(default_factory=list)
    told: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    queue: bool = False
    node: str = NODE

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in (*LISTS, "queue"))

    def add(self, other: "Hint") -> None:
        self.moved |= other.moved
        self.states |= other.states
        self.cases |= other.cases
        self.sessions |= other.sessions
        self.said += other.said
        self.told += other.told
        self.queue |= other.queue

    def packed(self) -> dict[str, Any]:
        lists = {name: list(getattr(self, name)) for name in LISTS}
        return {"type": "live.hint", "node": self.node, "queue": self.queue, **lists}

    @classmethod
    def unpacked(cls, message: dict[str, Any]) -> "Hint":
        return cls(
            set(message["moved"]),
            set(message["states"]),
            {(case, what, conversation) for case, what, conversation in message["cases"]},
            set(message["sessions"]),
            list(message["said"]),
            [(user, frame) for user, frame in message["told"]],
            message["queue"],
            message["node"],
        )


def messages_stored(places: Iterable[tuple[uuid.UUID, int | None]]) -> None:
    """Conversations, with their cases, that have new messages."""
    pairs = list(places)
    cases = {(case, "message", str(conversation)) for conversation, case in pairs if case}
    publish(Hint(moved={str(conversation) for conversation, _ in pairs}, cases=cases))


def states_changed(conversations: Iterable[uuid.UUID]) -> None:
    """Conversations that were queued, accepted, handed on or closed."""
    publish(Hint(states={str(conversation) for conversation in conversations}, queue=True))


def case_changed(case_id: int, what: str, conversation: uuid.UUID | None = None) -> None:
    publish(Hint(cases={(case_id, what, str(conversation or ""))}, queue=True))


def cases_opened(case_ids: Iterable[int]) -> None:
    """Many at once, in one hint."""
    publish(Hint(cases={(case_id, "opened", "") for case_id in case_ids}, queue=True))


def sessions_ended(sessions: Iterable[int]) -> None:
    publish(Hint(sessions=set(sessions)))


def say(frame: dict[str, Any]) -> None:
    """A frame that is not stored, for the participants of its conversation."""
    publish(Hint(said=[frame]))


def tell(user_id: int, frame: dict[str, Any]) -> None:
    """A frame for whatever consoles somebody of the staff has open: ids and codes alone."""
    publish(Hint(told=[(user_id, frame)]))


class Listener(Protocol):
    def take(self, hint: Hint) -> None: ...


class Wire:
    """The channel layer, as one event loop uses it. ``listener`` hears what other nodes say."""

    def __init__(self, loop: asyncio.AbstractEventLoop, listener: Listener | None = None) -> None:
        self.loop, self.listener = loop, listener
        self._outgoing = Hint()
        self._sending: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._tasks = [loop.create_task(self._listen()), loop.create_task(self._beat())] if listener else []

    def send(self, hint: Hint) -> None:
        """In the loop's own thread."""
        if self.listener:
            self.listener.take(hint)
        self._outgoing.add(hint)
        if self._sending is None:
            self._sending = self.loop.create_task(self._send())

    async def _send(self) -> None:
        while self._outgoing:
            hint, self._outgoing = self._outgoing, Hint()
            await self._put(hint)
        self._sending = None

    async def _put(self, hint: Hint) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await get_channel_layer().group_send(GROUP, hint.packed())
        except Exception as error:
            logger.warning("The channel layer did not take a hint: %s.", type(error).__name__)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception as error:
                logger.warning("The channel layer can't be heard: %s.", type(error).__name__)
            await asyncio.sleep(random.uniform(0.5, 2))  # noqa: S311 - nodes should not come back in step

    async def _hear(self) -> None:
        """Join the group and listen until the layer fails or falls silent; then forget it and come anew."""
        layer = get_channel_layer()
        try:
            channel = await layer.new_channel()
            await layer.group_add(GROUP, channel)
            self._heard_at = self.loop.time()
            while self.loop.time() - self._heard_at < SILENCE_SECONDS:
                await self._take_next(layer, channel)
        finally:
            async with asyncio.timeout(SEND_SECONDS):
                await layer.flush()

    async def _take_next(self, layer: Any, channel: str) -> None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                message = await layer.receive(channel)
        except TimeoutError:
            return
        self._heard_at = self.loop.time()
        if message["node"] != NODE and self.listener:
            self.listener.take(Hint.unpacked(message))

    async def _beat(self) -> None:
        """An empty hint now and then, which every listener hears: silence means that a subscription was lost."""
        while True:
            await self._put(Hint())
            await asyncio.sleep(BEAT_SECONDS)


wire: Wire | None = None
_starting = threading.Lock()


def attach(listener: Listener) -> Wire:
    """This process's event loop serves sockets: it hears everything, and speaks for the process."""
    global wire
    wire = Wire(asyncio.get_running_loop(), listener)
    return wire


def _lives(wire: Wire | None) -> TypeGuard[Wire]:
    """A loop that has ended speaks for nobody."""
    return wire is not None and not wire.loop.is_closed()


def publish(hint: Hint) -> None:
    """From any thread; returns at once."""
    current = wire if _lives(wire) else _speaker()
    current.loop.call_soon_threadsafe(current.send, hint)


def _speaker() -> Wire:
    """A loop of its own, in a process that serves no sockets."""
    global wire
    with _starting:
        if not _lives(wire):
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="live", daemon=True).start()
            wire = Wire(loop)
    return wire
