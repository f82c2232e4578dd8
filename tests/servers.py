"""A real server process on the test database, for what only sockets and signals can show."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 40


@dataclass
class Server:
    """One uvicorn on a free port of loopback. ``environment`` goes on top of this process's own; ``wrapper`` is
    what runs it, where that is not we.
    """

    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    log: Path | None = None
    app: str = "config.asgi:application"
    wrapper: list[str] = field(default_factory=list)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def socket_url(self, path: str) -> str:
        return f"ws://{self.host}{path}"

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        """The process, once it was started."""
        assert self.process is not None
        return self.process

    def start(self) -> "Server":
        self.port = self.port or free_port()
        output = self.log.open("ab") if self.log else subprocess.DEVNULL
        command = [*self.wrapper, sys.executable, "-m", "uvicorn", self.app, "--port", str(self.port)]
        command += ["--lifespan", "off", "--no-access-log", "--ws-max-size", str(256 * 1024)]
        environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"} | self.environment
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        self.until_ready()
        return self

    def until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            if self.process and self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"The server did not start: see {self.log}.")

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        # A fault may have left it standing still, where it would not hear the rest.
        self.kill(signal.SIGCONT)
        self.kill(signal.SIGTERM)
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
                return
            self.process.kill()
            self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(**environment: str) -> Iterator[Server]:
    server = Server(environment, log=Path(os.environ["DME_VAR"]) / "server.log")
    try:
        yield server.start()
    finally:
        server.stop()
