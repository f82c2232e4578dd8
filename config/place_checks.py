"""System checks of where things are: hosts, folders, the bucket, the mail server, the carriers' pages."""

import os
import re
from collections.abc import Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, register

from config.checks import BARE_ADDRESS, error, is_web_address

NAME = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?"
HOST = re.compile(rf"{NAME}|\[[0-9a-f:.]+\]", re.IGNORECASE)
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
TRUSTED = re.compile(rf"https?://(?:(?:\*\.)?{NAME}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?", re.IGNORECASE)


@register(Tags.security)
def check_hosts(**_: Any) -> list[CheckMessage]:
    found = []
    hosts = [host.removeprefix(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    if not all(map(HOST.fullmatch, hosts)):
        found.append(
            error("ALLOWED_HOSTS", "each is a host like portal.example.org, without https:// or port.", 16)
        )
    if not all(map(TRUSTED.fullmatch, settings.CSRF_TRUSTED_ORIGINS)):
        found.append(error("CSRF_TRUSTED_ORIGINS", "each is an origin like https://other.example.org.", 17))
    return found


@register(Tags.security)
def check_mail(**_: Any) -> list[CheckMessage]:
    found = []
    if settings.EMAIL_HOST and not HOST.fullmatch(settings.EMAIL_HOST):
        found.append(error("EMAIL_HOST", "wants a host like smtp.example.org, without a scheme or port.", 18))
    sender = settings.DEFAULT_FROM_EMAIL
    if sender and not (BARE_ADDRESS.fullmatch(parseaddr(sender)[1]) and sender.isprintable()):
        found.append(error("DEFAULT_FROM_EMAIL", "wants an address like portal@example.org.", 19))
    return found


@register(Tags.security)
def check_carriers(**_: Any) -> list[CheckMessage]:
    return [
        error(f"CARRIER_{carrier.upper()}_TRACKING_URL", "wants an address with {number} in it.", 25)
        for carrier, address in settings.CARRIER_TRACKING_URLS.items()
        if not is_web_address(address) or "{number}" not in address
    ]


@register(Tags.security)
def check_bucket(**_: Any) -> list[CheckMessage]:
    found = []
    if settings.S3_BUCKET and not BUCKET.fullmatch(settings.S3_BUCKET):
        found.append(error("S3_BUCKET", "wants the name of a bucket, not its address.", 26))
    endpoint = settings.S3_OPTIONS["endpoint_url"]
    if endpoint and not is_web_address(endpoint):
        found.append(error("S3_URL", "wants an address like https://s3.example.org.", 27))
    return found


@register(Tags.security)
def check_places(**_: Any) -> list[CheckMessage]:
    return list(_unwritable())


def _unwritable() -> Iterator[CheckMessage]:
    anchor = Path(settings.TRAIL_ANCHOR)
    if anchor.is_dir() or not _can_be_written(anchor):
        yield error("TRAIL_ANCHOR", "wants a file that can be written to.", 28)
    if not settings.S3_BUCKET and not _can_be_folder(Path(settings.MEDIA_ROOT)):
        yield error("MEDIA_ROOT", "wants a folder that can be written to.", 29)


def _can_be_folder(path: Path) -> bool:
    return not (path.exists() and not path.is_dir()) and _can_be_written(path)


def _can_be_written(path: Path) -> bool:
    """It, or where it is not yet the nearest folder above it."""
    if path.exists():
        return os.access(path, os.W_OK)
    above = next((folder for folder in path.absolute().parents if folder.exists()), Path("/"))
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)
