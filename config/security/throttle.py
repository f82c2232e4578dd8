"""How often somebody may try. A sliding window in PostgreSQL, which also counts while Valkey is down.

A try is counted before it is made, so that many at once can't slip past, and handed back when it succeeds.
Nothing is ever locked for good: a try leaves the window after ``seconds``.
"""

import hashlib
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from django.db import connection, transaction
from django.utils import timezone

from config.models import Attempt
from config.security import crypto

LONGEST = timedelta(days=2)
SWEEP_ONE_IN = 200


@dataclass(frozen=True)
class Limit:
    """At most ``tries`` within ``seconds`` for each value of what ``name`` limits."""

    name: str
    tries: int
    seconds: int

    def bucket(self, value: object) -> str:
        """The digest that stands for ``value``: an address, an account, a record."""
        return crypto.mac("throttle", f"{self.name}|{value}".encode()).hex()


class TooMany(Exception):
    """Try again in ``retry_after`` seconds. Answered with 429 by the middleware."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many tries.")
        self.retry_after = retry_after


def take(*limits: tuple[Limit, object], times: int = 1) -> list[int]:
    """Count one try (or so many at once) against each limit, or raise TooMany and count none. Gives what
    ``give_back`` wants.
    """
    buckets = {limit.bucket(value): limit for limit, value in limits}
    with transaction.atomic():
        _line_up(buckets)
        waits = [_wait(bucket, limit, times) for bucket, limit in buckets.items()]
        if longest := max(waits):
            raise TooMany(longest)
        now = timezone.now()
        rows = Attempt.objects.bulk_create(Attempt(bucket=bucket, at=now) for bucket in list(buckets) * times)
    if random.random() * SWEEP_ONE_IN < 1:  # noqa: S311 - only spreads the sweeping
        sweep()
    return [row.pk for row in rows]


def give_back(taken: Iterable[int]) -> None:
    """The try was good: it does not count."""
    Attempt.objects.filter(pk__in=list(taken)).delete()


def forget(limit: Limit, value: object) -> None:
    """Clear what has been counted against one value."""
    Attempt.objects.filter(bucket=limit.bucket(value)).delete()


def spent(limit: Limit, value: object) -> bool:
    """Whether nothing is left for this value now."""
    return bool(_wait(limit.bucket(value), limit))


def sweep() -> int:
    """Drop what no window reaches any more."""
    return Attempt.objects.filter(at__lt=timezone.now() - LONGEST).delete()[0]


def _line_up(buckets: Iterable[str]) -> None:
    """One at a time for each bucket, in one order, until the transaction ends."""
    keys = sorted(
        int.from_bytes(hashlib.sha256(b.encode()).digest()[:8], "big", signed=True) for b in buckets
    )
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _wait(bucket: str, limit: Limit, times: int = 1) -> int:
    """Seconds until so many more tries fit in the window; 0 where they fit now."""
    now = timezone.now()
    within = Attempt.objects.filter(bucket=bucket, at__gt=now - timedelta(seconds=limit.seconds))
    newest = list(within.order_by("-at").values_list("at", flat=True)[: limit.tries])
    room = limit.tries - times
    if len(newest) <= room:
        return 0
    last = newest[room] if room >= 0 else now
    return max(1, ceil((last + timedelta(seconds=limit.seconds) - now).total_seconds()))
