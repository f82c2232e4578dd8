"""Settings come from the environment, and a bad one is named."""

import pytest

from config import env


def test_secret_comes_from_a_file_where_it_is_not_set(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    assert env.secret("SOME_KEY") == "from the file"
    monkeypatch.setenv("SOME_KEY", "set")
    assert env.secret("SOME_KEY") == "set"


def test_secret_file_that_is_missing_is_named(monkeypatch):
    monkeypatch.setenv("SOME_KEY_FILE", "/nowhere/key")
    with pytest.raises(env.SettingError, match=r"^SOME_KEY_FILE: "):
        env.secret("SOME_KEY")


@pytest.mark.parametrize(("raw", "value"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_flag(monkeypatch, raw, value):
    monkeypatch.setenv("SWITCH", raw)
    assert env.flag("SWITCH", not value) is value


@pytest.mark.parametrize(
    ("reader", "raw"), [(env.flag, "perhaps"), (lambda name: env.number(name, 1), "ten")]
)
def test_value_that_is_no_value_names_its_setting(monkeypatch, reader, raw):
    monkeypatch.setenv("SWITCH", raw)
    with pytest.raises(env.SettingError, match=r"^SWITCH: .*" + raw):
        reader("SWITCH")


def test_database_binds_on_the_server():
    """R-SEC-1: bound on the client, a failed constraint prints the row into PostgreSQL's log."""
    found = env.database("postgresql://ann:s%40cret@db.example:6432/dme?sslmode=verify-full")
    assert found["OPTIONS"] == {"server_side_binding": True, "sslmode": "verify-full"}
    assert (found["HOST"], found["PORT"], found["USER"], found["PASSWORD"], found["NAME"]) == (
        *("db.example", "6432", "ann", "s@cret", "dme"),
    )


def test_database_on_a_unix_socket_with_a_pool():
    found = env.database("postgresql://ann@/dme?host=/run/dme&pool=8")
    assert (found["HOST"], found["PORT"]) == ("/run/dme", "")
    assert found["OPTIONS"]["pool"]["max_size"] == 8


@pytest.mark.parametrize(
    "url", ["mysql://db/dme", "postgresql://db/", "nonsense", "postgres://db:x/n", "postgres://db/n?pool=x"]
)
def test_database_address_that_is_none_is_named(url):
    with pytest.raises(env.SettingError, match=r"^DATABASE_URL: "):
        env.database(url)


def test_redis_address():
    assert env.redis("unix:///run/valkey.sock?db=0")
    for url in ("http://cache", "redis://h:port", "redis://", "redis://[", "redis://h:0", "unix://"):
        with pytest.raises(env.SettingError, match=r"^REDIS_URL: "):
            env.redis(url)


def test_secret_file_that_holds_no_text_is_named(tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("SOME_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(env.SettingError, match=r"^SOME_KEY_FILE: "):
        env.secret("SOME_KEY")
