"""Threads that talk to the database for an event loop, each with a connection that it keeps."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, connection

LOCK_SECONDS = 3
Answer = TypeVar("Answer")


class Lane:
    """``await lane.run(function, ...)`` runs it in one of ``width`` threads."""

    def __init__(self, name: str, width: int = 1) -> None:
        self._threads = ThreadPoolExecutor(width, thread_name_prefix=name)

    async def run(self, function: Callable[..., Answer], *args: Any) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _connected, function, args)


def _connected(function: Callable[..., Answer], args: tuple[Any, ...]) -> Answer:
    try:
        if connection.connection is None:
            _connect()
        return function(*args)
    except (OperationalError, InterfaceError):
        connection.close_if_unusable_or_obsolete()
        raise


def _connect() -> None:
    """A row that somebody else holds must not hold up a whole batch for long."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
