"""Is it alive, is it fit to serve, and what has it counted.

``/healthz`` says the process answers. ``/readyz`` asks each part and names the ill ones. ``/metrics`` is for
Prometheus and wants ``Authorization: Bearer METRICS_TOKEN``.
"""

import hmac
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import prometheus_client
import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from prometheus_client import multiprocess

from config import checks

log = structlog.get_logger(__name__)

HEARTBEAT = "worker-heartbeat"
HEARTBEAT_KEPT_SECONDS = 3600
LEAST_FREE_BYTES = 200 * 1024 * 1024
STORAGE_FULL = "storage-full"
STORAGE_FULL_KEPT_SECONDS = 180  # a file that waits for room is tried each minute, and says so again


class PartIll(Exception):
    """A part that can't do its work. The text is for whoever runs the system and holds no secret."""


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """200 where every part is well, else 503; each part by name."""
    state = {name: _ask(name, part) for name, part in PARTS.items()}
    ready = all(answer == "ok" for answer in state.values())
    return JsonResponse({"ready": ready, "parts": state}, status=200 if ready else 503)


def _ask(name: str, part: Callable[[], None]) -> str:
    try:
        part()
    except PartIll as ill:
        return str(ill)
    except Exception as error:
        log.warning("A part does not answer.", part=name, kind=type(error).__name__)
        return f"does not answer ({type(error).__name__})"
    return "ok"


# --- parts -------------------------------------------------------------------------------------------
def database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def clock() -> None:
    """Deadlines and one-time codes go wrong where this machine and the database disagree on the time."""
    with connection.cursor() as cursor:
        before = timezone.now()
        cursor.execute("SELECT clock_timestamp()")
        theirs = cursor.fetchone()[0]
        after = timezone.now()
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    if skew > settings.LARGEST_CLOCK_SKEW_SECONDS:
        raise PartIll(f"{skew:.0f} s away from the database's clock")


def valkey() -> None:
    cache.set("readiness", "1", 5)
    if cache.get("readiness") != "1":
        raise PartIll("does not keep what it is given")


def worker() -> None:
    """Beat asks for a heartbeat, a worker makes it: silence means that one of the two is gone."""
    _works("celery")


def partners() -> None:
    """The worker that talks to those outside. It is late while all of them are."""
    _works("partners")


def files() -> None:
    """The worker that inspects files. It is late while all of them are long ones."""
    _works("files")


def _works(queue: str) -> None:
    last = cache.get(f"{HEARTBEAT}-{queue}")
    if last is None:
        raise PartIll("no heartbeat yet")
    if time.time() - last > settings.LATEST_HEARTBEAT_SECONDS:
        raise PartIll(f"last heartbeat {time.time() - last:.0f} s ago")


def storage() -> None:
    default_storage.exists("readiness")
    folder = Path(getattr(default_storage, "location", ""))
    if folder.is_absolute():
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PartIll("can't be written to")
        if shutil.disk_usage(folder).free < LEAST_FREE_BYTES:
            raise PartIll("is nearly full")
    if cache.get(STORAGE_FULL):
        raise PartIll("was full: files wait for room")


def role() -> None:
    """A process that started while the database was down has not proven its role."""
    if faults := checks.role_faults():
        raise PartIll(faults[0].msg)


PARTS: dict[str, Callable[[], None]] = {
    "database": database,
    "role": role,
    "clock": clock,
    "valkey": valkey,
    "worker": worker,
    "partners": partners,
    "files": files,
    "storage": storage,
}


def beat(queue: str) -> None:
    """Remember that a worker works off ``queue``."""
    cache.set(f"{HEARTBEAT}-{queue}", time.time(), HEARTBEAT_KEPT_SECONDS)


def found_full() -> None:
    """Remember that the storage had no room. A bucket or a quota tells nobody before it is used up."""
    log.error("Storage is full: files wait for room.")
    cache.set(STORAGE_FULL, "1", STORAGE_FULL_KEPT_SECONDS)


def metrics(request: HttpRequest) -> HttpResponse:
    """What all processes have counted, where PROMETHEUS_MULTIPROC_DIR is shared by them."""
    given = request.headers.get("Authorization", "").encode()
    if not settings.METRICS_TOKEN or not hmac.compare_digest(
        given, f"Bearer {settings.METRICS_TOKEN}".encode()
    ):
        return HttpResponse("A token is wanted.\n", status=401, content_type="text/plain")
    registry = prometheus_client.REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(
        prometheus_client.generate_latest(registry), content_type=prometheus_client.CONTENT_TYPE_LATEST
    )
