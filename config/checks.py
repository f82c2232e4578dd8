"""System checks of our own settings. Each message names the setting, what is wrong and what it wants.

Production refuses what only the demo may have: its secrets, DEBUG, sandboxes and plain HTTP.
"""

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg
import structlog
from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from config import env

log = structlog.get_logger(__name__)

SERVING = "default"  # the database alias of what serves
SHORTEST_SECRET = 40
SHORTEST_TOKEN = 20
LEAST_LETTERS = 8  # different ones, in a secret that is random
# Secrets that are ours to choose. What a partner gives us is as long as the partner likes.
SHORTEST = {
    "SECRET_KEY": SHORTEST_SECRET,
    "METRICS_TOKEN": SHORTEST_TOKEN,
    "MAIL_WEBHOOK_SECRET": SHORTEST_TOKEN,
    "SMS_WEBHOOK_SECRET": SHORTEST_TOKEN,
}
PARTNER_SECRETS = ("SMS_TOKEN", "VOICE_TOKEN", "MAIL_WEBHOOK_SECRET", "SMS_WEBHOOK_SECRET")
HIGHEST_PORT = 65535
LONGEST_CONNECT_SECONDS = 5
KEY_BYTES = 32
YEAR_SECONDS = 365 * 24 * 3600
PARTNERS = ("SMS_URL", "VOICE_URL")
WANTED_IN_PRODUCTION = (
    "SECRET_KEY",
    "EMAIL_HOST",
    "DEFAULT_FROM_EMAIL",
    "SMS_URL",
    "SMS_TOKEN",
    "METRICS_TOKEN",
    "CLAMD_URL",
)
PORT_RANGE = (1, HIGHEST_PORT)
# Least and most of each number that the environment may set.
NUMBERS = {
    "PORT": PORT_RANGE,
    "SANDBOX_PORT": PORT_RANGE,
    "SANDBOX_SMTP_PORT": PORT_RANGE,
    "EMAIL_PORT": PORT_RANGE,
    "CHAT_MESSAGES_PER_10_S": (1, 10**6),
    "CHAT_STARTS_PER_MINUTE": (1, 10**6),
    "UPLOADS_PER_DAY": (1, 10**6),
    "UPLOAD_BYTES_PER_DAY": (1, 2**50),
    "ABSOLUTE_SESSION_SECONDS": (61, YEAR_SECONDS),
    "LATEST_HEARTBEAT_SECONDS": (30, 24 * 3600),
    "SECURE_HSTS_SECONDS": (0, 10 * YEAR_SECONDS),
}
ORIGIN = re.compile(r"(https?)://([a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?")
# A token is put into it, so it has no display name and no tag of its own.
BARE_ADDRESS = re.compile(r"[^\s@<>+]+@[^\s@<>]+")
SEALED_LINES = {"require", "verify-ca", "verify-full"}
# A secret of the demo that turned up in production, whatever it was set from.
DEMO_WORDS = ("demo", "insecure")


def error(setting: str, wish: str, number: int) -> CheckMessage:
    return Error(f"{setting}: {wish}", id=f"config.E{number:03}")


@register(Tags.security)
def check_addresses(**_: Any) -> list[CheckMessage]:
    found = []
    if not is_web_address(settings.PUBLIC_URL):
        found.append(error("PUBLIC_URL", "wants the address people use, like https://portal.example.org.", 2))
    if settings.PUBLIC_URL.endswith("/"):
        found.append(error("PUBLIC_URL", "stands without a slash at its end.", 3))
    for name in PARTNERS:
        set_to = str(getattr(settings, name))
        if set_to and not is_web_address(set_to):
            found.append(error(name, "wants an address like https://partner.example.org/path.", 4))
    if settings.REPLY_ADDRESS and not BARE_ADDRESS.fullmatch(settings.REPLY_ADDRESS):
        found.append(
            error("REPLY_ADDRESS", "wants a bare address like reply@example.org, without a name.", 15)
        )
    return found


def is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


@register(Tags.security)
def check_scanner(**_: Any) -> list[CheckMessage]:
    if not settings.CLAMD_URL or _leads_to_a_scanner(settings.CLAMD_URL):
        return []
    return [error("CLAMD_URL", "wants unix:///run/clamav/clamd.ctl or tcp://scanner:3310.", 11)]


def _leads_to_a_scanner(url: str) -> bool:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        return False
    if address.scheme == "unix":
        return not address.netloc and len(address.path) > 1
    return address.scheme == "tcp" and bool(address.hostname) and port != 0 and address.path in {"", "/"}


@register(Tags.security)
def check_time_zone(**_: Any) -> list[CheckMessage]:
    try:
        ZoneInfo(settings.SUPPLIER_TIME_ZONE)
    except (KeyError, ValueError, OSError):
        return [error("SUPPLIER_TIME_ZONE", "wants the name of a zone, like America/Chicago.", 12)]
    return []


@register(Tags.security)
def check_embedders(**_: Any) -> list[CheckMessage]:
    """Each goes into a header as it is: an origin and nothing more, and no wildcard."""
    allowed = settings.CHAT_EMBED_ORIGINS
    if isinstance(allowed, str) or all(map(_is_origin, allowed)):
        return []
    wish = "each is an origin like https://shop.example.org, without a path or *; https in production."
    return [error("CHAT_EMBED_ORIGINS", wish, 13)]


def _is_origin(text: str) -> bool:
    found = ORIGIN.fullmatch(text)
    if not found or (settings.PRODUCTION and found[1] != "https"):
        return False
    return 0 < int(found[3] or 1) <= HIGHEST_PORT


@register(Tags.security)
def check_numbers(**_: Any) -> list[CheckMessage]:
    return [
        error(name.removeprefix("SECURE_"), f"lies between {least} and {most}.", 14)
        for name, (least, most) in NUMBERS.items()
        if not least <= getattr(settings, name) <= most
    ]


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
    except ValueError:
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
    return [fault for alias in databases or [] for fault in role_faults(alias)]


def role_faults(alias: str | None = None) -> list[CheckMessage]:
    """What the role of a database may do and must not, in production; psycopg.Error where it is down."""
    if not settings.PRODUCTION or not _rewrites_trail(alias or SERVING):
        return []
    wish = "its role may rewrite the access trail or owns tables; give it rows alone."
    return [error("DATABASE_URL", wish, 10)]


REWRITES = """
SELECT EXISTS (
  SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = to_regnamespace('public')
  AND (pg_has_role(current_user, c.relowner, 'MEMBER')
       OR c.relname = ANY(%s) AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')))
"""


def _rewrites_trail(alias: str) -> bool:
    """Asked over a connection of its own: a server asks before it forks, and within its event loop."""
    trail = apps.get_model(settings.AUDITLOG_LOGENTRY_MODEL)._meta
    seal = apps.get_model(trail.app_label, "TrailSeal")._meta
    wanted = {"connect_timeout": LONGEST_CONNECT_SECONDS} | connections[alias].get_connection_params()
    with psycopg.connect(**wanted) as database:
        row = database.execute(REWRITES, [[trail.db_table, seal.db_table]]).fetchone()
    return bool(row and row[0])


# --- production alone ----------------------------------------------------------------------------------
def _no_demo_secrets() -> Iterator[CheckMessage]:
    for name in ("SECRET_KEY", "MASTER_KEYS", "METRICS_TOKEN", *PARTNER_SECRETS):
        value = str(getattr(settings, name))
        if any(word in value.lower() or word in _decoded(value) for word in DEMO_WORDS):
            yield error(name, "is a secret of the demo; production wants one of its own.", 20)
    for name, shortest in SHORTEST.items():
        value = str(getattr(settings, name))
        if value and (len(value) < shortest or len(set(value)) < LEAST_LETTERS):
            yield error(name, f"wants {shortest} random characters or more.", 21)
    if any(0 < _variety(part) < LEAST_LETTERS for part in str(settings.MASTER_KEYS).split(",")):
        yield error("MASTER_KEYS", "wants random keys; openssl rand -base64 32.", 46)


def _variety(key: str) -> int:
    """How many different bytes a key has; 0 of what is no key, which check_keys names."""
    try:
        return len(set(base64.b64decode(key.partition(":")[2], validate=True)))
    except ValueError:
        return 0


def _decoded(keys: str) -> str:
    encoded = [part.partition(":")[2] for part in keys.split(",")]
    try:
        return b" ".join(base64.b64decode(part) for part in encoded).decode(errors="replace").lower()
    except ValueError:
        return ""


def _no_openness() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield error("DJANGO_DEBUG", "shows the program's inside to everybody; production refuses it.", 22)
    if settings.SANDBOX:
        yield error("SANDBOX", "is the outside world in play; production refuses it.", 23)
    if settings.UPLOADS_ACCEPT_UNSCANNED:
        yield error("UPLOADS_ACCEPT_UNSCANNED", "lets unscanned files through; production refuses it.", 24)


def _only_tls() -> Iterator[CheckMessage]:
    if not settings.PUBLIC_URL.lower().startswith("https:"):
        yield error("PUBLIC_URL", "begins with https:// in production.", 30)
    if settings.SECURE_HSTS_SECONDS < YEAR_SECONDS:
        yield error("HSTS_SECONDS", f"is {YEAR_SECONDS} (a year) or more in production.", 31)
    for name in ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"):
        if not getattr(settings, name):
            yield error(name, "is on in production.", 32)
    for name in PARTNERS:
        if str(getattr(settings, name)).lower().startswith("http:"):
            yield error(name, "begins with https:// in production.", 33)
    if settings.EMAIL_HOST and not settings.EMAIL_USE_TLS:
        yield error("EMAIL_USE_TLS", "is on in production.", 34)
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        found = env.database(getattr(settings, name), name)
        if _leaves_the_machine(found) and found["OPTIONS"].get("sslmode") not in SEALED_LINES:
            yield error(name, "names another machine: add ?sslmode=verify-full.", 35)
    if settings.REDIS_URL.startswith(("redis:", "valkey:")) and _is_elsewhere(
        urlsplit(settings.REDIS_URL).hostname or ""
    ):
        yield error("REDIS_URL", "names another machine: begin with rediss://.", 36)
    bucket = settings.S3_OPTIONS["endpoint_url"] or ""
    if is_web_address(bucket) and bucket.lower().startswith("http:") and _is_elsewhere(_host(bucket)):
        yield error("S3_URL", "names another machine: begin with https://.", 37)
    scanner = settings.CLAMD_URL
    if _leads_to_a_scanner(scanner) and _is_elsewhere(_host(scanner)):
        wish = "names another machine, which gets every file in clear; keep the line between them closed."
        yield Warning(f"CLAMD_URL: {wish}", id="config.W038")


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


def _leaves_the_machine(database: dict[str, Any]) -> bool:
    """What libpq would connect to: any of the hosts, and where a service file leads nobody can tell here."""
    options = database["OPTIONS"]
    hosts = f"{database['HOST']},{options.get('hostaddr', '')}".split(",")
    return "service" in options or any(map(_is_elsewhere, hosts))


def _is_elsewhere(host: str) -> bool:
    """Whether a line to ``host`` leaves this machine. A path is a socket's folder."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return not (host in {"", "localhost"} or host.startswith("/"))


def _nothing_missing() -> Iterator[CheckMessage]:
    if not settings.ALLOWED_HOSTS or "*" in settings.ALLOWED_HOSTS:
        yield error("ALLOWED_HOSTS", "names the hosts that people use, comma-separated.", 40)
    for name in WANTED_IN_PRODUCTION:
        if not getattr(settings, name):
            yield error(name, "is missing.", 41)
    for name in ("VOICE_ACCOUNT", "VOICE_TOKEN"):
        if settings.VOICE_URL and not getattr(settings, name):
            yield error(name, "is missing; whoever VOICE_URL names knows us and is known by it.", 44)
    for name, what in (("MAIL_WEBHOOK_SECRET", "e-mail"), ("SMS_WEBHOOK_SECRET", "text message")):
        if not getattr(settings, name):
            yield Warning(f"{name}: is missing; what comes by {what} is not taken in.", id="config.W045")
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
    """Servers don't run the system checks: what serves asks here first. A database that is down is waited
    for: /readyz asks for its role again.
    """
    if settings.AS_OWNER:
        raise ImproperlyConfigured(
            "DME_AS_OWNER: is for migrations; what serves connects as the application's role."
        )
    if settings.PRODUCTION:
        faults = [message for message in run_checks(tags=[Tags.security]) if message.is_serious()]
        faults += _role_faults_at_start()
        if faults:
            raise ImproperlyConfigured("\n".join(["Not fit for production:", *(f.msg for f in faults)]))


def _role_faults_at_start() -> list[CheckMessage]:
    try:
        return role_faults()
    except psycopg.Error as down:
        log.warning("The database does not answer: its role is not proven.", error=type(down).__name__)
        return []
