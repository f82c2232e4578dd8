"""How partners sign what they post to us: the telephone company its calls, those of mail and texts the whole body."""

import base64
import hmac
import time
from collections.abc import Mapping

LATEST = 300  # seconds that a stamp is good for


def signature(url: str, fields: Mapping[str, str], token: str) -> str:
    """What X-Twilio-Signature holds: the address as it was called, then each field with its name, sorted."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


def stamped(body: bytes, at: int, secret: str) -> str:
    """``t=<seconds>,v1=<HMAC-SHA256 of "seconds.body">``."""
    signed = hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256")
    return f"t={at},v1={signed.hex()}"


def is_stamped(body: bytes, header: str, secret: str) -> bool:
    """Whether this was signed with ``secret`` in the last five minutes. False where none is agreed."""
    stamp = header.partition(",")[0].removeprefix("t=")
    if not secret or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        return False
    fresh = abs(time.time() - int(stamp)) <= LATEST
    return hmac.compare_digest(stamped(body, int(stamp), secret).encode(), header.encode()) and fresh
