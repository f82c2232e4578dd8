"""What goes wrong with the machine under a node: it dies, its clock is off, its disk is full."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.cases.wire import ask
from tests.rig import Rig
from tests.servers import Server

TEN_MINUTES = 600
ROOM = "2m"
FILE_BYTES = 4 * 1024 * 1024
MOUNTED = 'mount -t tmpfs -o size=$ROOM tmpfs "$MEDIA_ROOT" && exec "$@"'
# Whoever is not root becomes so in a world of their own.
OWN_WORLD = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else []), "--mount"]
SMALL_DISK = [*OWN_WORLD, "sh", "-c", MOUNTED, "sh"]


async def again(node: Server) -> None:
    """Kill a node and start it at the same address."""
    node.kill()
    await asyncio.to_thread(node.running.wait, 20)
    await asyncio.to_thread(node.start)


@contextlib.asynccontextmanager
async def changed(node: Server, **to: Any) -> AsyncIterator[None]:
    """The node runs another way for a while; what is in ``environment`` goes on top of its own."""
    before = {name: getattr(node, name) for name in (*to, "environment")}
    to["environment"] = node.environment | to.get("environment", {})
    for name, value in to.items():
        setattr(node, name, value)
    await again(node)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(node, name, value)
        await again(node)


# --- clock -------------------------------------------------------------------------------------------
async def clock_off(rig: Rig, dice: random.Random) -> None:
    """A node's clock is ten minutes early or late. It says so, and the order is that of the database."""
    node, off = dice.choice(rig.nodes), dice.choice([-TEN_MINUTES, TEN_MINUTES])
    async with changed(node, app="tests.faults.off_clock:application", environment={"CLOCK_OFF": str(off)}):
        parts = await asyncio.to_thread(_parts, node)
        assert "away from the database's clock" in parts["clock"]
        await asyncio.sleep(dice.uniform(1, 3))


def _parts(node: Server) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"{node.url}/readyz", timeout=20) as answer:
            return dict(json.load(answer)["parts"])
    except urllib.error.HTTPError as ill:
        return dict(json.loads(ill.read())["parts"])


# --- disk --------------------------------------------------------------------------------------------
def may_mount(folder: str = "/mnt") -> bool:
    """Whether this machine lets us have a small disk of our own."""
    if shutil.which("unshare") is None:
        return False
    environment = os.environ | {"MEDIA_ROOT": folder, "ROOM": ROOM}
    return not subprocess.run([*SMALL_DISK, "true"], env=environment, capture_output=True).returncode


async def full_disk(rig: Rig, dice: random.Random) -> None:
    """No room for files on a node: it says so, keeps no half of one, takes what still fits, and the chat goes on."""
    node, media = dice.choice(rig.nodes), rig.var / "small"
    media.mkdir(exist_ok=True)
    async with changed(node, wrapper=SMALL_DISK, environment={"MEDIA_ROOT": str(media), "ROOM": ROOM}):
        await asyncio.to_thread(_fill, node, media, dice)


def _fill(node: Server, media: Path, dice: random.Random) -> None:
    _status, chat, _ = ask(node, "POST", "/chat/start", {"notice_accepted": True})
    files = Files(node, chat)
    large, piece = files.begin(FILE_BYTES), dice.randbytes(dice.choice([256, 512, 1024]) * 1024)
    status, stored = 200, 0
    while status == 200:
        status, told = files.put(large, stored, piece)
        stored += len(piece) if status == 200 else 0
    assert (status, told["error"]["code"]) == (507, "storage_full")
    assert "nothing was saved" in told["error"]["detail"]
    assert files.received(large) == stored
    inside = Path(f"/proc/{node.running.pid}/root{media}")
    assert len(list(inside.rglob("*.*"))) == 0, "no part is left"
    assert files.put(files.begin(2048), 0, dice.randbytes(2048))[0] == 200
    assert ask(node, "GET", "/healthz")[0] == 200


class Files:
    """What a visitor sends into their chat."""

    def __init__(self, node: Server, chat: dict[str, Any]) -> None:
        self.node, self.ticket = node, chat["ticket"]
        self.path = f"/chat/{chat['conversation']}/uploads/"

    def begin(self, size: int) -> str:
        told = {"filename": "film.mp4", "size": size, "kind": "other"}
        status, begun, _ = ask(self.node, "POST", self.path, told, ticket=self.ticket)
        assert status == 201, begun
        return str(begun["upload"])

    def put(self, name: str, offset: int, piece: bytes) -> tuple[int, Any]:
        path, kind = f"{self.path}{name}/?offset={offset}", "application/octet-stream"
        return ask(self.node, "PUT", path, piece, ticket=self.ticket, Content_Type=kind)[:2]

    def received(self, name: str) -> int:
        return int(ask(self.node, "GET", f"{self.path}{name}/", ticket=self.ticket)[1]["offset"])
