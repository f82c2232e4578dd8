"""Requests too large for memory are turned away before anything of them touches a disk."""

import json
import tempfile
from collections.abc import Iterable
from typing import Any

import pytest

from config.security.bodies import BoundedBodies

LIMIT = 1000


@pytest.fixture(autouse=True)
def limit(settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = LIMIT


async def answered(parts: Iterable[bytes], headers: list[tuple[bytes, bytes]]) -> tuple[int, bytes, int]:
    """Status, body, and how many bytes the application behind was given."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    taken = 0
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal taken
        while (message := await receive())["more_body"]:
            taken += len(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await BoundedBodies(app)({"type": "http", "headers": headers}, receive, send)
    return sent[0]["status"], sent[1]["body"], taken


async def test_a_body_within_the_limit_passes() -> None:
    assert await answered([bytes(600), bytes(400)], [(b"content-length", b"1000")]) == (200, b"fine", 1000)


async def test_a_body_announced_too_large_is_not_even_read() -> None:
    status, body, taken = await answered([bytes(2000)], [(b"content-length", b"2000")])
    assert (status, taken) == (413, 0)
    assert json.loads(body)["error"]["code"] == "too_large"


async def test_a_body_that_was_not_announced_is_cut_off() -> None:
    status, _, taken = await answered([bytes(600)] * 5, [])
    assert (status, taken) == (413, 600)


async def test_a_lie_about_the_length_helps_nobody() -> None:
    assert (await answered([bytes(600)] * 5, [(b"content-length", b"10")]))[0] == 413
    assert (await answered([bytes(10)], [(b"content-length", b"nonsense")]))[0] == 200


@pytest.mark.parametrize("parts", [1, 40])
async def test_no_chunk_of_a_file_is_ever_spooled_to_disk(settings, monkeypatch, parts: int) -> None:
    """Django keeps in memory what the limit lets through."""
    from django.core.handlers.asgi import ASGIHandler

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024 + 64 * 1024
    rolled: list[bool] = []
    rollover = tempfile.SpooledTemporaryFile.rollover
    monkeypatch.setattr(
        tempfile.SpooledTemporaryFile, "rollover", lambda self: rolled.append(True) or rollover(self)
    )
    size = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // parts
    messages = [
        {"type": "http.request", "body": bytes(size), "more_body": number < parts}
        for number in range(1, parts + 1)
    ]

    async def receive() -> Any:
        return messages.pop(0)

    body = await ASGIHandler().read_body(receive)
    assert len(body.read()) == size * parts
    assert rolled == []
