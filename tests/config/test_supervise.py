"""However the supervisor ends, nothing is left running, and the next start works."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded, supervise
from tests.engines import ROOT

pytestmark = pytest.mark.timeout(120)


class Show:
    """tests/config/show.py in a process of its own."""

    def __init__(self, var: Path) -> None:
        command = [sys.executable, "-m", "tests.config.show", str(var)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def up(self) -> dict[str, int]:
        """Process ids by name, once all run."""
        assert self.process.stdout is not None
        word, *names = self.process.stdout.readline().split()
        assert word == "up"
        return {name: int(pid) for name, pid in (pair.split("=") for pair in names)}

    def next_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Show]]:
    shows: list[Show] = []

    def _start() -> Show:
        shows.append(Show(tmp_path))
        return shows[-1]

    yield _start
    for show in shows:
        show.process.send_signal(signal.SIGTERM)
        show.process.communicate(timeout=30)
    embedded.erase(embedded.of(tmp_path))


def gone(pids: dict[str, int], within: float = 10.0) -> bool:
    deadline = time.monotonic() + within
    while any(_lives(pid) for pid in pids.values()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def rows(var: Path) -> int:
    with psycopg.connect(embedded.of(var).database_url(embedded.OWNER)) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        owner.execute("INSERT INTO kept VALUES (1)")
        (count,) = owner.execute("SELECT count(*) FROM kept").fetchone() or (0,)
    return int(count)


def test_interrupt_leaves_nothing_behind(start, tmp_path):
    show = start()
    children = show.up()
    assert set(children) == {"postgresql", "valkey", "idle"}
    show.process.send_signal(signal.SIGINT)
    assert show.next_line() == "down"
    assert show.process.wait(10) == 0
    assert gone(children, within=0)
    assert not (embedded.of(tmp_path).data / "postmaster.pid").exists()


def test_killed_supervisor_takes_its_children_along_and_the_next_start_has_their_rows(start, tmp_path):
    show = start()
    children = show.up()
    assert rows(tmp_path) == 1
    show.process.kill()
    again = start()
    assert set(again.up()) == set(children)
    assert rows(tmp_path) == 2
    assert gone(children)


def test_all_killed_at_once_does_not_spoil_the_next_start(start, tmp_path):
    show = start()
    children = show.up()
    assert rows(tmp_path) == 1
    for pid in [show.process.pid, *children.values()]:
        os.kill(pid, signal.SIGKILL)
    again = start()
    again.up()
    assert rows(tmp_path) == 2


def test_child_that_dies_is_started_again(start):
    show = start()
    children = show.up()
    os.kill(children["valkey"], signal.SIGKILL)
    assert show.next_line() == "valkey stopped and was started again."


def test_one_at_a_time(start):
    first = start()
    first.up()
    second = start()
    assert second.process.wait(20) == 1
    assert second.process.stderr is not None
    assert "already" in second.process.stderr.read()


def test_child_that_dies_again_and_again_is_given_up(tmp_path):
    show = supervise.Supervisor()
    child = supervise.Child("broken", [sys.executable, "-c", "raise SystemExit(1)"], tmp_path / "log")
    show.start(child)

    def look_for_ever() -> None:
        while True:
            show.look()
            time.sleep(0.02)

    with pytest.raises(supervise.ChildGaveUp, match="broken stops again and again"):
        look_for_ever()
    show.stop()


def test_rounds_stop_one_after_the_other(tmp_path):
    """The engines outlive all that use them."""
    ended = tmp_path / "ended"
    wait = "import signal, sys, pathlib, time\n"
    wait += (
        "def end(*_): time.sleep(float(sys.argv[2])); open(sys.argv[3], 'a').write(sys.argv[1]); sys.exit()\n"
    )
    wait += (
        "signal.signal(signal.SIGTERM, end); pathlib.Path(sys.argv[3] + sys.argv[1]).touch(); time.sleep(60)"
    )
    show = supervise.Supervisor()
    for number, name, delay in ((0, "engine", "0"), (2, "web", "0.5"), (1, "sandbox", "0.2")):
        command = [sys.executable, "-c", wait, name, delay, str(ended)]
        show.start(supervise.Child(name, command, tmp_path / "log", round=number))
    while not all(Path(f"{ended}{child.name}").exists() for child in show.children):
        time.sleep(0.02)
    show.stop()
    assert ended.read_text() == "websandboxengine"


def test_child_that_does_not_heed_is_killed_with_its_own_children(tmp_path):
    stubborn = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    stubborn += "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    stubborn += "print(inner.pid, flush=True); time.sleep(60)"
    show = supervise.Supervisor(patience=0.3)
    show.start(supervise.Child("stubborn", [sys.executable, "-c", stubborn], tmp_path / "log"))
    while not (tmp_path / "log").read_text().endswith("\n"):
        time.sleep(0.02)
    show.stop()
    assert gone({"inner": int((tmp_path / "log").read_text())})
