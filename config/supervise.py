"""Keep a handful of processes running, and leave none behind however the supervisor ends.

Each child leads a session of its own (the terminal's Ctrl-C reaches the supervisor alone) and is told by
the kernel when the supervisor dies. Start children from the main thread: the kernel watches the thread.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from config import embedded

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_EVERY = 0.2
FLAPPING_STARTS, FLAPPING_SECONDS = 6, 60.0
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class AlreadyRunning(RuntimeError):
    """Somebody else holds the lock."""


class ChildGaveUp(RuntimeError):
    """A child that dies again and again. The text names it and its log."""


@dataclass
class Child:
    """One process: what runs, where its output goes, how it is asked to stop and in which round.

    `output` takes standard output apart from the log. Rounds stop from the highest to the lowest, so that
    the engines (0) outlive all that use them.
    """

    name: str
    command: list[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    round: int = 1
    output: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    starts: list[float] = field(default_factory=list)

    def start(self) -> None:
        parent, orphan_signal = os.getpid(), self.orphan_signal
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log, (self.output or self.log).open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env={**os.environ, **self.environment},
                user=self.uid,
                start_new_session=True,
                preexec_fn=lambda: _die_with(parent, orphan_signal),
            )
        self.starts.append(time.monotonic())

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.alive:
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """End it with everything it started itself."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def flaps(self) -> bool:
        recent = [moment for moment in self.starts if moment > time.monotonic() - FLAPPING_SECONDS]
        return len(recent) >= FLAPPING_STARTS


def _die_with(parent: int, orphan_signal: signal.Signals) -> None:
    """Runs in the child between fork and exec. Comes after a change of user, which clears the setting."""
    end_with_parent(orphan_signal)
    if os.getppid() != parent:
        os._exit(1)


def end_with_parent(number: signal.Signals) -> None:
    """From now on the kernel sends us this signal when the process that started us is gone."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number))


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock file. The kernel lets it go when this process ends, however it ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(lock) from None
        if not _is_still(lock, handle):
            raise AlreadyRunning(lock)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def _is_still(lock: Path, handle: IO[str]) -> bool:
    """Whether others will find the file that was locked: its last holder may just have removed it."""
    return lock.exists() and os.path.samestat(lock.stat(), os.fstat(handle.fileno()))


class Supervisor:
    """Starts children, restarts the ones that die, stops all in rounds."""

    def __init__(self, patience: float = 8.0) -> None:
        self.children: list[Child] = []
        self.patience = patience
        self.asked_to_stop = threading.Event()

    def heed_signals(self) -> None:
        for number in STOP_SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays so
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop.set()

    def start(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def look(self) -> list[str]:
        """Restart what died. Gives the names. A child that flaps ends the show."""
        dead = [child for child in self.children if not child.alive]
        for child in dead:
            if child.flaps():
                raise ChildGaveUp(f"{child.name} stops again and again: see {child.log}.")
            child.start()
        return [child.name for child in dead]

    def watch(self) -> None:
        """Until somebody asks to stop."""
        while not self.asked_to_stop.wait(LOOK_EVERY):
            for name in self.look():
                print(f"{name} stopped and was started again.", flush=True)

    def stop(self) -> None:
        for number in sorted({child.round for child in self.children}, reverse=True):
            self._stop_round([child for child in self.children if child.round == number])

    def _stop_round(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + self.patience
        while any(child.alive for child in children) and time.monotonic() < deadline:
            time.sleep(0.02)
        for child in children:
            child.kill()


def engine_children(engines: embedded.Engines, logs: Path, *, postgres: bool, valkey: bool) -> list[Child]:
    """The engines as children. Call with the lock of the folder held."""
    children = []
    embedded.lay_folders(engines)
    if postgres:
        embedded.initialise(engines)
        command = embedded.postgres_command(engines)
        children.append(
            Child(
                "postgresql",
                command,
                logs / "postgresql.log",
                {},
                engines.uid,
                signal.SIGINT,
                signal.SIGINT,
                0,
            )
        )
    if valkey:
        command = embedded.valkey_command(engines)
        children.append(Child("valkey", command, logs / "valkey.log", {}, engines.uid, round=0))
    return children
