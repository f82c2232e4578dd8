"""Replies by e-mail and text message, over the wire to a partner that works, refuses, is slow or is gone."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cases import conversations, notices
from cases.models import Message, Notice
from tests.config.test_sandbox import World, free_port, running, world
from tests.factories import CaseFactory, ConversationFactory, PatientFactory, UserFactory

__all__ = ["running", "world"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is found by the sweep, as after a lost task."""
    monkeypatch.setattr(notices, "soon", lambda message_ids: None)


def said_on(channel: str) -> Notice:
    patient = PatientFactory(email="kim@example.org", phone="+15125550123")
    thread = ConversationFactory(case=CaseFactory(patient=patient), patient=patient, channel=channel)
    agent = UserFactory(roles=["agent"])
    conversations.reply(agent, conversation=thread, body="We look into it and write tomorrow.")
    return Notice.objects.latest("pk")


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a partner who takes calls and never says a word."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
    for line in held:
        line.close()


@pytest.mark.parametrize(("channel", "list_of"), [("email", "/mail.json"), ("sms", "/sms.json")])
def test_a_reply_arrives_once_also_where_its_sending_is_forgotten(
    world: World, channel: str, list_of: str
) -> None:
    """The process may die between the partner's yes and our commit."""
    notice = said_on(channel)
    assert notices.send_due() == 1
    assert not notices.send(notice.pk)
    Notice.objects.update(state="due")
    assert notices.send(notice.pk)
    [caught] = world.get(list_of).json()
    assert caught["text"].strip() == "We look into it and write tomorrow."


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_partner_who_is_gone_gets_it_when_they_are_back(
    world: World, settings: object, channel: str
) -> None:
    address, port = settings.SMS_URL, settings.EMAIL_PORT  # type: ignore[attr-defined]
    settings.SMS_URL, settings.EMAIL_PORT = f"http://127.0.0.1:{free_port()}/sms", free_port()  # type: ignore[attr-defined]
    notice = said_on(channel)
    assert not notices.send(notice.pk)
    notice.refresh_from_db()
    assert notice.state == "due"
    settings.SMS_URL, settings.EMAIL_PORT = address, port  # type: ignore[attr-defined]
    assert notices.send(notice.pk)


def test_a_partner_who_refuses_is_told_on_the_case(world: World, settings: object) -> None:
    settings.SMS_TOKEN = "wrong"  # type: ignore[attr-defined]
    notice = said_on("sms")
    assert not notices.send(notice.pk)
    notice.refresh_from_db()
    assert notice.state == "failed"
    assert Message.objects.filter(kind="note", body__isnull=False).count() == 1


def test_a_silent_partner_is_left_and_no_sweep_waits_for_all(
    world: World, settings: object, silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = silent, 0.3  # type: ignore[attr-defined]
    monkeypatch.setattr(notices, "SWEEP", 0.5)
    for _ in range(4):
        said_on("email")
    started = time.monotonic()
    assert notices.send_due() == 0
    assert time.monotonic() - started < 2
    assert Notice.objects.filter(state="due").count() == 4
    assert Notice.objects.filter(tries=0).exists(), "those it did not come to are as due as before"
