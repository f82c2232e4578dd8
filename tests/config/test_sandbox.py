"""The outside world in miniature takes what we really send, over the real wire."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from config.integrations import breaker, mail, sms
from config.integrations.breaker import PartnerDown, PartnerRefuses
from tests.engines import ROOT

pytestmark = pytest.mark.timeout(90)


@dataclass
class World:
    url: str
    smtp_port: int

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def running() -> Iterator[World]:
    http_port, smtp_port = free_port(), free_port()
    environment = os.environ | {"SANDBOX_SMTP_PORT": str(smtp_port), "PUBLIC_URL": "http://portal.test:8000"}
    command = [sys.executable, "-m", "uvicorn", "config.sandbox.world:application", "--port", str(http_port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    world = World(f"http://127.0.0.1:{http_port}", smtp_port)
    for _ in range(200):
        try:
            world.get("/healthz")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield world
    server.terminate()
    server.wait(10)


@pytest.fixture
def world(running, settings, valkey) -> World:
    breaker.breaker.cache_clear()
    httpx.post(running.url + "/empty", trust_env=False)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.smtp_port
    settings.SMS_URL = f"{running.url}/sms"
    return running


def test_mail_arrives(world):
    message_id = mail.send("jo@example.org", "A message waits", "Sign in to read it.", "<p>Sign in</p>")
    (caught,) = world.get("/mail.json").json()
    assert (caught["to"], caught["subject"]) == ("jo@example.org", "A message waits")
    assert caught["text"].strip() == "Sign in to read it."
    assert message_id.startswith("<")
    assert "Sign in to read it." in world.get(f"/mail/{caught['number']}").text
    assert "A message waits" in world.get("/").text


def test_line_break_in_a_subject_is_refused(world):
    with pytest.raises(PartnerRefuses):
        mail.send("jo@example.org", "Hello\nBcc: all@example.org", "x")
    assert world.get("/mail.json").json() == []


def test_mail_server_that_is_gone_means_later(world, settings):
    settings.EMAIL_PORT = free_port()
    with pytest.raises(PartnerDown):
        mail.send("jo@example.org", "A message waits", "x")


def test_text_arrives_once_a_key(world):
    first = sms.send("+15125550123", "Your order is on its way.", key="k1")
    assert sms.send("+15125550123", "Your order is on its way.", key="k1") == first
    (caught,) = world.get("/sms.json").json()
    assert (caught["to"], caught["text"]) == ("+15125550123", "Your order is on its way.")


def test_number_that_takes_no_texts_is_refused(world):
    with pytest.raises(PartnerRefuses):
        sms.send("5550123", "x")


def test_text_with_a_wrong_token_is_refused(world, settings):
    settings.SMS_TOKEN = "wrong"
    with pytest.raises(PartnerRefuses):
        sms.send("+15125550123", "x")


def test_carriers_page_shows_the_number_as_text(world):
    page = world.get("/carriers/ups/track/%3Cscript%3E1Z").text
    assert "&lt;script&gt;1Z" in page


def test_foreign_page_holds_the_chat_by_one_script_tag(world):
    page = world.get("/foreign-site").text
    assert page.count("<script") == 1
    assert '<script src="http://portal.test:8000/chat/widget.js" async></script>' in page


def test_nothing_else_is_there(world):
    assert world.get("/patients").status_code == 404


def test_production_has_no_sandbox():
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "config.sandbox.world:application",
        "--port",
        str(free_port()),
    ]
    environment = os.environ | {"DME_PROFILE": "production"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode
    assert "not for production" in done.stderr
