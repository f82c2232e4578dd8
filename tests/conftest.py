"""Every test runs on real PostgreSQL and Valkey, with a database and a Valkey number of its process's own."""

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import databases

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["DME_PROFILE"] = "test"
os.environ["DME_VAR"] = tempfile.mkdtemp(prefix="dme-test-")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
atexit.register(shutil.rmtree, os.environ["DME_VAR"], ignore_errors=True)
databases.occupy(WORKER)

import django  # noqa: E402 - the settings need the addresses first
import psycopg  # noqa: E402
import pytest  # noqa: E402
import redis  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.test import TransactionTestCase  # noqa: E402

from tests.people import patient, patient_client, staff_client  # noqa: E402, F401 - fixtures for all

MARKS = {"browser": "browser", "faults": "faults", "benchmarks": "benchmark"}
LONG_FIRST = {"faults": 0, "browser": 1, "guards": 2}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_configure(config: pytest.Config) -> None:
    """xdist's workers inherit this environment, and would load the settings before their own addresses."""
    if WORKER == "main" and getattr(config.option, "dist", "no") != "no":
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """A test's folder says how it is run, before -m chooses. Once others have put the tests into their order, the
    long ones come first, so that no core idles at the end.
    """
    for item in items:
        if mark := MARKS.get(item.path.parent.name):
            item.add_marker(mark)
    yield
    items.sort(key=lambda item: LONG_FIRST.get(item.path.parent.name, len(LONG_FIRST)))


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The copy of the template is there already."""


def _flush(self: TransactionTestCase) -> None:
    databases.flush(settings.DATABASE_OWNER_URL)


TransactionTestCase._fixture_teardown = _flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def trail_anchor(settings: Any, tmp_path: Path) -> None:
    """Each test's trail begins anew, so does its anchor."""
    settings.TRAIL_ANCHOR = str(tmp_path / "trail-anchor.log")


@pytest.fixture
def owner_db() -> Iterator[psycopg.Connection]:
    """The owner's connection to this process's database: sees what is committed, may change the tables.

    Use it with ``django_db(transaction=True)``.
    """
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
        yield connection


@pytest.fixture
def valkey() -> Iterator[redis.Redis]:
    """This process's Valkey database, emptied before and after."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


class NetworkUsed(AssertionError):
    """A test reached for a host other than this machine."""


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any, *rest: Any) -> Any:
        if self.family != socket.AF_UNIX and str(address[0]) not in LOOPBACK:
            raise NetworkUsed(f"{address[0]} is not this machine.")
        return connect(self, address, *rest)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Only loopback and unix sockets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        yield


@pytest.fixture(scope="session", autouse=True)
def light_hashes() -> Iterator[None]:
    """Argon2 at its full cost would be most of what the suite does."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2PasswordHasher, "time_cost", 1)
        patch.setattr(Argon2PasswordHasher, "memory_cost", 1024)
        patch.setattr(Argon2PasswordHasher, "parallelism", 1)
        yield
