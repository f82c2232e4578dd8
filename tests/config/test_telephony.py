"""Calls out in the telephone company's own shape, and its signed answers (R-INT-1, 3)."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import httpx
import pytest

from config.integrations import breaker, telephony
from config.integrations.breaker import PartnerDown, PartnerRefuses
from config.integrations.signatures import signature
from tests.engines import ROOT

pytestmark = pytest.mark.timeout(90)
TO = "+15125550123"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.sandbox.world:application", "--port", str(port)]
    server = subprocess.Popen([*command, "--lifespan", "off"], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(f"{url}/healthz", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url
    server.terminate()
    server.wait(10)


@pytest.fixture
def world(running, settings, valkey) -> str:
    breaker.breaker.cache_clear()
    httpx.post(f"{running}/empty", trust_env=False)
    settings.VOICE_URL = f"{running}/voice"
    return str(running)


@dataclass
class Portal:
    """What the company calls back: asks for a key, and keeps what it was sent."""

    asked: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        portal = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                portal.asked.append((self.path, dict(parse_qsl(body)), self.headers["X-Twilio-Signature"]))
                words = telephony.ask_for_digit("Press 1 & wait", f"{portal.url}/digits?a=1&b=2", "Nobody.")
                said = (words if self.path == "/voice" else telephony.say("Thank you.")).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def portal() -> Iterator[Portal]:
    made = Portal()
    yield made
    made.server.shutdown()


def calls(world: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = httpx.get(f"{world}/calls.json", trust_env=False).json()
    return found


def pick_up(world: str, sid: str, act: str = "answer", digits: str = "1") -> httpx.Response:
    return httpx.post(f"{world}/calls/{sid}/{act}", data={"digits": digits}, trust_env=False)


def test_call_is_made_once_a_key(world):
    first = telephony.call(TO, "http://p.test/voice", "http://p.test/status", key="k1")
    assert telephony.call(TO, "http://p.test/voice", "http://p.test/status", key="k1") == first
    (call,) = calls(world)
    assert (call["sid"], call["to"], call["status"]) == (first, TO, "ringing")


def test_who_picks_up_hears_what_we_say_and_the_key_comes_back_signed(world, portal, settings):
    sid = telephony.call(TO, f"{portal.url}/voice", f"{portal.url}/status", key="k2")
    assert "Pick up" in httpx.get(f"{world}/calls", trust_env=False).text
    assert pick_up(world, sid).status_code == 200
    paths = [path for path, *_ in portal.asked]
    assert paths == ["/voice", "/digits?a=1&b=2", "/status"]
    assert portal.asked[1][1]["Digits"] == "1"
    assert portal.asked[2][1]["CallStatus"] == "completed"
    for path, fields, given in portal.asked:
        assert fields["CallSid"] == sid
        assert telephony.is_signed(f"{portal.url}{path}", fields, given)
    assert calls(world)[0]["heard"][:3] == ["Press 1 & wait", "Nobody.", "Thank you."]


def test_call_that_nobody_takes_says_so(world, portal):
    sid = telephony.call(TO, f"{portal.url}/voice", f"{portal.url}/status", key="k3")
    pick_up(world, sid, "no-answer")
    assert [fields["CallStatus"] for _, fields, _ in portal.asked] == ["no-answer"]
    assert "no-answer" in telephony.UNANSWERED


@pytest.mark.parametrize(
    ("to", "changed"), [("5550123", {}), (TO, {"VOICE_TOKEN": "wrong"}), (TO, {"VOICE_ACCOUNT": "ACother"})]
)
def test_number_or_account_the_company_does_not_know_is_refused(world, settings, to, changed):
    for name, value in changed.items():
        setattr(settings, name, value)
    with pytest.raises(PartnerRefuses):
        telephony.call(to, "http://p.test/voice", "http://p.test/status")
    assert calls(world) == []


def test_without_a_company_nobody_is_called(settings):
    settings.VOICE_URL = ""
    with pytest.raises(PartnerRefuses):
        telephony.call(TO, "http://p.test/voice", "http://p.test/status")


def test_company_that_is_gone_means_later(settings, valkey):
    breaker.breaker.cache_clear()
    settings.VOICE_URL = f"http://127.0.0.1:{free_port()}/voice"
    with pytest.raises(PartnerDown):
        telephony.call(TO, "http://p.test/voice", "http://p.test/status")
    breaker.breaker.cache_clear()


def test_signature_is_the_one_the_company_documents():
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature(url, fields, "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("change", ["url", "field", "more", "token", "empty", "no token"])
def test_whatever_was_altered_is_not_signed(settings, change):
    """W1: altered, another's secret, an empty one."""
    settings.VOICE_TOKEN = "secret"
    url, fields = "https://p.test/voice?x=1", {"CallSid": "CA1", "Digits": "1"}
    given = signature(url, fields, "other" if change == "token" else "secret")
    if change == "url":
        url += "2"
    elif change == "field":
        fields["Digits"] = "2"
    elif change == "more":
        fields["More"] = "x"
    elif change == "empty":
        given = ""
    elif change == "no token":
        settings.VOICE_TOKEN = ""
        given = signature(url, fields, "")
    assert not telephony.is_signed(url, fields, given)


def test_what_is_said_is_escaped():
    assert "<Say>A &lt;b&gt; &amp; c</Say>" in telephony.say("A <b> & c")
