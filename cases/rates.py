"""How fast a sender may be, within one process: nothing here waits for a database."""

import time
from collections import deque

from cases.drafts import Refused

# Frames of any kind that a socket may send for each message its sender may.
ABUSE_TIMES, SECONDS = 20, 10.0


class Window:
    """At most ``most`` within ``seconds``, sliding."""

    __slots__ = ("_seen", "most", "seconds")

    def __init__(self, most: int, seconds: float) -> None:
        self.most, self.seconds = most, seconds
        self._seen: deque[float] = deque()

    def wait(self) -> float:
        """Take one: 0, or the seconds until one more fits."""
        now = time.monotonic()
        while self._seen and now - self._seen[0] >= self.seconds:
            self._seen.popleft()
        if len(self._seen) >= self.most:
            return self.seconds - (now - self._seen[0])
        self._seen.append(now)
        return 0


class Rates:
    """One window for each sender in a conversation, whatever sockets they use."""

    def __init__(self, most: int, seconds: float = SECONDS, kept: int = 20_000) -> None:
        self.most, self.seconds, self.kept = most, seconds, kept
        self._windows: dict[tuple[str, str], Window] = {}

    def take(self, conversation: str, author_key: str) -> None:
        """Raises Refused where the sender is too fast."""
        window = self._windows.setdefault((conversation, author_key), Window(self.most, self.seconds))
        if len(self._windows) > self.kept:
            self._windows.pop(next(iter(self._windows)))
        if wait := window.wait():
            raise Refused("rate_limited", "Too many messages at once. Please wait a moment.", int(wait) + 1)
