"""Mail out: a server that is down is left alone for a while (R-INT-3)."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail as post

from config.integrations import breaker, mail
from config.integrations.breaker import PartnerDown


class Hangup(socketserver.BaseRequestHandler):
    """Takes the call and puts the receiver down."""

    def handle(self) -> None:
        self.server.calls += 1  # type: ignore[attr-defined]


@pytest.fixture
def post_office(valkey: Any, settings: Any) -> Iterator[Any]:
    settings.EMAIL_BACKEND = "config.integrations.mail.Post"
    breaker.breaker.cache_clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Hangup) as server:
        server.calls = 0  # type: ignore[attr-defined]
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
    breaker.breaker.cache_clear()


def test_a_post_office_that_is_down_is_not_called_on_and_on(post_office: Any) -> None:
    for _ in range(breaker.FAILURES + 3):
        with pytest.raises(PartnerDown):
            mail.send("somebody@example.org", "Hello", "Hello")
    assert post_office.calls == breaker.FAILURES


def test_a_letter_sent_again_under_its_key_is_known_by_it(valkey: Any) -> None:
    """A sender that was lost after the provider took it: nobody is told twice (R-INT-3)."""
    breaker.breaker.cache_clear()
    first = mail.send("somebody@example.org", "Hello", "Hello", key="0f1e")
    assert mail.send("somebody@example.org", "Hello", "Hello", key="0f1e") == first
    assert {sent.extra_headers["Message-ID"] for sent in post.outbox} == {first}
    assert {sent.extra_headers["Idempotency-Key"] for sent in post.outbox} == {"0f1e"}
    assert mail.send("somebody@example.org", "Hello", "Hello") != mail.send(
        "somebody@example.org", "Hello", "Hello"
    )


class Drip(socketserver.BaseRequestHandler):
    """Greets a letter at a time, each in time by itself."""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.request.sendall(b"2")
                time.sleep(0.1)


def test_a_post_office_that_drips_is_cut_off(post_office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """F8: a time-out per read would never strike."""
    monkeypatch.setattr(mail, "WHOLE_SECONDS", 0.5)
    post_office.RequestHandlerClass = Drip
    began = time.monotonic()
    with pytest.raises(PartnerDown):
        mail.send("somebody@example.org", "Hello", "Hello")
    assert time.monotonic() - began < 5
