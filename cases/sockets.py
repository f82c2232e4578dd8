"""A socket of the chat, whoever sits at its other end: frames in, frames out, and what closes it.

Nothing here waits for the channel layer, so that a socket outlives the loss of Valkey; what others say comes
through the hub of the process. A message is handed to the collector as soon as it is read, and the socket
goes on reading: the ack follows the commit.
"""

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError

from cases import asked, chat_forms, conversations, frames, history, hub, live, rates
from cases.drafts import Draft, Outcome, Refused
from cases.models import Conversation
from cases.origins import header
from cases.people import author_of
from cases.rates import ABUSE_TIMES, SECONDS, Window
from config.security import audit, consumers
from portal import doors
from portal.access import Door

SIGN_IN, NOT_YOURS, TOO_MANY = consumers.SIGN_IN, consumers.NOT_YOURS, consumers.TOO_MANY
TOO_LARGE, TRY_LATER = 1009, 1013
MOST_UNSENT = 2000
RIGHTS_SECONDS = 5.0
USED_SECONDS = 15.0
TYPING_SECONDS = 6.0

Handler = Callable[[dict[str, Any]], Awaitable[None]]


class Shut(Exception):
    """Close the socket with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class ChatSocket:
    """Derive and say who is let in (``admit``) and which conversation a frame means (``conversation_of``)."""

    door: Door
    staff = False

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.hub = hub.of_this_loop()
        self.visit: doors.Visit | None = None
        self.context = audit.Context()
        self._lines: deque[str] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._closing: int | None = None
        self._parting: asyncio.Task[None] | None = None
        self._frames = Window(ABUSE_TIMES * settings.CHAT_MESSAGES_PER_10_S, SECONDS)
        self._typing: dict[str, asyncio.TimerHandle] = {}
        self._rights_at = self.hub.loop.time()
        self._used_at = self._rights_at - USED_SECONDS
        self.handlers: dict[str, Handler] = {
            "message.send": self.message_send,
            "form.submit": self.form_submit,
            "resume": self.resume,
            "read": self.read,
            "typing": self.typing,
            "ping": self.ping,
        }

    @classmethod
    def as_asgi(cls) -> Callable[..., Awaitable[None]]:
        async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await cls(scope, receive, send).run()

        app.consumer_class = cls  # type: ignore[attr-defined]
        return app

    # --- its life ----------------------------------------------------------------------------------
    async def run(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": self.subprotocol()})
        try:
            self._require_origin()
            await self._enter()
            while (event := await self._receive())["type"] != "websocket.disconnect":
                await self._frame(event)
        except Shut as shut:
            self.end(shut.code)
        finally:
            self._leave()
            if self._parting is not None:
                await self._parting

    def subprotocol(self) -> str | None:
        return None

    def has_other_proof(self) -> bool:
        """Whether something stands for the visitor that no foreign page could have sent along."""
        return False

    def _require_origin(self) -> None:
        origin = header(self.scope["headers"], b"origin")
        if origin is None and self.has_other_proof():
            return
        if not consumers.is_ours(origin or "", self.scope):
            raise Shut(NOT_YOURS)

    async def _enter(self) -> None:
        try:
            await self.admit()
            self._introduce()
            await self.begin()
        except (DatabaseError, audit.TrailUnavailable):
            raise Shut(TRY_LATER) from None
        self.hub.enter(self)

    def _introduce(self) -> None:
        """From here on the trail knows who acts."""
        user, client = self.visit and self.visit.user, self.scope.get("client")
        self.context = audit.Context(
            actor_id=user.pk if user else None,
            realm=user.realm if user else "guest",
            session_id=str(self.visit.session_ref) if self.visit else "",
            remote_addr=client[0] if client else None,
        )

    async def admit(self) -> None:
        raise NotImplementedError

    async def begin(self) -> None:
        """What comes first once somebody is let in."""

    async def conversation_of(self, frame: dict[str, Any]) -> Conversation:
        raise NotImplementedError

    @property
    def actor(self) -> Any:
        return self.visit.user if self.visit else None

    @property
    def session(self) -> int | None:
        return self.visit.session_id if self.visit else None

    @property
    def user(self) -> int | None:
        return self.visit.user.pk if self.visit else None

    @property
    def part(self) -> tuple[Any, uuid.UUID] | None:
        """The signed-in customer here and their conversation. Staff reach all, guests what they hold a ticket to."""
        return None

    def _leave(self) -> None:
        self._closing = self._closing or 1000
        for timer in self._typing.values():
            timer.cancel()
        self.hub.leave(self)
        self.left()

    def left(self) -> None:
        """Forget what this socket watched."""

    # --- frames out --------------------------------------------------------------------------------
    def tell(self, line: str) -> None:
        """A reader that is too slow to keep is let go: it comes back and asks for the rest."""
        if self._closing is not None:
            return
        self._lines.append(line)
        if len(self._lines) > MOST_UNSENT:
            self.end(TRY_LATER)
        elif self._flushing is None:
            self._flushing = self.hub.loop.create_task(self._flush())

    def say(self, frame: frames.Frame) -> None:
        self.tell(frames.line(frame))

    async def _flush(self) -> None:
        try:
            while self._lines:
                await self._send({"type": "websocket.send", "text": self._lines.popleft()})
        except Exception:
            self._lines.clear()
        finally:
            self._flushing = None

    def end(self, code: int) -> None:
        if self._closing is None:
            self._closing = code
            self._parting = self.hub.loop.create_task(self._close(code))

    async def _close(self, code: int) -> None:
        if self._flushing is not None:
            await asyncio.wait([self._flushing], timeout=1)
        with contextlib.suppress(Exception):
            await self._send({"type": "websocket.close", "code": code})

    # --- frames in ---------------------------------------------------------------------------------
    async def _frame(self, event: dict[str, Any]) -> None:
        if self._closing is not None:
            return
        if self._frames.wait():
            raise Shut(TOO_MANY)
        frame: dict[str, Any] = {}
        try:
            frame = self._opened(event)
            await self._handler(frame)(frame)
        except Refused as refused:
            self.refuse(refused, frame)
        except Conversation.DoesNotExist:
            self.refuse(Refused("forbidden", "There is no such conversation."), frame)
        except (DatabaseError, audit.TrailUnavailable):
            self.refuse(Refused("unavailable", "Please try again.", retry_after=1), frame)

    def _opened(self, event: dict[str, Any]) -> dict[str, Any]:
        text = event.get("text")
        if text is None:
            raise Refused("invalid", "A frame is text.")
        if asked.is_too_large(text):
            raise Shut(TOO_LARGE)
        return asked.opened(text)

    def _handler(self, frame: dict[str, Any]) -> Handler:
        kind = frame.get("type")
        handler = self.handlers.get(kind) if isinstance(kind, str) else None
        if handler is None:
            raise Refused("unknown_type", "There is no such type of frame.")
        return handler

    def refuse(self, refused: Refused, frame: dict[str, Any]) -> None:
        self.say(
            frames.error(refused, asked.named(frame.get("client_id")), asked.named(frame.get("conversation")))
        )

    async def _still_admitted(self) -> None:
        """Rights are read anew where they are older than a few seconds."""
        now = self.hub.loop.time()
        if self.visit is None or now - self._rights_at < RIGHTS_SECONDS:
            return
        self._rights_at = now
        visit = await self.hub.desk_lane.run(doors.readmit, self.visit)
        if visit is None:
            raise Shut(SIGN_IN)
        self.visit = visit

    async def _used(self) -> None:
        """What keeps a session alive: a message or a form, written down now and then."""
        now = self.hub.loop.time()
        if self.visit is not None and now - self._used_at >= USED_SECONDS:
            self._used_at = now
            await self.hub.desk_lane.run(doors.used_by, self.visit)

    # --- what clients ask --------------------------------------------------------------------------
    async def message_send(self, frame: dict[str, Any]) -> None:
        await self._still_admitted()
        said = asked.said(frame)
        conversation = await self.conversation_of(frame)
        draft = self._draft(conversation, said)
        await self.hub.pacer.take(rates.sender(self.actor, conversation))
        self._hush(str(conversation.pk))
        future = self.hub.collector.submit(draft)
        future.add_done_callback(lambda done: self._answer(done, frame))
        await self._used()

    def _draft(self, conversation: Conversation, said: asked.Said) -> Draft:
        token = audit.context.set(self.context)
        try:
            return conversations.draft(
                self.actor,
                conversation,
                body=said.body,
                kind=said.kind,
                client_id=said.client_id,
                prev=said.prev,
                choice=said.choice,
                attachments=said.attachments,
                made_from=said.made_from,
            )
        finally:
            audit.context.reset(token)

    def _answer(self, done: "asyncio.Future[Outcome]", frame: dict[str, Any]) -> None:
        if done.cancelled() or self._closing is not None:
            return
        outcome = done.result()
        if isinstance(outcome, Refused):
            self.refuse(outcome, frame)
        else:
            self.say(frames.ack(outcome, frame["client_id"]))

    async def form_submit(self, frame: dict[str, Any]) -> None:
        await self._still_admitted()
        asked.uuid_of(frame, "client_id")
        form, values = asked.values(frame)
        conversation = await self.conversation_of(frame)
        await self.hub.pacer.take(f"forms:{rates.sender(self.actor, conversation)}")
        result = await self.acting(_submit, self.actor, conversation, form, values)
        await self._used()
        self.say(
            frames.form_result(
                conversation.pk, frame["client_id"], form, result.ok, result.detail, result.tries_left
            )
        )

    async def resume(self, frame: dict[str, Any]) -> None:
        await self._still_admitted()
        seq, staff_seq = asked.count(frame, "after"), asked.count(frame, "staff_after")
        conversation = await self.conversation_of(frame)
        mark = (conversation.pk, seq, staff_seq if self.staff else history.NOTHING)
        while page := await self.hub.desk_lane.run(history.since, [mark]):
            for each in page:
                self.say(frames.for_desk(each) if self.staff else each)
            mark = history.past(mark, page)
            await self._drained()
        # Whoever asks for what comes after the end is told where the end is.
        ends = await self.hub.desk_lane.run(history.ends, conversation.pk)
        reached = [min(asked_for, end) for asked_for, end in zip(mark[1:], ends, strict=True)]
        self.say(frames.resume_done(conversation.pk, *(reached if self.staff else reached[:1])))

    async def _drained(self) -> None:
        """A long history goes out page by page, as fast as the reader takes it."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing])

    async def read(self, frame: dict[str, Any]) -> None:
        seq = asked.count(frame, "seq")
        conversation = await self.conversation_of(frame)
        await self.acting(_mark_read, self.actor, conversation, seq)

    async def typing(self, frame: dict[str, Any]) -> None:
        conversation = await self.conversation_of(frame)
        name = str(conversation.pk)
        if frame.get("on") is not True:
            return self._hush(name)
        if timer := self._typing.pop(name, None):
            timer.cancel()
        self._typing[name] = self.hub.loop.call_later(TYPING_SECONDS, self._hush, name)
        live.say(frames.typing(conversation.pk, author_of(self.actor, conversation).role, True))
        return None

    def _hush(self, name: str) -> None:
        """No longer typing: said, sent, or nothing for a while."""
        if timer := self._typing.pop(name, None):
            timer.cancel()
            role = self.role_in(name)
            live.say(frames.typing(uuid.UUID(name), role, False))

    def role_in(self, name: str) -> str:
        raise NotImplementedError

    async def ping(self, frame: dict[str, Any]) -> None:
        self.tell('{"type":"pong"}')

    async def acting(self, rule: Callable[..., Any], *args: Any) -> Any:
        """A rule in a thread of its own, with this socket's person on the trail."""
        return await self.hub.desk_lane.run(_in_context, self.context, rule, *args)


def _in_context(context: audit.Context, rule: Callable[..., Any], *args: Any) -> Any:
    token = audit.context.set(context)
    try:
        return rule(*args)
    finally:
        audit.context.reset(token)


def _mark_read(actor: Any, conversation: Conversation, seq: int) -> None:
    conversations.mark_read(actor, conversation=conversation, seq=seq)


def _submit(actor: Any, conversation: Conversation, form: str, values: dict[str, str]) -> chat_forms.Result:
    return chat_forms.submit(actor, conversation=conversation, form=form, values=values)
