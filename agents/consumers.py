"""The agent's end of every chat: ``/ws/console/``. docs/console-frames.md tells what comes on top."""

from typing import Any

from agents import presence
from cases import asked, conversations, frames, live, news
from cases.drafts import Refused
from cases.models import Conversation
from cases.people import author_of, shown_name
from cases.sockets import SIGN_IN, ChatSocket, Shut
from portal import doors
from portal.access import STAFF_REALM, Door

MOST_JOINED = 100
SEEN_SECONDS = 10.0


class ConsoleSocket(ChatSocket):
    """One socket for all conversations; each frame names the one it means, which has to be joined first."""

    door = Door("console.use", frozenset({STAFF_REALM}))
    staff = True

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        super().__init__(scope, receive, send)
        self.joined: dict[str, Conversation] = {}
        self._seen_at = 0.0
        self.handlers |= {"join": self.join, "leave": self.leave, "here": self.here}

    async def admit(self) -> None:
        self.visit = await self.hub.desk_lane.run(doors.enter, self.scope, self.door)
        if self.visit is None:
            raise Shut(SIGN_IN)
        self.hub.consoles.add(self)
        self.say({"type": "hello", "user": str(self.visit.user.ref)})
        await self._seen()

    async def conversation_of(self, frame: dict[str, Any]) -> Conversation:
        name = str(asked.uuid_of(frame, "conversation"))
        if name not in self.joined:
            raise Refused("forbidden", "Join this conversation first.")
        return self.joined[name]

    async def join(self, frame: dict[str, Any]) -> None:
        await self._still_admitted()
        if len(self.joined) >= MOST_JOINED:
            raise Refused("rate_limited", "Too many conversations at once. Leave some first.", 1)
        ref = asked.uuid_of(frame, "conversation")
        conversation = await self.acting(conversations.join, self.actor, ref)
        self.joined[str(ref)] = conversation
        self.hub.watch(self, conversation)
        self.say(
            {
                "type": "joined",
                "conversation": str(ref),
                "last_seq": conversation.last_seq,
                "last_staff_seq": conversation.last_staff_seq,
            }
        )
        for state in await self.hub.desk_lane.run(news.state_frames, [ref]):
            self.say(state)
        self.hub.tell_who_is_there(self, str(ref))
        self._views(conversation, True, asks=True)

    async def here(self, frame: dict[str, Any]) -> None:
        """Still looking at it; said when a colleague comes, and now and then."""
        self._views(await self.conversation_of(frame), True)

    async def leave(self, frame: dict[str, Any]) -> None:
        name = str(asked.uuid_of(frame, "conversation"))
        if conversation := self.joined.get(name):
            self._hush(name)
            del self.joined[name]
            self.hub.unwatch(self, name)
            self._views(conversation, False)
        self.say({"type": "left", "conversation": name})

    async def ping(self, frame: dict[str, Any]) -> None:
        await super().ping(frame)
        await self._seen()

    async def _seen(self) -> None:
        """Whose console is open is there to answer."""
        now = self.hub.loop.time()
        if now - self._seen_at > SEEN_SECONDS:
            self._seen_at = now
            await self.hub.desk_lane.run(presence.seen, self.actor)

    def role_in(self, name: str) -> str:
        return author_of(self.actor, self.joined[name]).role

    def left(self) -> None:
        for name, conversation in self.joined.items():
            self.hub.unwatch(self, name)
            self._views(conversation, False)

    def _views(self, conversation: Conversation, on: bool, *, asks: bool = False) -> None:
        live.say(frames.viewing(conversation.pk, str(self.actor.ref), shown_name(self.actor), on, asks))
