"""Clients that keep to the protocol's page under any fault, and write down all they were told.

Each sender chains its messages by ``prev``, keeps what was not acknowledged and sends it again, oldest first,
over a socket where one opens and over HTTP where none does. Each reader takes only the next ``seq``, asks
``resume`` at a gap, and looks by itself now and then.
"""

import asyncio
import contextlib
import json
import random
import urllib.error
import urllib.request
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import websockets

Frame = dict[str, Any]
ACK_SECONDS = 4.0
LOOK_SECONDS = 2.0


@dataclass
class Account:
    """What one conversation's clients tried, were promised and saw."""

    conversation: str
    attempted: dict[str, list[str]] = field(default_factory=dict)
    acknowledged: dict[str, int] = field(default_factory=dict)
    seen: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def promise(self, client_id: str, seq: int) -> None:
        known = self.acknowledged.setdefault(client_id, seq)
        if known != seq:
            self.wrong.append(f"{client_id} was acknowledged as {known} and as {seq}")


class Client:
    """A visitor's socket that comes back by itself, to whichever node ``address`` names then."""

    def __init__(
        self, chat: Frame, account: Account, name: str, address: Callable[[], str], dice: random.Random
    ) -> None:
        self.chat, self.account, self.name, self.address, self.dice = chat, account, name, address, dice
        self.waiting: deque[Frame] = deque()
        self.last = 0
        self.over = asyncio.Event()
        self.ws: Any = None
        account.attempted[name], account.seen[name] = [], []
        self.prev: str | None = None

    async def run(self) -> None:
        failures = 0
        while not self.over.is_set():
            try:
                await self._connected()
                failures = 0
            except (OSError, websockets.WebSocketException, TimeoutError):
                failures += 1
            self.ws = None
            if failures > 1:
                await self._by_http()
            await asyncio.sleep(self.dice.uniform(0, min(2.0, 0.1 * 2**failures)))

    async def _connected(self) -> None:
        url = f"ws://{self.address()}{self.chat['socket']}"
        proof: Any = [f"ticket.{self.chat['ticket']}"]
        async with websockets.connect(
            url, subprotocols=proof, open_timeout=3, close_timeout=0.2, ping_interval=None
        ) as ws:
            self.ws = ws
            await self._put({"type": "resume", "after": self.last})
            for frame in list(self.waiting):
                await self._put(frame)
            await asyncio.gather(self._hear(ws), self._look(ws))

    async def _hear(self, ws: Any) -> None:
        async for text in ws:
            await self.hear(json.loads(text))
        raise TimeoutError

    async def _look(self, ws: Any) -> None:
        """Nothing acknowledged for long: what waits is sent again. Now and then: is there anything new?"""
        while ws is self.ws:
            head = self.waiting[0] if self.waiting else None
            await asyncio.sleep(LOOK_SECONDS)
            await self._put({"type": "resume", "after": self.last})
            if head is not None and self.waiting and self.waiting[0] is head:
                raise TimeoutError

    async def _put(self, frame: Frame) -> None:
        await self.ws.send(json.dumps({"conversation": self.chat["conversation"], **frame}))

    async def hear(self, frame: Frame) -> None:
        if frame["type"] == "message.ack":
            self.acknowledged(frame)
        elif frame["type"] == "message.new":
            await self.saw(frame)
        elif frame["type"] == "error" and frame["client_id"]:
            await self.refused(frame)

    def acknowledged(self, frame: Frame) -> None:
        self.account.promise(frame["client_id"], frame["seq"])
        for each in list(self.waiting):
            if each["client_id"] == frame["client_id"]:
                self.waiting.remove(each)

    async def saw(self, frame: Frame) -> None:
        if frame["seq"] == self.last + 1:
            self.last = frame["seq"]
            self.account.seen[self.name].append((frame["seq"], frame["client_id"]))
        elif frame["seq"] > self.last and self.ws:
            await self._put({"type": "resume", "after": self.last})

    async def refused(self, frame: Frame) -> None:
        """After a refusal only the oldest goes again, and not at once."""
        if frame["permanent"]:
            self.account.wrong.append(f"{frame['client_id']} was refused: {frame['code']}")
            return
        head = self.waiting[0] if self.waiting else None
        if head is not None and head["client_id"] == frame["client_id"]:
            await asyncio.sleep(self.dice.uniform(0.05, 0.3))
        if self.ws is not None:
            for each in list(self.waiting):
                await self._put(each)

    async def say(self, body: str) -> None:
        client_id = str(uuid.uuid4())
        frame = {"type": "message.send", "client_id": client_id, "body": body, "prev": self.prev}
        self.prev = client_id
        self.account.attempted[self.name].append(client_id)
        self.waiting.append(frame)
        if self.ws is not None:
            with contextlib.suppress(websockets.WebSocketException, OSError):
                await self._put(frame)

    async def _by_http(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while self.waiting:
                answer = await asyncio.to_thread(self._post, self.waiting[0])
                if answer["type"] != "message.ack":
                    return await self.refused(answer) if answer["permanent"] else None
                self.acknowledged(answer)
        return None

    def _post(self, frame: Frame) -> Frame:
        url = f"http://{self.address()}/chat/{self.chat['conversation']}/messages"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.chat['ticket']}"}
        request = urllib.request.Request(url, json.dumps(frame).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=ACK_SECONDS) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.loads(error.read()))
