"""Circuit breakers, one a partner, shared by all processes through Valkey.

Five failures in a row open it; then every call fails at once for half a minute, and one try closes it again.
"""

from functools import cache

import pybreaker
import redis
from django.conf import settings

FAILURES, OPEN_SECONDS = 5, 30


class PartnerDown(Exception):
    """The partner does not answer, or was just seen not to. Temporary: try again later."""


class PartnerBusy(PartnerDown):
    """Not this one and not now: the partner is there, and others go on."""


class PartnerRefuses(Exception):
    """The partner understood and said no. Trying again brings the same answer."""

    def __init__(self, partner: str, status: int) -> None:
        super().__init__(f"{partner} answered {status}")
        self.partner, self.status = partner, status


@cache
def breaker(partner: str) -> pybreaker.CircuitBreaker:
    # Never decoded: the storage compares bytes.
    valkey = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2)
    namespace = f"{settings.CHANNEL_PREFIX}:breaker:{partner}"
    storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, valkey, namespace=namespace)
    return pybreaker.CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=OPEN_SECONDS,
        exclude=[PartnerRefuses, PartnerBusy],
        state_storage=storage,
        name=partner,
        throw_new_error_on_trip=False,
    )
