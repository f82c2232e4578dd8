"""Alive, fit, counted: the three pages of those who run the system."""

import time
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from config import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def worker_alive(valkey):
    health.beat("celery")
    health.beat("partners")
    health.beat("files")


def state(client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["parts"]


def test_alive(client):
    assert client.get("/healthz").status_code == 200


def test_alive_asks_no_part(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/healthz")


def test_ready_where_every_part_is_well(client):
    assert state(client) == (
        200,
        dict.fromkeys(
            ["database", "role", "clock", "valkey", "worker", "partners", "files", "storage"], "ok"
        ),
    )


def test_silent_worker_is_named(client):
    cache.set(f"{health.HEARTBEAT}-celery", time.time() - 1000)
    status, parts = state(client)
    assert status == 503
    assert parts["worker"].startswith("last heartbeat 1000 s ago")
    assert parts["partners"] == "ok"
    cache.delete(f"{health.HEARTBEAT}-celery")
    assert state(client)[1]["worker"] == "no heartbeat yet"


def test_clock_that_is_off_is_named(client, monkeypatch):
    """The clock is set wrong by ten minutes, against a database that is right."""
    now = timezone.now
    monkeypatch.setattr(health.timezone, "now", lambda: now() + timedelta(minutes=10))
    status, parts = state(client)
    assert (status, parts["clock"]) == (503, "600 s away from the database's clock")


def test_clock_within_the_limit_is_well(client, monkeypatch):
    now = timezone.now
    monkeypatch.setattr(health.timezone, "now", lambda: now() - timedelta(seconds=1))
    assert state(client)[1]["clock"] == "ok"


def test_database_that_fails_is_named_and_nothing_is_told(client, monkeypatch):
    def fail() -> None:
        raise RuntimeError("password=secret")

    monkeypatch.setattr(connection, "cursor", fail)
    status, parts = state(client)
    assert (status, parts["database"]) == (503, "does not answer (RuntimeError)")


def test_valkey_that_is_gone_is_named(client, settings):
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    status, parts = state(client)
    assert status == 503
    assert parts["valkey"] == "does not answer (ConnectionError)"
    assert parts["database"] == "ok"


def test_full_disk_is_named(client, monkeypatch):
    monkeypatch.setattr(health, "LEAST_FREE_BYTES", 1 << 60)
    assert state(client)[1]["storage"] == "is nearly full"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "demo-metrics-token"}]
)
def test_metrics_want_their_token(client, header):
    assert client.get("/metrics", headers=header).status_code == 401


def test_metrics_with_their_token(client, settings):
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {settings.METRICS_TOKEN}"})
    assert answer.status_code == 200
    assert b"process_resident_memory_bytes" in answer.content


def test_metrics_without_a_token_set_are_shut(client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401
