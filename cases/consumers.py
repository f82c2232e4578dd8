"""The visitor's end of a chat: ``/ws/chat/<conversation>/``."""

import uuid
from typing import Any

from cases import asked, conversations, news
from cases.channels import chat
from cases.drafts import Refused
from cases.models import Conversation
from cases.people import author_of, out_of_part
from cases.sockets import NOT_YOURS, SIGN_IN, TOO_MANY, ChatSocket, Shut
from portal import doors

TICKET = "ticket."
SOCKETS_EACH = 20


class VisitorSocket(ChatSocket):
    """A guest by ticket or browser session, or a signed-in patient. One conversation, named by the address."""

    door = chat.PATIENTS

    def __init__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        super().__init__(scope, receive, send)
        self.ref: uuid.UUID = scope["url_route"]["kwargs"]["ref"]
        self.name = str(self.ref)
        self.visitor: Any = None
        self.conversation: Conversation | None = None

    def subprotocol(self) -> str | None:
        return next((offer for offer in self.scope.get("subprotocols", ()) if offer.startswith(TICKET)), None)

    def has_other_proof(self) -> bool:
        return self.subprotocol() is not None

    @property
    def actor(self) -> Any:
        return self.visit.user if self.visit else self.visitor

    async def admit(self) -> None:
        ticket = (self.subprotocol() or "").removeprefix(TICKET)
        try:
            entered = await self.hub.desk_lane.run(self._known, ticket)
        except chat.SignIn:
            raise Shut(SIGN_IN) from None
        except chat.NotTheirs:
            raise Shut(NOT_YOURS) from None
        self.visitor, self.conversation = entered.who, entered.conversation
        self.visit = self.visit or entered.visit
        topic = self.hub.topics.get(str(self.ref))
        if topic and sum(not reader.staff for reader in (*topic.readers, *topic.late)) >= SOCKETS_EACH:
            raise Shut(TOO_MANY)

    async def begin(self) -> None:
        if self.conversation is None:
            return
        await self.acting(conversations.opened, self.actor, self.conversation)
        self.hub.watch(self, self.conversation)
        await self._tell_state()
        self.hub.tell_who_is_there(self, self.name)

    def _known(self, ticket: str) -> chat.Entered:
        held = self.scope.get("session")
        key = (held.session_key if held else None) or ""
        if not ticket:
            self.visit = doors.enter(self.scope, self.door)
        return chat.enter(self.ref, user=self.visit and self.visit.user, ticket=ticket, session_key=key)

    @property
    def part(self) -> tuple[Any, uuid.UUID] | None:
        return (self.visit.user, self.ref) if self.visit else None

    async def _still_admitted(self) -> None:
        """A caregiver's right to the conversation may have ended while their session lives."""
        await super()._still_admitted()
        if (part := self.part) is None:
            return
        if await self.hub.desk_lane.run(out_of_part, [part]):
            raise Shut(NOT_YOURS)

    async def _tell_state(self) -> None:
        for frame in await self.hub.desk_lane.run(news.state_frames, [self.ref]):
            self.say(frame)

    async def conversation_of(self, frame: dict[str, Any]) -> Conversation:
        """A frame that names another conversation than the socket's own is refused; one that names none is not."""
        if self.conversation is None or not asked.means(frame, self.ref):
            raise Refused("forbidden", "There is no such conversation.")
        return self.conversation

    def role_in(self, name: str) -> str:
        return author_of(self.actor, self.conversation).role if self.conversation else "customer"

    def left(self) -> None:
        if self.conversation is not None:
            self.hub.unwatch(self, self.name)
