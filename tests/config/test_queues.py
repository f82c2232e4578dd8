"""What waits for somebody outside has a queue of its own, so that no clock waits for a mail server (R-SLA-3)."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from django.core.cache import cache

from config import celery, health
from config.tasks import heartbeat, heartbeat_of_files, heartbeat_of_partners
from portal.tasks import process_upload, send_account_mail, sweep_uploads

ELSEWHERE = celery._elsewhere()


class Waiting:
    """How many tasks wait in each queue."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel

    def __getitem__(self, queue: str) -> int:
        return int(self.channel._size(queue))


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    with celery.app.connection_for_write() as connection:
        channel = connection.default_channel
        for queue in celery.app.amqp.queues.values():
            queue.bind(channel).declare()
            queue.bind(channel).purge()
        yield Waiting(channel)
        for queue in celery.app.amqp.queues.values():
            queue.bind(channel).purge()


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_a_task_with_a_queue_of_its_own_is_one_that_there_is(name: str) -> None:
    assert name in celery.app.tasks


def test_all_that_talks_to_a_partner_waits_in_its_queue(waiting: Waiting) -> None:
    celery.app.send_task("cases.tasks.send_notice", [0])
    heartbeat_of_partners.delay()
    heartbeat.delay()
    assert (waiting["partners"], waiting["celery"]) == (2, 1)


def test_no_letter_waits_for_a_file(waiting: Waiting) -> None:
    """Files are anybody's to send and may take minutes: four of them held up the codes people sign in by."""
    process_upload.delay(0)
    sweep_uploads.delay()
    heartbeat_of_files.delay()
    send_account_mail.delay(0)
    assert (waiting["files"], waiting["partners"], waiting["celery"]) == (3, 1, 0)


def test_a_worker_of_the_clocks_never_takes_up_what_waits_for_a_partner(waiting: Waiting) -> None:
    for queue in ("celery", "partners"):
        cache.delete(f"{health.HEARTBEAT}-{queue}")
    for _partner in range(8):
        heartbeat_of_partners.delay()
    with start_worker(celery.app, queues=["celery"], pool="solo", perform_ping_check=False):
        heartbeat.delay()
        ends = time.monotonic() + 20
        while cache.get(f"{health.HEARTBEAT}-celery") is None and time.monotonic() < ends:
            time.sleep(0.05)
    assert cache.get(f"{health.HEARTBEAT}-celery") is not None
    assert cache.get(f"{health.HEARTBEAT}-partners") is None
    assert waiting["partners"] == 8
