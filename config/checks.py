"""System checks of our own settings. Each message names the setting, what is wrong and what it wants.

Production refuses what only the demo may have: its secrets, DEBUG, sandboxes and plain HTTP.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

PROFILES = ("demo", "test", "production")
SHORTEST_SECRET = 40
KEY_BYTES = 32
YEAR_SECONDS = 365 * 24 * 3600
PARTNERS = ("SMS_URL",)
WANTED_IN_PRODUCTION = (
    "EMAIL_HOST",
    "DEFAULT_FROM_EMAIL",
    "SMS_URL",
    "SMS_TOKEN",
    "METRICS_TOKEN",
    "CLAMD_URL",
)
# A secret of the demo that turned up in production, whatever it was set from.
DEMO_WORDS = ("demo", "insecure")


def error(setting: str, wish: str, number: int) -> CheckMessage:
    return Error(f"{setting}: {wish}", id=f"config.E{number:03}")


@register(Tags.security)
def check_profile(**_: Any) -> list[CheckMessage]:
    if settings.PROFILE not in PROFILES:
        return [error("DME_PROFILE", f"is one of {', '.join(PROFILES)}, not {settings.PROFILE!r}.", 1)]
    return []


@register(Tags.security)
def check_addresses(**_: Any) -> list[CheckMessage]:
    found = []
    if (
        urlsplit(settings.PUBLIC_URL).scheme not in {"http", "https"}
        or not urlsplit(settings.PUBLIC_URL).hostname
    ):
        found.append(error("PUBLIC_URL", "wants the address people use, like https://portal.example.org.", 2))
    if settings.PUBLIC_URL.endswith("/"):
        found.append(error("PUBLIC_URL", "stands without a slash at its end.", 3))
    for name in PARTNERS:
        set_to = str(getattr(settings, name))
        address = urlsplit(set_to)
        if set_to and (address.scheme not in {"http", "https"} or not address.hostname):
            found.append(error(name, "wants an address like https://partner.example.org/path.", 4))
    return found


@register(Tags.security)
def check_keys(**_: Any) -> list[CheckMessage]:
    """MASTER_KEYS is `id:base64 of 32 bytes`, newest first."""
    found: list[CheckMessage] = []
    seen: set[str] = set()
    for part in filter(None, str(settings.MASTER_KEYS).split(",")):
        key_id, _colon, encoded = part.strip().partition(":")
        if not key_id.isalnum() or _length(encoded) != KEY_BYTES:
            found.append(
                error("MASTER_KEYS", "each key is id:base64 of 32 bytes; openssl rand -base64 32.", 5)
            )
        if key_id in seen:
            found.append(error("MASTER_KEYS", "two keys have one id.", 6))
        seen.add(key_id)
    if not seen:
        found.append(error("MASTER_KEYS", "is missing; one key is id:base64 of 32 bytes.", 7))
    return found


def _length(encoded: str) -> int:
    try:
        return len(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        return -1


@register(Tags.security)
def check_times(**_: Any) -> list[CheckMessage]:
    found = []
    if not settings.IDLE_WARNING_SECONDS < settings.IDLE_SECONDS <= settings.ABSOLUTE_SESSION_SECONDS:
        found.append(error("IDLE_SECONDS", "lies between 60 and ABSOLUTE_SESSION_SECONDS.", 8))
    if not 0 < settings.STEP_UP_SECONDS <= settings.ABSOLUTE_SESSION_SECONDS:
        found.append(error("STEP_UP_SECONDS", "lies between 1 and ABSOLUTE_SESSION_SECONDS.", 9))
    return found


@register(Tags.security)
def check_production(**_: Any) -> list[CheckMessage]:
    if not settings.PRODUCTION:
        return []
    return [message for check in PRODUCTION_CHECKS for message in check()]


@register(Tags.database)
def check_roles(databases: Iterable[str] | None = None, **_: Any) -> list[CheckMessage]:
    """`manage.py check --database default`: who serves must not be able to rewrite the access trail."""
    if not settings.PRODUCTION or settings.AS_OWNER:
        return []
    if not any(_rewrites_trail(alias) for alias in databases or []):
        return []
    return [error("DATABASE_URL", "its role may rewrite the access trail; give it rows alone.", 10)]


def _rewrites_trail(alias: str) -> bool:
    trail = apps.get_model(settings.AUDITLOG_LOGENTRY_MODEL)._meta.db_table
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(has_table_privilege(current_user, to_regclass(%s), 'UPDATE'), false)", [trail]
        )
        return bool(cursor.fetchone()[0])


# --- production alone ----------------------------------------------------------------------------------
def _no_demo_secrets() -> Iterator[CheckMessage]:
    for name in ("SECRET_KEY", "MASTER_KEYS", "METRICS_TOKEN", "SMS_TOKEN"):
        value = str(getattr(settings, name))
        if any(word in value.lower() or word in _decoded(value) for word in DEMO_WORDS):
            yield error(name, "is a secret of the demo; production wants one of its own.", 20)
    if len(settings.SECRET_KEY) < SHORTEST_SECRET:
        yield error("SECRET_KEY", f"wants {SHORTEST_SECRET} random characters or more.", 21)


def _decoded(keys: str) -> str:
    encoded = [part.partition(":")[2] for part in keys.split(",")]
    try:
        return b" ".join(base64.b64decode(part) for part in encoded).decode(errors="replace").lower()
    except binascii.Error:
        return ""


def _no_openness() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield error("DJANGO_DEBUG", "shows the program's inside to everybody; production refuses it.", 22)
    if settings.SANDBOX:
        yield error("SANDBOX", "is the outside world in play; production refuses it.", 23)
    if settings.UPLOADS_ACCEPT_UNSCANNED:
        yield error("UPLOADS_ACCEPT_UNSCANNED", "lets unscanned files through; production refuses it.", 24)


def _only_tls() -> Iterator[CheckMessage]:
    if urlsplit(settings.PUBLIC_URL).scheme != "https":
        yield error("PUBLIC_URL", "begins with https:// in production.", 30)
    if settings.SECURE_HSTS_SECONDS < YEAR_SECONDS:
        yield error("HSTS_SECONDS", f"is {YEAR_SECONDS} (a year) or more in production.", 31)
    for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        if not getattr(settings, name):
            yield error(name, "is on in production.", 32)
    for name in PARTNERS:
        if urlsplit(getattr(settings, name)).scheme == "http":
            yield error(name, "begins with https:// in production.", 33)
    if settings.EMAIL_HOST and not settings.EMAIL_USE_TLS:
        yield error("EMAIL_USE_TLS", "is on in production.", 34)


def _nothing_missing() -> Iterator[CheckMessage]:
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield error("ALLOWED_HOSTS", "names the hosts that people use, comma-separated.", 40)
    for name in WANTED_IN_PRODUCTION:
        if not getattr(settings, name):
            yield error(name, "is missing.", 41)
    for name in settings.EMBEDDED:
        yield error(name, "is missing; embedded engines are for the demo and the tests.", 42)
    if settings.DATABASE_OWNER_URL != settings.DATABASE_URL and not settings.AS_OWNER:
        yield Warning(
            "DATABASE_OWNER_URL: a process that serves knows the owner's address; give it to migrate alone.",
            id="config.W043",
        )


PRODUCTION_CHECKS: Iterable[Callable[[], Iterator[CheckMessage]]] = (
    _no_demo_secrets,
    _no_openness,
    _only_tls,
    _nothing_missing,
)


def refuse_unfit() -> None:
    """Servers don't run the system checks: what serves in production asks here first."""
    if settings.PRODUCTION:
        faults = [message.msg for message in run_checks(tags=[Tags.security]) if message.is_serious()]
        if faults:
            raise ImproperlyConfigured("\n".join(["Not fit for production:", *faults]))
