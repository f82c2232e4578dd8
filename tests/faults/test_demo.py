"""`make demo` from nothing, stopped, killed and started again (real processes, in a folder of its own)."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import embedded
from tests.engines import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

OURS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CHANNEL_PREFIX", "DJANGO_SETTINGS_MODULE")


class Demo:
    """One `python -m config.demo`; `var` and `port` are its own."""

    def __init__(self, var: Path, port: int, **environment: str) -> None:
        self.var, self.port = var, port
        inherited = {name: value for name, value in os.environ.items() if name not in OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.demo"],
            cwd=ROOT,
            env=inherited
            | {"DME_PROFILE": "demo", "DME_VAR": str(var), "PORT": str(port), "PATIENTS": "30"}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def greeting(self) -> str:
        """What it prints until it is ready. Fails with that where it ends before."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                return "".join(lines)
        raise AssertionError("".join(lines))

    def parts(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
            found: dict[str, str] = json.load(answer)["parts"]
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def processes_of(var: Path) -> list[int]:
    """Everything that carries this folder in its environment, ourselves excepted."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"DME_VAR={var}".encode() in environment.split(b"\0"):
            found.append(int(folder.name))
    return found


def free_ports() -> int:
    """The first of three free ports in a row."""
    for port in range(20000 + os.getpid() % 20000, 60000, 10):
        with socket.socket() as one, socket.socket() as two, socket.socket() as three:
            try:
                for number, probe in enumerate((one, two, three)):
                    probe.bind(("127.0.0.1", port + number))
            except OSError:
                continue
            return port
    raise AssertionError("no ports are free")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Demo]]:
    var = tmp_path_factory.mktemp("demo")
    port = free_ports()
    demos: list[Demo] = []

    def _start(**environment: str) -> Demo:
        demos.append(Demo(var, port, **environment))
        return demos[-1]

    yield _start
    for demo in demos:
        if demo.process.poll() is None:
            demo.stop(signal.SIGTERM)
    embedded.erase(embedded.of(var))


def test_demo_starts_stops_and_starts_again(start):
    """From nothing to a login for each role; Ctrl-C leaves nothing; what was there is there again."""
    demo = start()
    words = demo.greeting()
    assert set(demo.parts().values()) == {"ok"}
    users = json.loads((demo.var / "logins.json").read_text())["users"]
    assert {user["role"] for user in users} > {"patient", "agent", "supervisor"}
    assert all(user["email"] in words for user in users)
    assert demo.stop() == 0
    assert processes_of(demo.var) == []

    again = start()
    again.greeting()
    assert set(again.parts().values()) == {"ok"}
    again.process.kill()
    third = start()
    third.greeting()
    assert set(third.parts().values()) == {"ok"}
    assert third.stop(signal.SIGTERM) == 0
    assert processes_of(demo.var) == []


def test_second_demo_in_one_folder_says_so(start):
    first = start()
    first.greeting()
    second = start()
    assert second.process.wait(30) == 1
    assert second.process.stdout is not None
    assert second.process.stdout.read().startswith("A demo runs already in ")
    first.stop()


def test_taken_port_is_one_clear_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = Demo(tmp_path, port)
        assert demo.process.wait(30) == 1
    assert demo.process.stdout is not None
    assert demo.process.stdout.read() == f"Port {port} is taken; say make demo PORT={port + 100}.\n"


def test_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").touch()
    demo = Demo(tmp_path / "file" / "var", free_ports())
    assert demo.process.wait(30) == 1
    assert demo.process.stdout is not None
    assert "is read-only" in demo.process.stdout.read()
