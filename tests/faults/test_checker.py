"""A checker that finds nothing proves nothing: each broken promise, planted, is found."""

import uuid

import pytest
from django.db import connection

from tests.factories import ConversationFactory, message_in
from tests.faults.checker import faults
from tests.faults.clients import Account

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def account() -> Account:
    """Three messages, as told and as stored."""
    conversation = ConversationFactory(channel="chat")
    ids = [str(message_in(conversation).client_id) for _ in range(3)]
    seqs = dict(zip(ids, (1, 2, 3), strict=True))
    return Account(str(conversation.pk), {"a": ids}, seqs, {"b": [(seq, each) for each, seq in seqs.items()]})


def found(account: Account) -> str:
    connection.ensure_connection()
    return " ".join(faults(account, connection.connection))


def test_a_whole_run_has_no_faults(account: Account) -> None:
    assert found(account) == ""


def test_each_broken_promise_is_found(account: Account) -> None:
    first, second, _ = account.attempted["a"]
    broken = {
        "J1": Account(account.conversation, account.attempted, {str(uuid.uuid4()): 4}, account.seen),
        "J3": Account(
            account.conversation, {"a": account.attempted["a"][::-1]}, account.acknowledged, account.seen
        ),
        "J4": Account(account.conversation, {"a": [first, second]}, account.acknowledged, account.seen),
        "J7": Account(
            account.conversation, account.attempted, account.acknowledged, {"b": account.seen["b"][1:]}
        ),
    }
    for promise, told in broken.items():
        assert promise in found(told)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cases_message SET seq = 9 WHERE seq = 2")
    assert "J3: seq has a gap" in found(account)
