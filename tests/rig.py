"""Engines of a run's own, with nothing of their durability given up, and web nodes on them: for fault runs and
benchmarks, which break or load what the other tests share.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from config import embedded, supervise
from tests.servers import ROOT, Server


class Rig:
    def __init__(self, var: Path) -> None:
        self.var = var
        self.engines = embedded.of(var)
        self.nodes: list[Server] = []
        children = supervise.engine_children(self.engines, var / "logs", postgres=True, valkey=True)
        self.postgres, self.valkey = children
        # The kernel ends a child with the thread that started it: this one lives as long as the rig.
        self._starter = ThreadPoolExecutor(1)
        for child in children:
            self._start(child)

    def _start(self, child: supervise.Child) -> None:
        self._starter.submit(child.start).result()

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DME_PROFILE": "test",
            "DME_VAR": str(self.var),
            "DATABASE_URL": self.engines.database_url(embedded.APP),
            "DATABASE_OWNER_URL": self.engines.database_url(embedded.OWNER),
            "REDIS_URL": self.engines.redis_url(),
            "CHANNEL_PREFIX": "rig",
            "CHAT_STARTS_PER_MINUTE": "1000000",
            "CHAT_MESSAGES_PER_10_S": "1000000",
        }

    def prepare(self) -> None:
        """A migrated, empty database."""
        embedded.until_ready(self.engines)
        embedded.make_roles(self.engines)
        embedded.make_database(self.engines)
        environment = os.environ | self.environment | {"DME_AS_OWNER": "1"}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)

    def node(self, app: str = "config.asgi:application", **environment: str) -> Server:
        """One more web process."""
        server = Server(self.environment | environment, log=self.var / f"node{len(self.nodes)}.log", app=app)
        self.nodes.append(server)
        return server.start()

    def database(self, role: str = embedded.OWNER) -> psycopg.Connection:
        """Waits for nobody's lock longer than a fault may take."""
        patience = "-c lock_timeout=20s -c statement_timeout=60s"
        return psycopg.connect(self.engines.database_url(role), autocommit=True, options=patience)

    def restart_postgres(self, number: signal.Signals) -> None:
        """SIGQUIT is an immediate stop, SIGINT a fast one."""
        _running(self.postgres).send_signal(number)
        _running(self.postgres).wait(30)
        embedded.forget_dead_postmaster(self.engines)
        self._start(self.postgres)
        embedded.until_ready(self.engines, valkey=False)

    def stop_valkey(self) -> None:
        _running(self.valkey).kill()
        _running(self.valkey).wait(10)

    def signal_valkey(self, number: signal.Signals) -> None:
        _running(self.valkey).send_signal(number)

    def start_valkey(self) -> None:
        self._start(self.valkey)
        embedded.until_ready(self.engines, postgres=False)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.signal_valkey(signal.SIGCONT)
        self.postgres.ask_to_stop()
        deadline = time.monotonic() + 10
        while self.postgres.alive and time.monotonic() < deadline:
            time.sleep(0.05)
        for child in (self.postgres, self.valkey):
            child.kill()
        self._starter.shutdown()
        embedded.erase(self.engines)


def _running(child: supervise.Child) -> "subprocess.Popen[bytes]":
    assert child.process is not None
    return child.process


@contextlib.contextmanager
def rigged() -> Iterator[Rig]:
    with tempfile.TemporaryDirectory(prefix="dme-rig-") as folder:
        rig = Rig(Path(folder))
        try:
            rig.prepare()
            yield rig
        finally:
            rig.stop()
