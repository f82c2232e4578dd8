"""`make demo` from nothing, stopped, killed and started again (real processes, in a folder of its own)."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import embedded
from tests.demo import OURS, Demo, free_ports
from tests.engines import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]


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


@pytest.mark.parametrize("port", ["99999", "65535", "65534", "0", "-1", "abc", ""])
def test_port_that_cannot_be_is_one_clear_sentence(tmp_path, port):
    """Nor may the two ports after it lie beyond the last one."""
    demo = Demo(tmp_path, 0, PORT=port)
    assert demo.process.wait(30) == 1
    assert demo.process.stdout is not None
    assert re.fullmatch(r"PORT: a .*number .*is wanted, not .*\.\n", demo.process.stdout.read())


@pytest.mark.parametrize("starter", ["make", "sh"])
def test_demo_ends_with_whoever_started_it(tmp_path, starter):
    """The starter is killed outright: nothing is left that would refuse the next start."""
    own = {"DME_VAR": str(tmp_path), "DME_PROFILE": "demo", "PORT": str(free_ports())}
    command = {
        "make": ["make", "--old-file=setup", "demo", f"RUN={sys.executable}", f"PORT={own['PORT']}"],
        "sh": ["sh", "-c", f"{sys.executable} -m config.demo; true"],
    }[starter]
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    with (tmp_path / "said").open("w") as said:
        parent = subprocess.Popen(command, cwd=ROOT, env=clean | own, stdout=said, start_new_session=True)
    until(lambda: (tmp_path / "demo.lock").exists())
    parent.kill()
    parent.wait()
    until(lambda: processes_of(tmp_path) == [])
    assert "nothing is left running" in (tmp_path / "said").read_text()
    embedded.erase(embedded.of(tmp_path))


def until(seen: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").touch()
    demo = Demo(tmp_path / "file" / "var", free_ports())
    assert demo.process.wait(30) == 1
    assert demo.process.stdout is not None
    assert "is read-only" in demo.process.stdout.read()


def test_database_of_somebody_elses_is_not_begun_anew(tmp_path):
    """Its rows would name files that are gone."""
    (tmp_path / "files").mkdir()
    demo = Demo(tmp_path, free_ports(), RESET="1", DATABASE_URL="postgresql://somebody@127.0.0.1:1/theirs")
    assert demo.process.wait(30) == 1
    assert demo.process.stdout is not None
    assert demo.process.stdout.read().startswith("RESET=1 can't begin anew in DATABASE_URL")
    assert (tmp_path / "files").exists()
