"""What every socket's door has in common: the codes it closes with, and whose pages may open it.

A refusal accepts the handshake and closes at once, so that the browser learns the code. Who may stay is the
doorkeeper's word (``enter``, ``readmit``, ``still_open``: portal/doors.py).
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host

SIGN_IN, NOT_YOURS, TOO_MANY = 4401, 4403, 4429


def header(scope: dict[str, Any], name: bytes) -> str:
    """The header's text, or nothing."""
    return str(dict(scope.get("headers", ())).get(name, b"").decode("latin-1"))


def is_ours(origin: str, scope: dict[str, Any]) -> bool:
    """Whether a page of ours opened the socket: same host, or an address we are known by."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    schemes = {"https"} if settings.PRODUCTION else {"http", "https"}
    if parts.scheme not in schemes or not parts.netloc:
        return False
    known = {urlsplit(address).netloc for address in (settings.PUBLIC_URL, *settings.CSRF_TRUSTED_ORIGINS)}
    return parts.netloc in known or (parts.netloc == header(scope, b"host") and _is_allowed(parts.netloc))


def _is_allowed(host: str) -> bool:
    return validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


async def nowhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An address at which there is no socket: refused as somebody else's is."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": NOT_YOURS})
