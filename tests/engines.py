"""The engines of the tests: started by the first run that wants them, shared by all runs and their xdist
workers, stopped when nobody has used them for a while.

``python -m tests.engines`` is the process that holds them.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from config import embedded, supervise

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DME_TEST_VAR", str(ROOT / "var" / "test")))
IDLE_SECONDS = float(os.environ.get("DME_TEST_IDLE", "20"))
START_SECONDS = 60


def engines() -> embedded.Engines:
    return embedded.of(VAR, loose=True)


def use() -> IO[str]:
    """Start the engines where nobody did. They stay as long as the handle that comes back is open."""
    VAR.mkdir(parents=True, exist_ok=True)
    handle = (VAR / "users.lock").open("w")
    fcntl.flock(handle, fcntl.LOCK_SH)
    if not _held():
        with (VAR / "engines.log").open("ab") as log:
            command = [sys.executable, "-m", "tests.engines"]
            subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    _until_prepared()
    return handle


def _held() -> bool:
    try:
        with supervise.only_one(VAR / "engines.lock"):
            return False
    except supervise.AlreadyRunning:
        return True


def _until_prepared() -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (_held() and (VAR / "prepared").exists()):
        if time.monotonic() > deadline:
            raise embedded.EngineError(f"The engines of the tests did not start: see {VAR / 'engines.log'}.")
        time.sleep(0.05)


def hold() -> None:
    """Run the engines until nobody has used them for IDLE_SECONDS. Newcomers wait while they stop."""
    ready = VAR / "prepared"
    with supervise.only_one(VAR / "engines.lock"), (VAR / "users.lock").open("w") as users:
        ready.unlink(missing_ok=True)
        show = supervise.Supervisor()
        show.heed_signals()
        try:
            for child in supervise.engine_children(engines(), VAR / "logs", postgres=True, valkey=True):
                show.start(child)
            embedded.until_ready(engines())
            embedded.make_roles(engines())
            ready.touch()
            _watch_while_used(show, users)
        finally:
            ready.unlink(missing_ok=True)
            show.stop()


def _watch_while_used(show: supervise.Supervisor, users: IO[str]) -> None:
    used = time.monotonic()
    while not show.asked_to_stop.wait(0.5):
        show.look()
        if _is_used(users):
            used = time.monotonic()
        elif time.monotonic() - used > IDLE_SECONDS:
            return
        else:
            fcntl.flock(users, fcntl.LOCK_UN)


def _is_used(users: IO[str]) -> bool:
    """Where nobody uses the engines, nobody can begin to until `users` is unlocked."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


if __name__ == "__main__":
    with contextlib.suppress(supervise.AlreadyRunning):
        hold()
