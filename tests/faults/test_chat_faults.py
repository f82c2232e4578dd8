"""What the chat promises while parts of it are killed, emptied and restarted (R-CHAT-6).

``SEEDS=20 make faults`` tries each fault with that many seeds; a failing seed is in the test's name.
"""

import asyncio
import json
import os
import random
import signal
import urllib.request
from collections.abc import Awaitable, Callable

import pytest
import redis

from config import embedded
from tests.faults.checker import faults
from tests.faults.clients import Account, Client, Frame
from tests.faults.machines import again, clock_off, full_disk, may_mount
from tests.rig import Rig
from tests.servers import Server

SEEDS = range(int(os.environ.get("SEEDS", "2")))
SENDERS, READERS, MESSAGES = 3, 2, 40
PACE = 0.08
CANARY = "a1c-seven-point-two"
CALM_SECONDS = 30.0
WHOLE_SECONDS = 120.0

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]
Fault = Callable[[Rig, random.Random], Awaitable[None]]


async def kill_web(rig: Rig, dice: random.Random) -> None:
    """kill -9 of a node, three times, at any moment of its work."""
    for _ in range(3):
        await asyncio.sleep(dice.uniform(0.3, 1.0))
        await again(dice.choice(rig.nodes))


async def kill_before_commit(rig: Rig, dice: random.Random) -> None:
    """The database holds up every message, and its node is killed while they wait to be stored."""
    with rig.database() as owner:
        owner.execute(SLOW)
        try:
            await asyncio.sleep(dice.uniform(0.5, 0.9))
            await again(dice.choice(rig.nodes))
        finally:
            owner.execute("DROP TRIGGER slow ON cases_message")


async def kill_after_commit(rig: Rig, dice: random.Random) -> None:
    """A node stands still while the database commits what it sent, and never gets to say so."""
    node = dice.choice(rig.nodes)
    with rig.database() as owner:
        owner.execute(SLOW)
        await asyncio.sleep(dice.uniform(0.2, 0.4))
        node.kill(signal.SIGSTOP)
        await asyncio.sleep(0.5)
        # First the node: what stands still may hold a lock that the trigger's end would wait for.
        await again(node)
        owner.execute("DROP TRIGGER slow ON cases_message")


SLOW = """
    CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(0.15); RETURN NULL; END $$;
    CREATE TRIGGER slow AFTER INSERT ON cases_message FOR EACH STATEMENT EXECUTE FUNCTION slowly();
"""


async def flush_valkey(rig: Rig, dice: random.Random) -> None:
    for _ in range(3):
        await asyncio.sleep(dice.uniform(0.2, 0.9))
        with redis.Redis.from_url(rig.engines.redis_url()) as valkey:
            valkey.flushall()
            valkey.client_kill_filter(_type="pubsub")


async def stop_valkey(rig: Rig, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.2, 0.8))
    await asyncio.to_thread(rig.stop_valkey)
    await asyncio.sleep(dice.uniform(1.5, 3))
    await asyncio.to_thread(rig.start_valkey)


async def pause_valkey(rig: Rig, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.2, 0.8))
    rig.signal_valkey(signal.SIGSTOP)
    await asyncio.sleep(dice.uniform(1.5, 3))
    rig.signal_valkey(signal.SIGCONT)


async def restart_postgres_immediately(rig: Rig, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.4, 1.2))
    await asyncio.to_thread(rig.restart_postgres, signal.SIGQUIT)


async def restart_postgres_fast(rig: Rig, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.4, 1.2))
    await asyncio.to_thread(rig.restart_postgres, signal.SIGINT)


async def cut_backends(rig: Rig, dice: random.Random) -> None:
    for _ in range(4):
        await asyncio.sleep(dice.uniform(0.2, 0.6))
        with rig.database(embedded.SUPERUSER) as owner:
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'dme_app'")


FAULTS = [
    kill_web,
    kill_before_commit,
    kill_after_commit,
    flush_valkey,
    stop_valkey,
    pause_valkey,
    restart_postgres_immediately,
    restart_postgres_fast,
    cut_backends,
    clock_off,
    pytest.param(full_disk, marks=pytest.mark.skipif(not may_mount(), reason="nobody may mount here")),
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_promises_hold_through(rig: Rig, fault: Fault, seed: int) -> None:
    dice = random.Random(f"{fault.__name__} {seed}")
    account = asyncio.run(asyncio.wait_for(_run(rig, fault, dice), WHOLE_SECONDS))
    with rig.database() as database:
        assert faults(account, database) == [], f"seed {seed}"
    assert len(account.acknowledged) == SENDERS * MESSAGES, "all went through in the end"
    assert [log for log in rig.var.rglob("*.log") if CANARY in log.read_text(errors="replace")] == []


async def _run(rig: Rig, fault: Fault, dice: random.Random) -> Account:
    chat = await asyncio.to_thread(_begin, rig.nodes[0])
    account = Account(chat["conversation"])
    names = [f"sender{n}" for n in range(SENDERS)] + [f"reader{n}" for n in range(READERS)]
    clients = [Client(chat, account, name, lambda: dice.choice(rig.nodes).host, dice) for name in names]
    running = [asyncio.create_task(client.run()) for client in clients]
    troubled = asyncio.create_task(fault(rig, dice))
    await asyncio.gather(*(_talk(client, dice) for client in clients[:SENDERS]))
    await troubled
    await _calm(clients, account)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return account


async def _talk(client: Client, dice: random.Random) -> None:
    for n in range(MESSAGES):
        await client.say(f"{client.name} says {CANARY} {n}")
        await asyncio.sleep(dice.uniform(0, 2 * PACE))


async def _calm(clients: list[Client], account: Account) -> None:
    """Until everybody has said and seen all, or for so long."""
    whole = SENDERS * MESSAGES
    for _ in range(int(CALM_SECONDS * 10)):
        if len(account.acknowledged) == whole and all(client.last == whole for client in clients):
            return
        await asyncio.sleep(0.1)


def _begin(node: Server) -> Frame:
    body = json.dumps({"notice_accepted": True}).encode()
    request = urllib.request.Request(f"{node.url}/chat/start", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(json.load(answer))
