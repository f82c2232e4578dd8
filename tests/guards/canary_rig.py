"""A whole installation for one canary run: engines, web, worker, beat, the outside world; and all they say."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import redis
from django.core.signing import b64_decode

from config import embedded
from tests.rig import Rig, rigged
from tests.servers import ROOT, Server, free_port

START_SECONDS = 40
Evidence = dict[str, bytes]


class Installation:
    """``environment`` is the one every process of it runs in."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.logs = rig, rig.var / "logs"
        self.world, self.smtp = free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.orders = Overheard(rig.engines.sockets / embedded.VALKEY_SOCKET)
        self.environment = rig.environment | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "SANDBOX_PORT": str(self.world),
            "SANDBOX_SMTP_PORT": str(self.smtp),
            "UPLOADS_ACCEPT_UNSCANNED": "1",
            "LOG_LEVEL": "DEBUG",
        }

    def start(self) -> None:
        with self.rig.database(embedded.SUPERUSER) as superuser:
            superuser.execute("ALTER ROLE ALL SET log_statement = 'all'")
        self._start("world", "uvicorn", "config.sandbox.world:application", "--port", str(self.world))
        celery = ("celery", "-A", "config.celery", "--quiet")
        self._start(
            "worker", *celery, "worker", "--pool", "threads", "--concurrency", "2", "--without-gossip"
        )
        (self.rig.var / "beat").mkdir()
        self._start("beat", *celery, "beat", "--schedule", str(self.rig.var / "beat/plan"), "--pidfile", "")

    def _start(self, name: str, *command: str) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            environment = os.environ | self.environment
            arguments = [sys.executable, "-m", *command]
            started = subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.processes.append(started)

    def node(self, app: str = "config.asgi:application") -> Server:
        return self.rig.node(app, **{**self.environment})

    def run(self, name: str, *command: str) -> str:
        """A program of ours to its end; what it prints is a log as well."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        (self.logs / f"{name}.log").write_text(done.stderr if name == "people" else done.stdout + done.stderr)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def posted(self) -> dict[str, list[dict[str, str]]]:
        """The mails and texts that have gone out."""
        return {name: self._world(f"{name}.json") for name in ("mail", "sms")}

    def _world(self, path: str) -> Any:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.world}/{path}") as it,
        ):
            return json.load(it)
        return []

    def until(self, so: Any, what: str) -> Any:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := so():
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen: see {self.logs}")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        self.orders.stop()

    # --- what is to be looked through ------------------------------------------------------------
    def evidence(self) -> Evidence:
        posted = self.posted()
        letters = [{key: text for key, text in mail.items() if key != "to"} for mail in posted["mail"]]
        texts = [{key: text for key, text in sms.items() if key != "to"} for sms in posted["sms"]]
        return {
            "logs": b"\n".join(path.read_bytes() for path in self._logs("postgresql", "world")),
            "postgresql log": (self.logs / "postgresql.log").read_bytes(),
            "valkey orders": self.orders.heard(),
            "valkey keys": self._kept(),
            "mails": json.dumps(letters).encode(),
            "texts": json.dumps(texts).encode(),
            "columns": b"\n".join(self._rows()),
            "files": b"\n".join(self._files()),
        }

    def _logs(self, *without: str) -> list[Path]:
        logs = [*self.logs.glob("*.log"), *self.rig.var.glob("node*.log")]
        return sorted(path for path in logs if path.stem not in without)

    def _kept(self) -> bytes:
        """Every key with its contents, whatever its type."""
        with redis.Redis.from_url(self.rig.engines.redis_url()) as valkey:
            return b"\n".join(key + b" " + (valkey.dump(key) or b"") for key in valkey.scan_iter())

    def _rows(self) -> Iterator[bytes]:
        with self.rig.database() as owner:
            names = [name for (name,) in owner.execute(TABLES)]
            for name in names:
                for (row,) in owner.execute(f"SELECT t::text FROM {name} t"):
                    yield f"{name}: {row}".encode()
            for (data,) in owner.execute("SELECT session_data FROM django_session"):
                yield b"django_session: " + opened(data)

    def _files(self) -> Iterator[bytes]:
        """All that lies on the disk, names included, but the engines' own files and the logs."""
        engines = {self.rig.engines.home, self.logs}
        for path in self.rig.var.rglob("*"):
            if path.is_file() and not engines & set(path.parents) and path.suffix != ".log":
                yield str(path.relative_to(self.rig.var)).encode() + b": " + path.read_bytes()
        for path in self.rig.engines.valkey.rglob("*"):
            if path.is_file():
                yield b"valkey: " + path.read_bytes()


TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""


def opened(session: str) -> bytes:
    """What stands in a session's row: packed and encoded, but for anybody to read."""
    import zlib

    data, packed = session.split(":")[0], session.startswith(".")
    raw = b64_decode(data.lstrip(".").encode())
    return zlib.decompress(raw) if packed else raw


class Overheard:
    """Every order that reaches Valkey, from now on."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.sendall(b"MONITOR\r\n")
        self._pieces: list[bytes] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while piece := self._socket.recv(1 << 16):
                self._pieces.append(piece)

    def heard(self) -> bytes:
        return b"".join(self._pieces)

    def stop(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def installation() -> Iterator[Installation]:
    with rigged() as rig:
        installed = Installation(rig)
        try:
            installed.start()
            yield installed
        finally:
            installed.stop()


@contextlib.contextmanager
def broken(database: psycopg.Connection, harm: str, repair: str) -> Iterator[None]:
    """The database refuses something for a while."""
    database.execute(harm)
    try:
        yield
    finally:
        database.execute(repair)
