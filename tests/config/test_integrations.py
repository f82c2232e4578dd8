"""How we speak with the outside world: within limits, and saying little (R-INT-3)."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.integrations import breaker, http
from config.integrations.breaker import PartnerDown, PartnerRefuses

Answer = Callable[[BaseHTTPRequestHandler], None]


class Company:
    """A partner on loopback that answers as told and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.answer: Answer = lambda handler: plain(handler, 200, b"{}")
        company = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                company.calls.append(self.path)
                company.answer(self)

            do_POST = do_GET  # noqa: N815 - the base class calls it so

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def partner(self, **wish: float) -> http.Partner:
        return http.Partner("company", f"http://127.0.0.1:{self.server.server_port}/api", **wish)


def plain(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(body))} | headers).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def company(valkey) -> Iterator[Company]:
    breaker.breaker.cache_clear()
    made = Company()
    yield made
    made.server.shutdown()
    breaker.breaker.cache_clear()


def test_answer_is_read(company):
    company.answer = lambda handler: plain(handler, 200, b'{"sid": "1"}')
    assert http.call(company.partner(), "GET", "/x", operation="look").json() == {"sid": "1"}
    assert company.calls == ["/api/x"]


def test_read_is_tried_again(company):
    company.answer = lambda handler: plain(handler, 500 if len(company.calls) < 2 else 200, b"")
    http.call(company.partner(), "GET", "/x", operation="look")
    assert len(company.calls) == 2


def test_write_is_tried_once(company):
    """One effect for one wish: the first may have worked."""
    company.answer = lambda handler: plain(handler, 500, b"")
    with pytest.raises(PartnerDown):
        http.call(company.partner(), "POST", "/x", operation="send")
    assert len(company.calls) == 1


def test_write_that_the_partner_knows_again_is_repeated(company):
    company.answer = lambda handler: plain(handler, 503 if len(company.calls) < 2 else 201, b"")
    http.call(company.partner(), "POST", "/x", operation="send", repeatable=True)
    assert len(company.calls) == 2


def test_no_is_final(company):
    company.answer = lambda handler: plain(handler, 404, b"")
    with pytest.raises(PartnerRefuses, match="company answered 404"):
        http.call(company.partner(), "GET", "/x", operation="look")
    assert len(company.calls) == 1


def test_redirect_is_not_followed(company):
    company.answer = lambda handler: plain(handler, 302, b"", Location="http://127.0.0.1:1/")
    with pytest.raises(PartnerRefuses):
        http.call(company.partner(), "GET", "/x", operation="look")
    assert len(company.calls) == 1


@pytest.mark.parametrize("path", ["http://169.254.169.254/", "@169.254.169.254/", "x", ".evil.example/"])
def test_only_the_partners_own_host_is_called(company, path):
    with pytest.raises(ValueError, match="below its base URL"):
        http.call(company.partner(), "GET", path, operation="look")
    assert company.calls == []


def drip(handler: BaseHTTPRequestHandler, first: bytes, heard: list[str]) -> None:
    """What comes first at once, and then letter by letter; ``heard`` tells that somebody listened to the end."""
    handler.wfile.write(first)
    with contextlib.suppress(OSError):
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
        heard.append("all")


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"],
    ids=["nothing", "headers", "body"],
)
def test_partner_that_drips_is_cut_off(company, first):
    """F8: whatever it is that drips. Each letter is in time by itself, and the whole is not."""
    heard: list[str] = []
    company.answer = lambda handler: drip(handler, first, heard)
    with pytest.raises(PartnerDown):
        http.call(company.partner(deadline=0.3, attempts=1), "GET", "/x", operation="look")
    assert heard == []


def test_answer_cut_off_is_not_taken_for_whole(company):
    """Without a length an answer ends with its line, which we end ourselves."""
    company.answer = lambda handler: drip(handler, b"HTTP/1.0 200 OK\r\n\r\n", [])
    with pytest.raises(PartnerDown):
        http.call(company.partner(deadline=0.3, attempts=1), "GET", "/x", operation="look")


def test_answer_without_end_is_cut_off(company, monkeypatch):
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1000)
    company.answer = lambda handler: plain(handler, 200, b"." * 5000)
    with pytest.raises(PartnerDown):
        http.call(company.partner(attempts=1), "GET", "/x", operation="look")


def test_breaker_opens_for_every_process(company):
    """After five failures nobody calls; the state stands in Valkey, not in this process."""
    company.answer = lambda handler: plain(handler, 500, b"")
    for _ in range(breaker.FAILURES):
        with pytest.raises(PartnerDown):
            http.call(company.partner(attempts=1), "GET", "/x", operation="look")
    breaker.breaker.cache_clear()
    began = time.monotonic()
    with pytest.raises(PartnerDown, match="was down a moment ago"):
        http.call(company.partner(), "GET", "/x", operation="look")
    assert len(company.calls) == breaker.FAILURES
    assert time.monotonic() - began < 5


def test_refusals_do_not_open_the_breaker(company):
    company.answer = lambda handler: plain(handler, 400, b"")
    for _ in range(breaker.FAILURES + 2):
        with pytest.raises(PartnerRefuses):
            http.call(company.partner(), "GET", "/x", operation="look")
    assert len(company.calls) == breaker.FAILURES + 2


def test_log_names_neither_address_nor_contents(company, caplog):
    with caplog.at_level("INFO"):
        http.call(company.partner(), "POST", "/patients/4711", operation="send", json={"name": "Canary"})
    assert "A partner was called." in caplog.text
    assert "4711" not in caplog.text
    assert "Canary" not in caplog.text
