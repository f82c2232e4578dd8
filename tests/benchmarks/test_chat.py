"""Chat, send to ack to delivered, beside what does less: ratios, never wall times.

A pair is a sender and a reader of one conversation. The sender sends the next message when the last one was
acknowledged and the reader has it.
"""

import asyncio
import json
import os
import time
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import websockets

from tests.benchmarks import floors
from tests.benchmarks.harness import note
from tests.rig import Rig, rigged
from tests.servers import Server

ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = float(os.environ.get("SECONDS", "4"))
BODY = "My CPAP mask leaks at night and order DME-10492-3 has not come yet. Can you tell me when it will be here?"
Pair = Callable[[], Awaitable[None]]
Socket = websockets.ClientConnection

pytestmark = pytest.mark.benchmark


def begin(server: Server) -> dict[str, str]:
    body = json.dumps({"notice_accepted": True}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/chat/start", body, headers)
    with urllib.request.urlopen(request) as answer:
        return dict(json.load(answer))


async def chat_pair(server: Server, stack: AsyncExitStack) -> Pair:
    chat = await asyncio.to_thread(begin, server)
    proof = [f"ticket.{chat['ticket']}"]
    address = server.socket_url(chat["socket"])
    sender = await stack.enter_async_context(websockets.connect(address, subprotocols=proof))
    reader = await stack.enter_async_context(websockets.connect(address, subprotocols=proof))

    async def once() -> None:
        client_id = str(uuid.uuid4())
        frame = {
            "type": "message.send",
            "conversation": chat["conversation"],
            "client_id": client_id,
            "body": BODY,
        }
        await sender.send(json.dumps(frame))
        await asyncio.gather(until(sender, "message.ack", client_id), until(reader, "message.new", client_id))

    return once


async def until(socket: Socket, kind: str, client_id: str) -> None:
    while True:
        frame = json.loads(await socket.recv())
        if frame["type"] == kind and frame["client_id"] == client_id:
            return


async def floor_pair(server: Server, stack: AsyncExitStack) -> Pair:
    address = server.socket_url(f"/ws/{uuid.uuid4().hex}/")
    sender = await stack.enter_async_context(websockets.connect(address))
    reader = await stack.enter_async_context(websockets.connect(address))
    text = json.dumps({"client_id": str(uuid.uuid4()), "body": BODY})

    async def once() -> None:
        await sender.send(text)
        await asyncio.gather(sender.recv(), reader.recv())

    return once


async def echo_pair(server: Server, stack: AsyncExitStack) -> Pair:
    sender = await stack.enter_async_context(websockets.connect(server.socket_url("/ws/echo/")))
    text = json.dumps({"client_id": str(uuid.uuid4()), "body": BODY})

    async def once() -> None:
        await sender.send(text)
        await sender.recv()

    return once


async def rate(pairs: list[Pair]) -> float:
    """Messages a second over all pairs."""
    end = time.perf_counter() + SECONDS
    counts = await asyncio.gather(*(_until(pair, end) for pair in pairs))
    return sum(counts) / SECONDS


async def _until(pair: Pair, end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        await pair()
        count += 1
    return count


@pytest.fixture(scope="module")
def rig() -> "Rig":
    with rigged() as rig:
        with rig.database() as owner:
            owner.execute(floors.TABLE)
        yield rig


@pytest.mark.parametrize("width", [1, 25, 250])
def test_send_to_delivered(rig: Rig, width: int) -> None:
    """Reach: 1.5 of the ORM INSERT at 25 and 250 pairs, 0.7 at one; 0.6 of the relay without a database."""
    makers = {
        "chat": (rig.node(), chat_pair),
        "orm insert": (rig.node("tests.benchmarks.floors:insert"), floor_pair),
        "relay": (rig.node("tests.benchmarks.floors:relay"), floor_pair),
        "echo": (rig.node("tests.benchmarks.floors:echo"), echo_pair),
    }
    try:
        rates = asyncio.run(_rounds(makers, width))
    finally:
        for server, _ in makers.values():
            server.stop()
    _note(width, rates)


async def _rounds(
    makers: dict[str, tuple[Server, Callable[..., Awaitable[Pair]]]], width: int
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in makers}
    async with AsyncExitStack() as stack:
        pairs = {
            name: [await make(server, stack) for _ in range(width)] for name, (server, make) in makers.items()
        }
        for _ in range(ROUNDS):
            for name in makers:
                rates[name].append(await rate(pairs[name]))
    return rates


def _note(width: int, rates: dict[str, list[float]]) -> None:
    targets = {"orm insert": ">= 0.7" if width == 1 else ">= 1.5", "relay": ">= 0.6", "echo": ""}
    for floor, target in targets.items():
        pairs = list(zip(rates["chat"], rates[floor], strict=True))
        note(f"chat, send to delivered, {width} pairs (floor: {floor})", "/s", pairs, target=target)
