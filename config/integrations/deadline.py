"""An end to the whole of a talk with a partner.

A partner that drips would keep a time-out per read from ever striking: the line is cut instead.
"""

import contextlib
import socket
import threading
from typing import Self


class Deadline:
    """Cuts the line, once it is known, when the time for the whole is over."""

    def __init__(self, seconds: float) -> None:
        self.over = False
        self.line: socket.socket | None = None
        self.held: socket.socket | None = None
        self.timer = threading.Timer(seconds, self._cut)
        self.timer.daemon = True

    def __enter__(self) -> Self:
        self.timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.timer.cancel()
        if self.held is not None:
            self.held.close()

    def hold(self, line: socket.socket) -> None:
        """Watch a second hold of the line, which stays when TLS takes the first over."""
        self.held = line.dup()
        self.watch(self.held)

    def watch(self, line: socket.socket) -> None:
        """The line to cut; told anew where it was wrapped for TLS."""
        self.line = line
        if self.over:
            self._cut()

    def _cut(self) -> None:
        self.over = True
        if self.line is not None:
            with contextlib.suppress(OSError):
                # Not by TLS's own way, which would say goodbye first.
                socket.socket.shutdown(self.line, socket.SHUT_RDWR)
