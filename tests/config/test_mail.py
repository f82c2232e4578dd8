"""Mail out: a server that is down is left alone for a while (R-INT-3)."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.core import mail as post

from config.integrations import breaker, mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from tests.servers import free_port


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


class Counter:
    """A post office that says no to whom the tests say, and lets everybody else's letters in."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.taken: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.get(f"data:{envelope.rcpt_tos[0]}", "250 OK")
        if answer.startswith("2"):
            self.taken += envelope.rcpt_tos
        return answer


@pytest.fixture
def counter(valkey: Any, settings: Any) -> Iterator[Counter]:
    settings.EMAIL_BACKEND = "config.integrations.mail.Post"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    breaker.breaker.cache_clear()
    office = Counter()
    running = Controller(office, hostname="127.0.0.1", port=settings.EMAIL_PORT)
    running.start()
    yield office
    running.stop()
    breaker.breaker.cache_clear()


UNFIT = [
    "marisol@example.org; kim@example.org",
    "marisol@example.org, kim@example.org",
    "a@" + "\N{LATIN SMALL LETTER E WITH ACUTE}" * 60 + ".example",
    "somebody@example.org\nBcc: all@example.org",
    "",
]


@pytest.mark.parametrize("address", UNFIT)
def test_an_address_that_is_none_is_refused_for_that_letter_alone(counter: Counter, address: str) -> None:
    """F8: one bad address on file must not look like a server that is down."""
    for _ in range(breaker.FAILURES + 1):
        with pytest.raises(PartnerRefuses):
            mail.send(address, "Hello", "Hello")
    mail.send("somebody@example.org", "Hello", "Hello")
    assert counter.taken == ["somebody@example.org"]


def test_a_subject_or_answer_address_that_fits_no_letter_is_that_letters_fault(counter: Counter) -> None:
    for _ in range(breaker.FAILURES + 1):
        with pytest.raises(PartnerRefuses):
            mail.send("somebody@example.org", "Hello\nBcc: all@example.org", "Hello")
        with pytest.raises(PartnerRefuses):
            mail.send("somebody@example.org", "Hello", "Hello", reply_to="one@example.org, two")
    mail.send("somebody@example.org", "Hello", "Hello")
    assert counter.taken == ["somebody@example.org"]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"full@example.org": "452 mailbox full"}, PartnerDown),
        ({"full@example.org": "550 no such user"}, PartnerRefuses),
        ({"data:full@example.org": "451 try later"}, PartnerDown),
        ({"data:full@example.org": "554 not taken"}, PartnerRefuses),
    ],
)
def test_what_the_server_says_of_one_letter_holds_up_no_other(
    counter: Counter, answers: dict[str, str], error: type[Exception]
) -> None:
    counter.answers = answers
    for _ in range(breaker.FAILURES + 1):
        with pytest.raises(error):
            mail.send("full@example.org", "Hello", "Hello")
    mail.send("somebody@example.org", "Hello", "Hello")
    assert counter.taken == ["somebody@example.org"]
