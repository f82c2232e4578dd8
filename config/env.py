"""Readers for settings that come from the environment.

A secret may also come from a file: ``NAME_FILE=/run/secrets/name`` is read where ``NAME`` is not set.
"""

import binascii
import os
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
PROFILES = ("demo", "test", "production")
FERNET_KEY_BYTES = 32
LONGEST_POOL = 4  # digits
POSTGRES_SCHEMES = {"postgres", "postgresql"}
REDIS_SCHEMES = {"redis", "rediss", "valkey", "valkeys", "unix"}


class SettingError(ValueError):
    """A setting that can't be used. The text names the setting and what it wants."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def secret(name: str, default: str = "") -> str:
    """The value of NAME, or the content of the file that NAME_FILE points at."""
    if value := os.environ.get(name):
        return value
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return default
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingError(f"{name}_FILE: can't read the secret ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SettingError(f"{name}_FILE: the secret is not text.") from None


def flag(name: str, default: bool = False) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    if raw.lower() in TRUE:
        return True
    if raw.lower() in FALSE:
        return False
    raise SettingError(f"{name}: say 1 or 0, not {raw!r}.")


def number(name: str, default: int) -> int:
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        return int(raw)
    except ValueError:
        raise SettingError(f"{name}: a whole number is wanted, not {raw!r}.") from None


def choice(name: str, known: Iterable[str], default: str) -> str:
    """One of the known words, letter for letter."""
    value = text(name, default)
    if value not in known:
        raise SettingError(f"{name}: is one of {', '.join(known)}, not {value!r}.")
    return value


def profile() -> str:
    """A misspelt ``production`` must not become a demo: nothing starts in a profile that is none."""
    return choice("DME_PROFILE", PROFILES, "demo")


def fernet_keys(name: str) -> list[str]:
    keys = [part.strip() for part in secret(name).split(",") if part.strip()]
    if any(not _is_fernet_key(key) for key in keys):
        raise SettingError(f"{name}: each key is 32 bytes in base64url, comma-separated.")
    return keys


def _is_fernet_key(key: str) -> bool:
    try:
        return len(urlsafe_b64decode(key)) == FERNET_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def address(name: str, default: str = "") -> str:
    """A web address that can be taken apart at all; config/checks.py says what else it has to be."""
    value = text(name, default)
    try:
        _port = urlsplit(value).port
    except ValueError:
        raise SettingError(f"{name}: an address like https://host.example.org is wanted.") from None
    return value


def items(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def database(url: str, setting: str = "DATABASE_URL") -> dict[str, Any]:
    """Django's settings of one database, from ``postgresql://user:password@host:port/name?option=value``.

    ``?host=/folder`` names a folder with a unix socket. Values are bound on the server: the client's way
    prints whole rows into PostgreSQL's log when a constraint fails. ``?pool=16`` keeps that many
    connections at hand; every other option goes to libpq.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingError(f"{setting}: the address can't be read.") from None
    if parts.scheme not in POSTGRES_SCHEMES or not parts.path.strip("/"):
        raise SettingError(f"{setting}: an address like postgresql://user:password@host/name is wanted.")
    options: dict[str, object] = dict(parse_qsl(parts.query))
    host = options.pop("host", parts.hostname or "")
    pool = _pool(str(options.pop("pool", "0")), setting)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"server_side_binding": True, **pool, **options},
    }


def _pool(size: str, setting: str) -> dict[str, object]:
    if not (size.isascii() and size.isdecimal() and len(size) <= LONGEST_POOL):
        raise SettingError(f"{setting}: pool wants a number of connections, not {size!r}.")
    if not int(size):
        return {}
    return {"pool": {"min_size": 1, "max_size": int(size), "timeout": 10}}


def redis(url: str, setting: str = "REDIS_URL") -> str:
    """The address itself, once it is seen to be one of a Redis or Valkey."""
    try:
        parts = urlsplit(url)
        leads_somewhere = parts.path if parts.scheme == "unix" else parts.hostname and parts.port != 0
    except ValueError:
        leads_somewhere = None
    if not leads_somewhere or parts.scheme not in REDIS_SCHEMES:
        raise SettingError(f"{setting}: an address like redis://host:6379/0 is wanted.")
    return url
