"""Where the engines live, who runs them, and what a start finds."""

import os
from pathlib import Path

import psycopg
import pytest

from config import embedded
from tests import engines

LONGEST_SOCKET = 107


def test_addresses_come_from_the_environment_where_set(monkeypatch, tmp_path):
    monkeypatch.setenv("DATABASE_URL", "postgresql://app@db/dme")
    monkeypatch.delenv("DATABASE_OWNER_URL")
    monkeypatch.setenv("REDIS_URL", "redis://cache:6379/0")
    assert embedded.addresses(tmp_path) == (
        *("postgresql://app@db/dme", "postgresql://app@db/dme", "redis://cache:6379/0"),
    )
    assert embedded.is_wanted() == (False, False)


def test_addresses_are_the_embedded_ones_where_nothing_is_set(monkeypatch, tmp_path):
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        monkeypatch.delenv(name)
    app, owner, valkey = embedded.addresses(tmp_path)
    assert app.startswith("postgresql://dme_app@/dme?host=/")
    assert owner.startswith("postgresql://dme_owner@/dme?host=/")
    assert valkey.startswith("unix:///")
    assert embedded.is_wanted() == (True, True)


def test_sockets_of_a_long_path_stand_in_a_private_folder(tmp_path):
    """A unix socket's path has about a hundred characters."""
    found = embedded.of(tmp_path / ("a-long-folder-name/" * 8))
    socket = found.sockets / embedded.POSTGRES_SOCKET
    assert len(str(socket)) < LONGEST_SOCKET
    assert not found.sockets.is_relative_to(tmp_path)


def test_two_folders_never_share_engines(tmp_path):
    long = tmp_path / ("a-long-folder-name/" * 8)
    assert embedded.of(long / "one").sockets != embedded.of(long / "two").sockets
    assert embedded.of(tmp_path / "one").home != embedded.of(tmp_path / "two").home


def test_folders_are_private(tmp_path):
    found = embedded.Engines(tmp_path / "engines", tmp_path / "engines" / "run")
    embedded.lay_folders(found)
    assert {folder.stat().st_mode & 0o777 for folder in (found.home, found.sockets, found.valkey)} == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of somebody else's")
def test_socket_folder_of_somebody_else_is_refused(tmp_path):
    sockets = tmp_path / "run"
    sockets.mkdir()
    os.chown(sockets, 12345, -1)
    with pytest.raises(embedded.EngineError, match="belongs to somebody else"):
        embedded.lay_folders(embedded.Engines(tmp_path / "engines", sockets))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the engines as somebody else")
def test_root_runs_the_engines_as_somebody_else_who_can_reach_them(tmp_path):
    tmp_path.chmod(0o700)
    found = embedded.of(tmp_path)
    assert found.uid not in {None, 0}
    assert not found.home.is_relative_to(tmp_path)


def test_lock_of_a_dead_server_is_forgotten(tmp_path):
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("18")
    (data / "postmaster.pid").write_text("1\n/elsewhere\n")
    embedded.initialise(embedded.Engines(tmp_path, tmp_path))
    assert not (data / "postmaster.pid").exists()


def test_lock_of_a_live_server_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "LAST_SERVER_SECONDS", 0.1)
    data = tmp_path / "postgres"
    data.mkdir()
    monkeypatch.chdir(data)
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    embedded.forget_dead_postmaster(embedded.Engines(tmp_path, tmp_path))
    assert (data / "postmaster.pid").exists()


def test_silent_engines_are_told_of(tmp_path):
    with pytest.raises(embedded.EngineError, match="did not answer"):
        embedded.until_ready(embedded.Engines(tmp_path, tmp_path), seconds=0.2)


def test_failed_row_is_not_printed_into_the_log():
    """R-SEC-1: a constraint's error must not quote the row. The engine's own log is read."""
    home, log = engines.engines(), Path(engines.VAR) / "logs" / "postgresql.log"
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("CREATE TEMP TABLE t (id int PRIMARY KEY, name text)")
        for _ in range(2):
            try:
                owner.execute("INSERT INTO t VALUES (%s, %s)", [4711, "Canary Birdwhistle"])
            except psycopg.errors.UniqueViolation:
                continue
    assert home.data.parent.exists()
    assert "Canary Birdwhistle" not in log.read_text()
