"""`make demo`: the whole system on one machine, and a login for each role.

Data stay in `var/`. The first start migrates and loads the synthetic supplier; later ones only start.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from config import embedded, env, supervise
from config.supervise import Child, Supervisor

ROOT = Path(__file__).resolve().parent.parent
HEALTHY_SECONDS = 90
LAST_PORT = 65535 - 2  # the two ports after it are ours as well
PAGES = {"patients": "/", "staff": "/staff/sign-in", "workshop": "/admin/", "is it well?": "/readyz"}
REFUSAL = "CommandError: "
OWN_DATA = ("files", "trail-anchor.log", "staticfiles", "metrics", "logins.json", "set-up", "beat", "logs")


class Refused(RuntimeError):
    """The demo can't start. One sentence says why and what to do."""


class Stopped(RuntimeError):
    """Somebody asked to stop before everything ran."""


class Demo:
    """One demo in one var folder, on one port of loopback and the two after it."""

    def __init__(self, var: Path, port: int) -> None:
        self.var, self.port = var, port
        self.engines = embedded.of(var)
        self.logs = var / "logs"
        self.show = Supervisor()
        self.environment = {
            "DME_PROFILE": env.profile(),
            "DME_VAR": str(var),
            "PORT": str(port),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX") or str(var / "pycache"),
            "PROMETHEUS_MULTIPROC_DIR": str(var / "metrics"),
        }

    # --- before anything runs --------------------------------------------------------------------
    def check_folder(self) -> None:
        try:
            self.var.mkdir(parents=True, exist_ok=True)
            (self.var / "probe").touch()
            (self.var / "probe").unlink()
        except OSError:
            raise Refused(
                f"The folder {self.var} is read-only; set DME_VAR to one that can be written to."
            ) from None

    def check_ports(self) -> None:
        if not 0 < self.port <= LAST_PORT:
            raise Refused(f"PORT: a number from 1 to {LAST_PORT} is wanted, not {self.port}.")
        for port in (self.port, self.port + 1, self.port + 2):
            if _is_taken(port):
                other = self.port + 100 if self.port + 100 <= LAST_PORT else self.port - 100
                raise Refused(f"Port {port} is taken; say make demo PORT={other}.")

    def reset(self) -> None:
        """Forget everything the demo kept. The tests' folder stays, and nobody's own database is emptied."""
        if not embedded.is_wanted()[0]:
            raise Refused("RESET=1 can't begin anew in DATABASE_URL: empty that database, and say make demo.")
        embedded.erase(self.engines)
        for name in OWN_DATA:
            path = self.var / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    # --- engines, tables, first data --------------------------------------------------------------
    def start_engines(self) -> None:
        postgres, valkey = embedded.is_wanted()
        for child in supervise.engine_children(self.engines, self.logs, postgres=postgres, valkey=valkey):
            self.show.start(child)
        embedded.until_ready(self.engines, postgres=postgres, valkey=valkey)
        if postgres:
            embedded.make_roles(self.engines)
            if not self.logins_file.exists():
                embedded.drop_database(self.engines, embedded.DATABASE)
            embedded.make_database(self.engines)

    def prepare(self, records: str) -> None:
        """Tables and static files where they changed; the synthetic supplier the first time."""
        done, wanted = self.var / "set-up", _state_of_code()
        if not self.logins_file.exists() or not done.exists() or done.read_text() != wanted:
            self.run("migrate", "migrate", "--verbosity", "0", DME_AS_OWNER="1")
            self.run("collectstatic", "collectstatic", "--noinput", "--verbosity", "0")
            done.write_text(wanted)
        if not self.logins_file.exists():
            print("Loading the synthetic supplier ...", flush=True)
            self.seed()
        if records:
            self.run("import", "import_fhir", records)
            print(
                f"Read {records}; {self.logs / 'import.log'} says what could not be used and why.", flush=True
            )

    @property
    def logins_file(self) -> Path:
        return self.var / "logins.json"

    def seed(self) -> None:
        """The logins are kept last: where they are missing, the next start begins with an empty database."""
        printed = self.var / "logins.part"
        printed.unlink(missing_ok=True)
        self.run("seed", "seed", "--json", "--patients", env.text("PATIENTS", "400"), output=printed)
        printed.rename(self.logins_file)

    def run(self, name: str, *arguments: str, output: Path | None = None, **environment: str) -> None:
        """One management command, to its end. `output` takes what it prints, the log what it complains of."""
        command = [sys.executable, "manage.py", *arguments]
        log = self.logs / f"{name}.log"
        step = Child(name, command, log, self.environment | environment, output=output)
        step.start()
        while step.alive:
            if self.show.asked_to_stop.wait(0.05):
                step.kill()
                raise Stopped
        if step.process is None or step.process.returncode:
            raise Refused(f"The step {name} failed: see {step.log}.{_why(log)}")

    # --- what serves ------------------------------------------------------------------------------
    def start_servers(self) -> None:
        shutil.rmtree(self.var / "metrics", ignore_errors=True)
        (self.var / "metrics").mkdir()
        (self.var / "beat").mkdir(exist_ok=True)
        for name, command in self.servers().items():
            log = self.logs / f"{name}.log"
            self.show.start(Child(name, command, log, self.environment, round=1 if name == "sandbox" else 2))

    def servers(self) -> dict[str, list[str]]:
        celery = [sys.executable, "-m", "celery", "-A", "config.celery", "--quiet"]
        worker = [*celery, "worker", "--pool", "threads", "--without-gossip", "--without-mingle"]
        schedule = str(self.var / "beat" / "schedule")
        return {
            "sandbox": uvicorn("config.sandbox.world:application", self.port + 1),
            "web": [*uvicorn("config.asgi:application", self.port), "--timeout-graceful-shutdown", "3"],
            "worker": [*worker, "--concurrency", "4", "-Q", "celery", "-n", "worker@%h"],
            "partners": [*worker, "--concurrency", "4", "-Q", "partners", "-n", "partners@%h"],
            "files": [*worker, "--concurrency", "2", "-Q", "files", "-n", "files@%h"],
            "beat": [*celery, "beat", "--schedule", schedule, "--pidfile", ""],
        }

    def until_healthy(self) -> None:
        """Wait for every part. Restarts what dies meanwhile, and says which part is ill in the end."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while (illness := self.illness()) is not None:
            if time.monotonic() > deadline:
                raise Refused(f"It does not get healthy ({illness}): see {self.logs}.")
            if self.show.asked_to_stop.wait(0.1):
                raise Stopped
            self.show.look()

    def illness(self) -> str | None:
        for address in (f"http://127.0.0.1:{self.port + 1}/healthz", f"http://127.0.0.1:{self.port}/readyz"):
            try:
                urllib.request.urlopen(address, timeout=5).close()  # noqa: S310 - our own address
            except urllib.error.HTTPError as answer:
                return answer.read().decode(errors="replace")[:500]
            except OSError:
                return f"{address} does not answer"
        return None


def _why(log: Path) -> str:
    """What a command that refused said last; nothing of one that broke."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    said = lines[-1] if lines else ""
    return f" It says: {said.removeprefix(REFUSAL)}" if said.startswith(REFUSAL) else ""


def uvicorn(application: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--no-server-header", "--no-proxy-headers", "--ws-max-size", str(128 * 1024)]


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _state_of_code() -> str:
    """Changes when a migration or a static file does."""
    state = hashlib.sha256()
    for path in sorted([*ROOT.glob("*/migrations/*.py"), *ROOT.glob("static/[!n]*/**/*")]):
        if path.is_file():
            state.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return state.hexdigest()


def greeting(port: int, logins: dict[str, Any], seconds: float) -> str:
    """The addresses, and one login for each role."""
    here = f"http://127.0.0.1:{port}"
    lines = ["", f"Ready after {seconds:.0f} s. Everybody in here is made up.", ""]
    lines += [f"  {what:<22}{here}{path}" for what, path in PAGES.items()]
    lines += [f"  {'outside world':<22}http://127.0.0.1:{port + 1}/", ""]
    lines += [f"  {user['role']:<22}{user['email']:<32}{user['password']}" for user in logins["users"]]
    return "\n".join([*lines, "", "The sign-in page shows the second factor. Ctrl-C stops everything.", ""])


def play(demo: Demo, *, reset: bool, records: str) -> None:
    """From nothing to healthy, then until somebody asks to stop."""
    began = time.monotonic()
    if reset:
        demo.reset()
    demo.show.heed_signals()
    try:
        demo.start_engines()
        demo.prepare(records)
        demo.start_servers()
        demo.until_healthy()
        print(
            greeting(demo.port, json.loads(demo.logins_file.read_text()), time.monotonic() - began),
            flush=True,
        )
        demo.show.watch()
    except Stopped:
        pass
    finally:
        print("\nStopping ...", flush=True)
        demo.show.stop()
        embedded.tidy(demo.engines)
    print("Stopped; nothing is left running.", flush=True)


def main() -> None:
    var = Path(env.text("DME_VAR") or ROOT / "var")
    supervise.end_with_parent(signal.SIGTERM)
    try:
        demo = Demo(var, env.number("PORT", 8000))
        demo.check_folder()
        with supervise.only_one(var / "demo.lock"):
            demo.check_ports()
            play(demo, reset=env.flag("RESET"), records=env.text("IMPORT"))
    except supervise.AlreadyRunning:
        sys.exit(f"A demo runs already in {var}; stop it first, or set DME_VAR to another folder.")
    except (Refused, supervise.ChildGaveUp, embedded.EngineError, env.SettingError) as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
