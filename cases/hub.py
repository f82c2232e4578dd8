"""The sockets of one process, and how what was stored reaches them.

A hint says that a conversation moved; the hub reads what is new past the last it told, decrypts it once and
tells every socket that holds a right to it. Hints may be lost or doubled: reading past a mark makes both
harmless, and a look at all watched conversations every few seconds finds what no hint told.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from cases import frames, history, live, news, waiting_line
from cases.collector import Collector
from cases.lanes import Lane
from cases.models import Conversation
from cases.nodes import Nodes
from cases.people import out_of_part
from cases.rates import Pacer
from portal import doors

LOOK_SECONDS = 4.0
NEWS_SECONDS = 0.25
COUNT_SECONDS = 1.0
SIGN_IN, NOT_YOURS = 4401, 4403

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """A socket, as the hub sees it."""

    staff: bool

    @property
    def session(self) -> int | None: ...

    @property
    def user(self) -> int | None: ...

    @property
    def part(self) -> tuple[Any, uuid.UUID] | None: ...

    def role_in(self, name: str) -> str: ...

    def tell(self, line: str) -> None: ...

    def end(self, code: int) -> None: ...


@dataclass(slots=True)
class Topic:
    """A conversation that somebody here watches, each in a role, and how far they have been told."""

    id: uuid.UUID
    seq: int
    staff_seq: int
    state: str
    place: waiting_line.Place | None = None
    readers: dict[Reader, str] = field(default_factory=dict)
    late: dict[Reader, history.Mark] = field(default_factory=dict)

    @property
    def has_staff(self) -> bool:
        return any(reader.staff for reader in self.readers)

    @property
    def mark(self) -> history.Mark:
        return self.id, self.seq, self.staff_seq if self.has_staff else history.NOTHING

    def is_ahead_of(self, mark: history.Mark) -> bool:
        """Whether the readers were told more than that."""
        return self.seq > mark[1] or (self.has_staff and self.staff_seq > mark[2])

    def has_told(self, frame: frames.Frame) -> bool:
        if frame["seq"] is not None:
            return bool(frame["seq"] <= self.seq)
        return not self.has_staff or bool(frame["staff_seq"] <= self.staff_seq)

    def lags(self, seq: int, staff_seq: int) -> bool:
        return seq > self.seq or (staff_seq > self.staff_seq and self.has_staff)

    def tell(self, line: str, *, staff_only: bool = False, desk: str = "") -> None:
        """``desk``: how staff get it, where that is another."""
        for reader in list(self.readers):
            if reader.staff or not staff_only:
                reader.tell(desk if desk and reader.staff else line)

    def tell_state(self, frame: frames.Frame) -> None:
        self.state, self.place = frame["state"], frame["queue"]
        self.tell(frames.line(frame))

    def told(self, frame: frames.Frame) -> bool:
        """Whether the frame is the next one; then it is remembered."""
        if frame["seq"] is None:
            fresh = bool(frame["staff_seq"] > self.staff_seq)
            self.staff_seq = max(self.staff_seq, frame["staff_seq"])
        else:
            fresh = bool(frame["seq"] > self.seq)
            self.seq = max(self.seq, frame["seq"])
        return fresh


class Hub:
    """One for each event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.collector = Collector()
        self.desk_lane = Lane("desk", width=4)
        self.pacer = Pacer()
        self.topics: dict[str, Topic] = {}
        self.nodes = Nodes(live.SILENCE_SECONDS)
        self.readers: set[Reader] = set()
        self.consoles: set[Reader] = set()
        self._reader_lane = Lane("reader")
        self._moved: set[str] = set()
        self._catching: set[asyncio.Task[None]] = set()
        self._telling: asyncio.Task[None] | None = None
        self._news = live.Hint()
        self._newsing: asyncio.Task[None] | None = None
        self.wire = live.attach(self)
        self._looking = self.loop.create_task(self._look())

    # --- who watches what --------------------------------------------------------------------------
    def enter(self, reader: Reader) -> None:
        self.readers.add(reader)

    def leave(self, reader: Reader) -> None:
        self.readers.discard(reader)
        self.consoles.discard(reader)

    def watch(self, reader: Reader, conversation: Conversation) -> None:
        """From now on. What was stored since ``conversation`` was read is told at once."""
        name = str(conversation.id)
        topic = self.topics.get(name)
        if topic is None:
            topic = Topic(
                conversation.id, conversation.last_seq, conversation.last_staff_seq, conversation.state
            )
            self.topics[name] = topic
        live.say(frames.presence(topic.id, reader.role_in(name), True))
        notes = conversation.last_staff_seq if reader.staff else history.NOTHING
        topic.late[reader] = mark = (topic.id, conversation.last_seq, notes)
        if not topic.is_ahead_of(mark):
            self._join(topic, reader)
        else:
            self._catching.add(task := self.loop.create_task(self._catch_up(topic, reader, mark)))
            task.add_done_callback(self._catching.discard)

    def _join(self, topic: Topic, reader: Reader) -> None:
        """Let somebody who knows as much as the others be told with them."""
        _id, _seq, notes = topic.late.pop(reader)
        if reader.staff and not topic.has_staff:
            topic.staff_seq = notes
        topic.readers[reader] = reader.role_in(str(topic.id))
        self.moved([str(topic.id)])

    async def _catch_up(self, topic: Topic, reader: Reader, mark: history.Mark) -> None:
        """Tell one what the others were told since the conversation was read for them."""
        while topic.late.get(reader) is mark:
            found = await self._since([mark])
            if topic.late.get(reader) is not mark:
                return
            told = [frame for frame in found if topic.has_told(frame)]
            for frame in told:
                reader.tell(frames.line(frames.for_desk(frame) if reader.staff else frame))
            topic.late[reader] = mark = history.past(mark, told)
            if not told:
                self._join(topic, reader)

    def unwatch(self, reader: Reader, name: str) -> None:
        """A role is there for as long as one of its sockets is."""
        topic = self.topics.get(name)
        if topic is None or (reader not in topic.readers and reader not in topic.late):
            return
        topic.late.pop(reader, None)
        role = topic.readers.pop(reader, "") or reader.role_in(name)
        if not topic.readers and not topic.late:
            del self.topics[name]
            self.nodes.forget(name)
        if role not in topic.readers.values():
            live.say(frames.presence(topic.id, role, False))

    def tell_who_is_there(self, reader: Reader, name: str) -> None:
        """For one who has just come; what other nodes know of it they say when they hear of it."""
        topic = self.topics.get(name)
        if topic is None:
            return
        here = {role for other, role in topic.readers.items() if other is not reader}
        for role in sorted(here | self.nodes.roles(name)):
            reader.tell(frames.line(frames.presence(topic.id, role, True)))

    # --- hints -------------------------------------------------------------------------------------
    def take(self, hint: live.Hint) -> None:
        if hint.node != live.NODE:
            self.nodes.hear(hint.node, self.loop.time())
        self.moved(hint.moved)
        for frame in hint.said:
            if topic := self.topics.get(frame["conversation"]):
                self._tell_said(topic, frame, hint.node)
        for user, frame in hint.told:
            self._tell_user(user, frame)
        if hint.sessions:
            self._end(hint.sessions)
        if hint.states or hint.queue or (hint.cases and self.consoles):
            self._news.add(live.Hint(states=hint.states, queue=hint.queue, cases=hint.cases))
            if self._newsing is None:
                self._newsing = self.loop.create_task(self._tell_news())

    def _tell_said(self, topic: Topic, frame: frames.Frame, node: str) -> None:
        if frame["type"] == "presence" and node != live.NODE:
            self._welcome(topic, node, frame)
        left = frame["type"] == "presence" and not frame["online"]
        if left and frame["role"] in topic.readers.values():
            live.say(frame | {"online": True})  # the last of them on another node, but not the last of all
        else:
            topic.tell(frames.line(frame), staff_only=frame["type"] == "viewing")

    def _welcome(self, topic: Topic, node: str, frame: frames.Frame) -> None:
        """A node that somebody came to hears who is here. It says the same of its own, and then both know."""
        if self.nodes.note(node, frame):
            for role in set(topic.readers.values()):
                live.say(frames.presence(topic.id, role, True))

    def _tell_user(self, user: int, frame: frames.Frame) -> None:
        for console in list(self.consoles):
            if console.user == user:
                console.tell(frames.line(frame))

    def _end(self, sessions: set[int]) -> None:
        for reader in [reader for reader in self.readers if reader.session in sessions]:
            reader.end(SIGN_IN)

    def moved(self, names: Iterable[str]) -> None:
        self._moved.update(name for name in names if name in self.topics)
        if self._moved and self._telling is None:
            self._telling = self.loop.create_task(self._tell())

    # --- messages ----------------------------------------------------------------------------------
    async def _tell(self) -> None:
        try:
            while self._moved:
                names, self._moved = self._moved, set()
                await self._tell_once(names)
        finally:
            self._telling = None

    async def _tell_once(self, names: set[str]) -> None:
        found = await self._since([self.topics[name].mark for name in names if name in self.topics])
        for frame in found:
            topic = self.topics.get(frame["conversation"])
            if topic and topic.told(frame):
                desk = frames.line(frames.for_desk(frame)) if topic.has_staff else ""
                topic.tell(frames.line(frame), staff_only=frame["seq"] is None, desk=desk)
        if len(found) >= history.PAGE:
            self._moved |= names & self.topics.keys()

    async def _since(self, marks: list[history.Mark]) -> list[frames.Frame]:
        """Nothing where it can't be read: the next look finds it, and a reader sees the gap."""
        try:
            return await self._reader_lane.run(history.since, marks)
        except Exception as error:
            logger.warning("New messages can't be read: %s.", type(error).__name__)
            return []

    # --- states, queue and cases -------------------------------------------------------------------
    async def _tell_news(self) -> None:
        await asyncio.sleep(0.01)
        try:
            while self._news:
                hint, self._news = self._news, live.Hint()
                await self._tell_news_once(hint)
                await asyncio.sleep(COUNT_SECONDS if self.consoles else NEWS_SECONDS)
        finally:
            self._newsing = None

    async def _tell_news_once(self, hint: live.Hint) -> None:
        asked = [self.topics[name].id for name in hint.states if name in self.topics]
        queued = hint.queue and any(topic.state == "queued" for topic in self.topics.values())
        cases = hint.cases if self.consoles else set()
        try:
            found = await self.desk_lane.run(news.read, asked, queued, cases, bool(self.consoles))
        except Exception as error:
            logger.warning("States can't be read: %s.", type(error).__name__)
            return
        for frame in found.states:
            if topic := self.topics.get(frame["conversation"]):
                topic.tell_state(frame)
        self._tell_places(found.places)
        for console in list(self.consoles):
            for line in found.lines:
                console.tell(line)

    def _tell_places(self, places: dict[uuid.UUID, waiting_line.Place]) -> None:
        """To those in the line whose place is another than they were told."""
        for conversation, place in places.items():
            topic = self.topics.get(str(conversation))
            if topic and topic.state == "queued" and topic.place != place:
                topic.tell_state(frames.state(conversation, "queued", place, None))

    # --- the safety net ----------------------------------------------------------------------------
    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1))  # noqa: S311 - nodes out of step
            try:
                await self._look_at_sessions()
                await self._look_at_rights()
                await self._look_at_conversations()
                self._look_at_nodes()
            except Exception as error:
                logger.warning("Conversations can't be looked at: %s.", type(error).__name__)

    async def _look_at_sessions(self) -> None:
        """A session that ended or timed out closes its sockets, whether or not a hint came through."""
        held = {reader.session for reader in self.readers if reader.session is not None}
        if held:
            self._end(held - await self._reader_lane.run(doors.still_open, held))

    async def _look_at_rights(self) -> None:
        """Whoever acts for a patient may do so until it is taken back or runs out, said by no hint."""
        held = {reader: part for reader in self.readers if (part := reader.part) is not None}
        if not held:
            return
        gone = await self.desk_lane.run(out_of_part, held.values())
        for reader, (user, ref) in held.items():
            if (user.pk, ref) in gone:
                reader.end(NOT_YOURS)

    async def _look_at_conversations(self) -> None:
        if not self.topics:
            return
        found = await self._reader_lane.run(news.glance, [topic.id for topic in self.topics.values()])
        states = set()
        for conversation, state, seq, staff_seq in found:
            topic = self.topics.get(str(conversation))
            if topic and state != topic.state:
                states.add(str(conversation))
            if topic and topic.lags(seq, staff_seq):
                self.moved([str(conversation)])
        if states:
            self.take(live.Hint(states=states, queue=True))

    def _look_at_nodes(self) -> None:
        """Who was there on a node that fell silent is not known to be there any more."""
        for name, role, there in self.nodes.look(self.loop.time()):
            topic = self.topics.get(name)
            if topic and (there or role not in topic.readers.values()):
                topic.tell(frames.line(frames.presence(topic.id, role, there)))


hub: Hub | None = None


def of_this_loop() -> Hub:
    """The hub of the running event loop, made by the first socket that needs it."""
    global hub
    if hub is None or hub.loop is not asyncio.get_running_loop():
        hub = Hub()
    return hub
