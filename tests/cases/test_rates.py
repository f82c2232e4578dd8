"""One pace for each person, whatever they talk through (promise 7 of the chat protocol)."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from cases import rates
from cases.drafts import Refused
from cases.people import Guest
from cases.rates import Pacer, Rates
from tests.cases.wire import Chat, cookie_of, socket_of
from tests.factories import ConversationFactory, patient_with_user
from tests.people import signed_in
from tests.servers import Server, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]
MOST = settings.CHAT_MESSAGES_PER_10_S


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Rates:
    """This process's count, anew."""
    counted = Rates(3)
    monkeypatch.setattr(rates, "here", lambda: counted)
    return counted


@pytest.fixture
def script() -> Iterator[None]:
    """The client is made anew after a test that changed the address."""
    rates._script.cache_clear()
    yield
    rates._script.cache_clear()


def there(server: Server, chat: Chat) -> Chat:
    """The same conversation through another process."""
    return Chat(server, {"conversation": chat.id, "ticket": chat.ticket, "socket": chat.path})


def test_a_socket_and_the_pages_share_one_pace(server: Server) -> None:
    chat = Chat.begin(server)
    with chat.socket() as ws:
        for number in range(MOST // 2):
            assert ws.sent(f"{number}")
            assert chat.send(f"{number}")[0] == 201
        status, told, headers = chat.send("too fast")
        assert (status, told["code"], int(headers["Retry-After"]) >= 1) == (429, "rate_limited", True)
        slow = ws.wait("error", client_id=ws.say("too fast"))
        assert (slow["code"], slow["permanent"], slow["retry_after_s"] >= 1) == ("rate_limited", False, True)


def test_two_processes_share_one_pace(server: Server) -> None:
    chat = Chat.begin(server)
    with serving() as second:
        far = there(second, chat)
        with chat.socket() as here, far.socket() as beyond:
            for number in range(MOST // 2):
                assert here.sent(f"{number}")
                assert beyond.sent(f"{number}")
            assert beyond.wait("error", client_id=beyond.say("too fast"))["code"] == "rate_limited"
            assert far.send("too fast")[0] == 429


def test_a_person_has_one_pace_in_all_their_conversations(server: Server) -> None:
    patient = patient_with_user()
    client = signed_in(patient.user)
    chats = [Chat.begin(server, cookie=cookie_of(client)) for _ in range(2)]
    with socket_of(client, server, chats[0].path, chats[0].id) as one:
        for number in range(MOST):
            assert one.sent(f"{number}")
    with socket_of(client, server, chats[1].path, chats[1].id) as other:
        assert other.wait("error", client_id=other.say("too fast"))["code"] == "rate_limited"


def test_two_guests_do_not_slow_each_other(server: Server) -> None:
    one, other = Chat.begin(server), Chat.begin(server)
    assert [one.send(f"{number}")[0] for number in range(MOST + 1)][-1] == 429
    assert other.send("Hello")[0] == 201


def test_without_valkey_a_process_counts_alone_for_both_surfaces(tmp_path: Path) -> None:
    with serving(REDIS_URL=f"unix://{tmp_path}/nothing.sock?db=0") as server:
        chat = Chat.begin(server)
        with chat.socket() as ws:
            for number in range(MOST // 2):
                assert ws.sent(f"{number}")
                assert chat.send(f"{number}")[0] == 201
            assert chat.send("too fast")[0] == 429
            assert ws.wait("error", client_id=ws.say("too fast"))["code"] == "rate_limited"


async def _taken(pacer: Pacer, key: str, times: int) -> int:
    async def one() -> bool:
        try:
            await pacer.take(key)
        except Refused:
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(times))))


async def test_many_at_once_take_no_more_than_their_due(own: Rates, valkey: redis.Redis) -> None:
    assert await _taken(Pacer(), "user:a", 50) == 3
    assert valkey.keys("*:pace:*") == [f"{settings.CHANNEL_PREFIX}:pace:user:a".encode()]
    assert 0 < valkey.pttl(f"{settings.CHANNEL_PREFIX}:pace:user:a") <= 10_000


def test_what_valkey_counted_still_counts_when_it_falls_silent(
    own: Rates, valkey: redis.Redis, script: None, settings: Any, tmp_path: Path
) -> None:
    rates.take("user:a")
    rates.take("user:a")
    settings.REDIS_URL = f"unix://{tmp_path}/nothing.sock?db=0"
    rates._script.cache_clear()
    rates.take("user:a")
    assert own.is_alone
    with pytest.raises(Refused) as refused:
        rates.take("user:a")
    assert (refused.value.code, 1 <= (refused.value.retry_after or 0) <= 11) == ("rate_limited", True)


def test_one_fits_again_once_the_first_is_old(
    monkeypatch: pytest.MonkeyPatch, valkey: redis.Redis, script: None
) -> None:
    quick = Rates(1, seconds=0.3)
    monkeypatch.setattr(rates, "here", lambda: quick)
    rates.take("user:a")
    with pytest.raises(Refused):
        rates.take("user:a")
    time.sleep(0.31)
    rates.take("user:a")


def test_a_valkey_that_stands_still_holds_nobody_up_for_long(
    own: Rates, script: None, settings: Any, stalled: str
) -> None:
    settings.REDIS_URL = stalled
    started = time.monotonic()
    rates.take("user:a")
    rates.take("user:a")
    assert asyncio.run(_taken(Pacer(), "user:a", 5)) == 1
    assert time.monotonic() - started < 1


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[str]:
    """The address of something that takes a connection and never answers."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        yield f"unix://{tmp_path}/s?db=0"


def test_a_guest_is_a_sender_in_one_conversation() -> None:
    conversation = ConversationFactory()
    assert rates.sender(Guest(conversation.pk), conversation) == f"guest:{conversation.pk}"
