"""Clocks whose moment has come, found among a thousand that run and among a million.

``BENCH_CLOCKS=1000,100000`` measures fewer.
"""

import os
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cases import cases, sla
from cases.defaults import clocks as defaults
from portal.access import System
from tests.benchmarks.harness import ROUNDS, note, timed
from tests.factories import PatientFactory

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

SIZES = [int(size) for size in os.environ.get("BENCH_CLOCKS", "1000,1000000").split(",")]
DUE, TIMES = 500, 5
# Running clocks like the one there is, each of a case of its own; the first have run out, the rest are to come.
CASES = """
    INSERT INTO cases_case SELECT (jsonb_populate_record(c, jsonb_build_object(
        'id', 10000000 + g, 'ref', gen_random_uuid(), 'number', 'K-' || g))).*
    FROM cases_case c, generate_series(1, %s) g WHERE c.id = %s
"""
CLOCKS = """
    INSERT INTO cases_clock SELECT (jsonb_populate_record(k, jsonb_build_object(
        'id', 10000000 + g, 'case_id', 10000000 + g,
        'due_at', now() + (g - %s) * interval '1 s', 'next_moment_at', now() + (g - %s) * interval '1 s'))).*
    FROM cases_clock k, generate_series(1, %s) g WHERE k.id = %s
"""


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("SET synchronous_commit = off")
        yield owner


def _fill(owner: psycopg.Connection, size: int) -> None:
    case = cases.open_case(System("intake"), channel="portal", patient=PatientFactory())
    pattern = case.clocks.get(kind="resolution")
    owner.execute("DELETE FROM cases_clock WHERE id > 10000000")
    owner.execute("DELETE FROM cases_case WHERE id > 10000000")
    owner.execute(CASES, [size, case.pk])
    owner.execute(CLOCKS, [DUE, DUE, size, pattern.pk])
    owner.execute("ANALYZE")


def _found() -> int:
    with transaction.atomic():
        due = sla.due_clocks(timezone.now()).select_for_update(no_key=True, skip_locked=True)
        return len(due[: sla.MOST_AT_ONCE])


def _empty() -> int:
    """The same statement where nothing is due."""
    with transaction.atomic():
        long_ago = timezone.now() - timedelta(days=900)
        return len(
            sla.due_clocks(long_ago).select_for_update(no_key=True, skip_locked=True)[: sla.MOST_AT_ONCE]
        )


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


def test_messages_that_turn_no_clock(owner: psycopg.Connection) -> None:
    """What the clocks add to a batch of 25 messages: one look, beside the emptiest query there is."""
    defaults.install()
    _fill(owner, 25)
    said = {10000000 + n: ["customer_spoke"] for n in range(1, 26)}
    sla.spoken(said)

    def nothing() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    pairs = [(timed(lambda: sla.spoken(said), 50), timed(nothing, 50)) for _ in range(ROUNDS)]
    note("25 cases looked at for a batch (floor: SELECT 1)", "us", pairs)
