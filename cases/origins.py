"""Which pages may speak to the chat: our own, and those of sites on the embedding list."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings

from config.security import csp


def is_ours(origin: str | None, host: str) -> bool:
    """Whether ``origin`` is the very host that was asked."""
    if not origin:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    schemes = {"https"} if settings.PRODUCTION else {"http", "https"}
    return parts.scheme in schemes and parts.netloc.lower() == host.lower()


def is_embedder(origin: str | None) -> bool:
    return bool(origin) and origin in csp.embedders()


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """A header of an ASGI scope; None where it is missing or stands there twice."""
    found = [value for key, value in headers if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None
