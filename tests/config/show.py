"""A small show of the supervisor's for test_supervise.py: both engines and one child that only waits."""

import sys
from pathlib import Path

from config import embedded, supervise


def main(var: Path) -> None:
    engines = embedded.of(var)
    show = supervise.Supervisor()
    show.heed_signals()
    with supervise.only_one(var / "lock"):
        try:
            for child in supervise.engine_children(engines, var / "logs", postgres=True, valkey=True):
                show.start(child)
            embedded.until_ready(engines)
            embedded.make_roles(engines)
            embedded.make_database(engines)
            idle = [sys.executable, "-c", "import time; time.sleep(600)"]
            show.start(supervise.Child("idle", idle, var / "logs" / "idle.log"))
            names = " ".join(f"{child.name}={child.process.pid}" for child in show.children if child.process)
            print("up", names, flush=True)
            show.watch()
        finally:
            show.stop()
    print("down", flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except supervise.AlreadyRunning:
        sys.exit("already")
