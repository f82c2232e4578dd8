"""The virus scanner: clamd, spoken to by INSTREAM over its socket (``CLAMD_URL``).

Only a plain "OK" is clean. Whatever else there is - no scanner, no signatures, a cut line, a file over
clamd's own limits - is ``NotScanned``, and the file stays in quarantine. A clamd without signatures calls
everything clean, so before any verdict counts it must find the harmless EICAR test file (``works``).

clamd needs ``StreamMaxLength``, ``MaxFileSize`` and ``MaxScanSize`` of at least 512M and
``AlertExceedsMax yes``, or it passes what it did not read.
"""

import socket
import struct
import time
from collections.abc import Iterable
from enum import Enum
from urllib.parse import urlsplit

from django.conf import settings

from config.integrations.deadline import Deadline
from config.security.storage import NotStored
from config.security.streams import Damaged

TIMEOUT = 60.0
WHOLE_SECONDS = 600.0  # for a file of the largest size, scanned
PIECE = 256 * 1024
TRUST_SECONDS = 300.0
LONGEST_REPLY = 4096
# In two parts, or scanners would flag this file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LIMITS = b"Heuristics.Limits.Exceeded"

_proved: dict[str, float] = {}


class Verdict(Enum):
    CLEAN = "clean"
    INFECTED = "infected"


class NotScanned(Exception):
    """Nobody can say whether the file is clean."""


def works() -> bool:
    """Whether there is a scanner that finds EICAR and passes harmless text; remembered for five minutes."""
    url = settings.CLAMD_URL
    if not url:
        return False
    if time.monotonic() - _proved.get(url, float("-inf")) < TRUST_SECONDS:
        return True
    try:
        passed = _ask([EICAR]) is Verdict.INFECTED and _ask([b"harmless"]) is Verdict.CLEAN
    except NotScanned:
        passed = False
    if passed:
        _proved[url] = time.monotonic()
    return passed


def scan(pieces: Iterable[bytes]) -> Verdict:
    """The verdict over a stream. Raises NotScanned, and what a damaged or lost file raises as it is read."""
    if not works():
        raise NotScanned("No working scanner.")
    try:
        return _ask(pieces)
    except NotScanned:
        _proved.clear()
        raise


def _ask(pieces: Iterable[bytes]) -> Verdict:
    try:
        with _connect(settings.CLAMD_URL) as line, Deadline(WHOLE_SECONDS) as deadline:
            deadline.hold(line)
            return _verdict(_converse(line, pieces))
    except (Damaged, NotStored):
        raise  # told by the pieces, not by the scanner
    except OSError as error:
        raise NotScanned(f"The scanner failed ({type(error).__name__}).") from None


def _connect(url: str) -> socket.socket:
    address = urlsplit(url)
    if address.scheme == "unix":
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(TIMEOUT)
        try:
            line.connect(address.path)
        except OSError:
            line.close()
            raise
        return line
    return socket.create_connection((address.hostname or "", address.port or 3310), TIMEOUT)


def _converse(line: socket.socket, pieces: Iterable[bytes]) -> bytes:
    line.sendall(b"zINSTREAM\0")
    try:
        for piece in pieces:
            for start in range(0, len(piece), PIECE):
                part = piece[start : start + PIECE]
                line.sendall(struct.pack(">I", len(part)) + part)
        line.sendall(struct.pack(">I", 0))
    except (BrokenPipeError, ConnectionResetError):
        pass  # clamd cut the line at its size limit: its reply, if any, says so
    return _reply(line)


def _reply(line: socket.socket) -> bytes:
    reply = b""
    while len(reply) < LONGEST_REPLY and not reply.endswith(b"\0") and (piece := line.recv(LONGEST_REPLY)):
        reply += piece
    return reply


def _verdict(reply: bytes) -> Verdict:
    if reply == b"stream: OK\0":
        return Verdict.CLEAN
    if reply.endswith(b" FOUND\0") and LIMITS not in reply:
        return Verdict.INFECTED
    raise NotScanned("The scanner gave no verdict.")
