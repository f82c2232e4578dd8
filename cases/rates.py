"""How fast a sender may be: one count for each person, whatever sockets, pages and processes they use.

Valkey counts for all processes, in one round trip. While it does not answer, each process counts for itself:
nobody's chat waits for Valkey, and a sender is bounded still. What Valkey let through is noted here as well, so
that the count goes on where it stood.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from cases.drafts import Refused
from cases.models import Conversation

# Frames of any kind that a socket may send for each message its sender may.
ABUSE_TIMES, SECONDS = 20, 10.0
ANSWER_SECONDS, REST_SECONDS = 0.25, 5.0
MOST_KEPT = 20_000
# For each key: milliseconds until one more fits, or 0 once it is counted. The clock is Valkey's own.
SCRIPT = """
local time, waits = redis.call('TIME'), {}
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local past = now - tonumber(ARGV[2])
for place, key in ipairs(KEYS) do
  local first = tonumber(redis.call('LINDEX', key, 0))
  while first and first <= past do
    redis.call('LPOP', key)
    first = tonumber(redis.call('LINDEX', key, 0))
  end
  if redis.call('LLEN', key) >= tonumber(ARGV[1]) then
    waits[place] = first - past
  else
    redis.call('RPUSH', key, now)
    redis.call('PEXPIRE', key, ARGV[2])
    waits[place] = 0
  end
end
return waits
"""

logger = logging.getLogger(__name__)


def sender(actor: Any, conversation: Conversation) -> str:
    """Whose count it is: a person's, wherever they talk; a guest is known in one conversation alone."""
    return f"guest:{conversation.pk}" if actor.pk is None else f"user:{actor.ref}"


class Window:
    """At most ``most`` within ``seconds``, sliding."""

    __slots__ = ("_seen", "most", "seconds")

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._seen: deque[float] = deque(maxlen=most)

    def wait(self) -> float:
        """Take one: 0, or the seconds until one more fits."""
        now = time.monotonic()
        while self._seen and now - self._seen[0] >= self.seconds:
            self._seen.popleft()
        if len(self._seen) >= self.most:
            return self.seconds - (now - self._seen[0])
        self._seen.append(now)
        return 0

    def note(self) -> None:
        """One that was counted elsewhere."""
        self._seen.append(time.monotonic())


class Rates:
    """This process's own count, and whether Valkey is worth asking just now. For any thread."""

    def __init__(self, most: int, seconds: float = SECONDS, kept: int = MOST_KEPT) -> None:
        self.most, self.seconds, self.kept = most, seconds, kept
        self._windows: dict[str, Window] = {}
        self._lock = threading.Lock()
        self._rests_until = 0.0

    @property
    def is_alone(self) -> bool:
        """Valkey failed a moment ago and is left in peace."""
        return time.monotonic() < self._rests_until

    def leave_valkey(self, error: Exception) -> None:
        self._rests_until = time.monotonic() + REST_SECONDS
        logger.warning("Valkey can't count messages: %s.", type(error).__name__)

    def settle(self, key: str, wait_ms: int | None) -> None:
        """Raises Refused where the sender is too fast. ``wait_ms`` is what Valkey says, None where it is silent."""
        with self._lock:
            wait = self._wait(key, wait_ms)
        if wait:
            raise Refused("rate_limited", "Too many messages at once. Please wait a moment.", int(wait) + 1)

    def _wait(self, key: str, wait_ms: int | None) -> float:
        window = self._windows.setdefault(key, Window(self.most, self.seconds))
        if len(self._windows) > self.kept:
            self._windows.pop(next(iter(self._windows)))
        if wait_ms is None:
            return window.wait()
        if wait_ms == 0:
            window.note()
        return wait_ms / 1000


@cache
def here() -> Rates:
    """One for the process: its sockets and its pages."""
    return Rates(settings.CHAT_MESSAGES_PER_10_S)


def _asked(keys: Sequence[str]) -> dict[str, Any]:
    prefix = f"{settings.CHANNEL_PREFIX}:pace:"
    return {"keys": [prefix + key for key in keys], "args": [here().most, int(here().seconds * 1000)]}


@cache
def _script() -> Any:
    valkey = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return valkey.register_script(SCRIPT)


def take(key: str) -> None:
    """Count one of ``key``, in a thread. Raises Refused where the sender is too fast."""
    wait_ms: int | None = None
    if not here().is_alone:
        try:
            [wait_ms] = _script()(**_asked([key]))
        except redis.RedisError as error:
            here().leave_valkey(error)
    here().settle(key, wait_ms)


class Pacer:
    """The same for an event loop: whoever comes while one round trip is on its way shares the next."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, asyncio.Future[int | None]]] = []
        self._asking: asyncio.Task[None] | None = None
        valkey = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=AsyncRetry(NoBackoff(), 0),
        )
        self._script = valkey.register_script(SCRIPT)

    async def take(self, key: str) -> None:
        """Count one of ``key``. Raises Refused where the sender is too fast."""
        if here().is_alone:
            return here().settle(key, None)
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, future))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        return here().settle(key, await future)

    async def _ask(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, []
                waits = await self._count([key for key, _ in asked])
                for (_, future), wait in zip(asked, waits, strict=True):
                    if not future.done():
                        future.set_result(wait)
        finally:
            self._asking = None

    async def _count(self, keys: list[str]) -> Sequence[int | None]:
        if here().is_alone:
            return [None] * len(keys)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return cast(list[int], await self._script(**_asked(keys)))
        except (redis.RedisError, TimeoutError) as error:
            here().leave_valkey(error)
            return [None] * len(keys)
