"""Clocks whose moment has come, found among a thousand that run and among a million.

``BENCH_CLOCKS=1000,100000`` measures fewer.
"""

import os
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from cases import cases, ledger, sla
from cases.defaults import clocks as defaults
from cases.drafts import Author, Draft, Stored
from cases.models import Clock, Conversation
from cases.writer import write
from portal.access import System
from tests.benchmarks import desks
from tests.benchmarks.harness import ROUNDS, note, timed
from tests.factories import ConversationFactory, PatientFactory

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

SIZES = [int(size) for size in os.environ.get("BENCH_CLOCKS", "1000,1000000").split(",")]
DUE, TIMES = 200, 5
# Running clocks like the one there is; the first have run out, the rest are to come.
MOMENT = f"now() + (g - {DUE}) * interval '1 s'"


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("SET synchronous_commit = off")
        yield owner


def _fill(owner: psycopg.Connection, size: int) -> None:
    case = cases.open_case(System("intake"), channel="portal", patient=PatientFactory())
    pattern = case.clocks.get(kind="resolution")
    owner.execute("DELETE FROM cases_clock WHERE id >= %s", [desks.FIRST])
    different = {"case_id": f"{desks.FIRST} + g", "due_at": MOMENT, "next_moment_at": MOMENT}
    desks._repeat(owner, Clock, pattern.pk, size, different)
    owner.execute("ANALYZE cases_clock")


def _found() -> int:
    with transaction.atomic():
        due = sla.due_clocks(timezone.now()).select_for_update(no_key=True, skip_locked=True)
        return len(due[: sla.MOST_AT_ONCE])


def test_due_clocks_among_many(owner: psycopg.Connection) -> None:
    """Reach: under 50 ms for a page of due clocks among a million, and no dearer than among a thousand."""
    defaults.install()
    figures: dict[int, list[float]] = {}
    for size in SIZES:
        _fill(owner, size)
        assert _found() >= DUE - 1
        timed(_found, TIMES)
        figures[size] = [timed(_found, TIMES) for _ in range(ROUNDS)]
    few = figures[SIZES[0]]
    for size in SIZES[1:]:
        pairs = list(zip(figures[size], few, strict=True))
        note(f"{DUE} due of {size:,} clocks (floor: of {SIZES[0]:,})", "us", pairs, target="<= 1.5, < 50 ms")


def test_a_batch_of_messages_with_and_without_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """25 customers write again; then each is answered and asks back, which turns a clock of every case twice."""
    defaults.install()
    chats = [_chat() for _ in range(25)]
    heard = ledger.sla.spoken

    def batch(*roles: str) -> None:
        drafts = [
            Draft(chat.pk, Author(role, "guest"), "Hello", client_id=uuid4())
            for chat in chats
            for role in roles
        ]
        assert all(isinstance(outcome, Stored) for outcome in write(drafts))

    for name, roles in (("write", ["customer"]), ("write and are answered", ["agent", "customer"])):
        pairs = []
        for _ in range(ROUNDS):
            monkeypatch.setattr(ledger.sla, "spoken", heard)
            ours = timed(lambda: batch(*roles), TIMES)  # noqa: B023 - called at once
            monkeypatch.setattr(ledger.sla, "spoken", lambda said: None)
            pairs.append((ours, timed(lambda: batch(*roles), TIMES)))  # noqa: B023 - called at once
        note(f"25 {name}, with clocks (floor: without)", "us", pairs)


def _chat() -> Conversation:
    case = cases.open_case(System("intake"), channel="chat", patient=PatientFactory())
    return ConversationFactory(case=case, patient=case.patient, channel="chat", state="open")
