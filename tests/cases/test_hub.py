"""Whoever comes while others are told misses nothing, and hears nothing twice."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from cases.hub import Hub
from cases.models import Conversation
from tests.factories import ConversationFactory, message_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


@dataclass(eq=False)
class Ear:
    """A socket that only listens."""

    staff: bool = False
    session: None = None
    user: None = None
    part: None = None
    heard: list[tuple[str, Any]] = field(default_factory=list)

    def role_in(self, name: str) -> str:
        return "agent" if self.staff else "customer"

    def tell(self, line: str) -> None:
        frame = json.loads(line)
        if frame["type"] == "message.new":
            self.heard.append((frame["body"], frame["seq"]))

    def end(self, code: int) -> None:
        raise AssertionError(f"ended with {code}")


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def a_chat() -> Conversation:
    return Conversation.objects.get(pk=ConversationFactory(channel="chat").pk)


def says(conversation: Conversation, words: str, **more: Any) -> None:
    message_in(Conversation.objects.get(pk=conversation.pk), words, **more)


@pytest.mark.parametrize("staff", [False, True])
async def test_who_was_on_the_way_is_told_what_the_others_were(staff: bool) -> None:
    """The conversation was read for them before a message that everybody else has been told since."""
    as_read = await sync_to_async(a_chat)()
    hub, there, late = Hub(), Ear(staff=staff), Ear(staff=staff)
    hub.watch(there, as_read)
    await sync_to_async(says)(as_read, "Where is it?", role="customer")
    await sync_to_async(says)(as_read, "Look it up", kind="note")
    hub.moved([str(as_read.id)])
    await until(lambda: len(there.heard) == (2 if staff else 1))
    hub.watch(late, as_read)
    await until(lambda: late.heard == there.heard)
    await sync_to_async(says)(as_read, "On its way.")
    hub.moved([str(as_read.id)])
    await until(lambda: ("On its way.", 2) in late.heard and ("On its way.", 2) in there.heard)
    assert late.heard == there.heard
    assert len(set(late.heard)) == len(late.heard)
    hub._looking.cancel()


async def test_who_leaves_while_they_are_told_is_told_no_more() -> None:
    as_read = await sync_to_async(a_chat)()
    hub, there, late = Hub(), Ear(), Ear()
    hub.watch(there, as_read)
    await sync_to_async(says)(as_read, "Where is it?", role="customer")
    hub.moved([str(as_read.id)])
    await until(lambda: bool(there.heard))
    hub.watch(late, as_read)
    hub.unwatch(late, str(as_read.id))
    await asyncio.gather(*hub._catching)
    assert late.heard == []
    assert list(hub.topics[str(as_read.id)].readers) == [there]
    hub.unwatch(there, str(as_read.id))
    assert hub.topics == {}
    hub._looking.cancel()
