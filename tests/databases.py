"""One migrated template per state of the migrations, and a copy of it for each test process.

The application's role is `default`, as in production; the owner has the copy's tables and may lift the
triggers that keep the trails append-only, which only the flush between transactional tests does.
"""

import atexit
import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import redis

from config import embedded
from tests import engines

APPS = ("config", "portal", "cases", "billing", "agents")
PRISTINE = "pristine"
OUR_COPY = re.compile(r"run_(\d+)_")
OUR_TEMPLATE = re.compile(r"(template|build)_[0-9a-f]{16}$")
VALKEY_NUMBERS = range(1, 250)

_held: list[IO[str]] = []


def occupy(worker: str) -> None:
    """Point the environment at a database and a Valkey number of this process's own. Before Django starts."""
    _held.append(engines.use())
    home = engines.engines()
    number = _free_number()
    with redis.Redis.from_url(home.redis_url(number)) as valkey:
        valkey.flushdb()
    name = f"run_{os.getpid()}_{worker}"
    with _lock("databases.lock"):
        _clear_away(home)
        embedded.make_database(home, name, template=_template(home))
    atexit.register(embedded.drop_database, home, name)
    os.environ |= {
        "DATABASE_URL": home.database_url(embedded.APP, name),
        "DATABASE_OWNER_URL": home.database_url(embedded.OWNER, name),
        "REDIS_URL": home.redis_url(number),
        # Pub/sub knows no database numbers.
        "CHANNEL_PREFIX": f"t{number}",
    }


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    with (engines.VAR / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _free_number() -> int:
    """A Valkey database nobody else uses, kept for as long as this process lives."""
    for number in VALKEY_NUMBERS:
        handle = (engines.VAR / f"valkey-{number}.lock").open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            continue
        _held.append(handle)
        return number
    raise embedded.EngineError("Too many test processes at once: no Valkey database is free.")


def _clear_away(home: embedded.Engines) -> None:
    """Drop the copies of processes that are gone, and templates of other states of the migrations."""
    with embedded.superuser(home) as connection:
        names = [row[0] for row in connection.execute("SELECT datname FROM pg_database")]
    for name in names:
        copy = OUR_COPY.match(name)
        dead_copy = copy and not Path(f"/proc/{copy[1]}").exists()
        if dead_copy or (OUR_TEMPLATE.match(name) and name != _template_name()):
            embedded.drop_database(home, name)


def _template_name() -> str:
    state = hashlib.sha256()
    for path in [*_migrations(), Path(embedded.database_roles.__file__), Path(__file__)]:
        state.update(path.name.encode() + path.read_bytes())
    return f"template_{state.hexdigest()[:16]}"


def _migrations() -> list[Path]:
    return sorted(path for app in APPS for path in (engines.ROOT / app).glob("migrations/*.py"))


def _template(home: embedded.Engines) -> str:
    name = _template_name()
    with embedded.superuser(home) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if not known:
        _build_template(home, name)
    return name


def _build_template(home: embedded.Engines, name: str) -> None:
    building = name.replace("template", "build")
    embedded.drop_database(home, building)
    embedded.make_database(home, building)
    environment = {
        **os.environ,
        "DME_PROFILE": "test",
        "DME_AS_OWNER": "1",
        "DATABASE_URL": home.database_url(embedded.APP, building),
        "DATABASE_OWNER_URL": home.database_url(embedded.OWNER, building),
        "REDIS_URL": home.redis_url(),
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0", "--skip-checks"]
    done = subprocess.run(
        command, cwd=engines.ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise embedded.EngineError(f"The migrations fail:\n{done.stderr}")
    with psycopg.connect(home.database_url(embedded.OWNER, building)) as owner:
        owner.execute(KEEP_PRISTINE)
    with embedded.superuser(home) as connection:
        connection.execute(f"ALTER DATABASE {building} RENAME TO {name}")


# What the migrations put into tables (roles, content types, rules) is kept, and put back by the flush.
KEEP_PRISTINE = f"""
DO $$
DECLARE t text; filled boolean;
BEGIN
  CREATE SCHEMA {PRISTINE};
  FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'p') AND NOT c.relispartition LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', t) INTO filled;
    IF filled THEN EXECUTE format('CREATE TABLE {PRISTINE}.%I AS TABLE public.%I', t, t); END IF;
  END LOOP;
END $$
"""

FLUSH = f"""
SET session_replication_role = replica;
SET lock_timeout = '20s';
DO $$
DECLARE t text; filled boolean; kept boolean; fields text;
BEGIN
  FOR t IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
           AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'django_migrations' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', t) INTO filled;
    kept := to_regclass(format('{PRISTINE}.%I', t)) IS NOT NULL;
    IF filled THEN EXECUTE format('DELETE FROM public.%I', t); END IF;
    IF kept THEN
      SELECT string_agg(quote_ident(attname), ', ') INTO fields FROM pg_attribute
        WHERE attrelid = format('public.%I', t)::regclass AND attnum > 0
        AND NOT attisdropped AND attgenerated = '';
      EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM {PRISTINE}.%I', t, fields, fields, t);
    END IF;
  END LOOP;
END $$;
"""


def flush(owner_url: str) -> None:
    """Empty every table, trails included, and put back what the migrations had put there."""
    with psycopg.connect(owner_url) as owner:
        owner.execute(FLUSH)
