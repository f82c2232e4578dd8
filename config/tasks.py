"""The workers' signs of life, one for each queue."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from config import health

SCHEDULE = {
    "config.tasks.heartbeat": 20,
    "config.tasks.heartbeat_of_partners": 20,
    "config.tasks.heartbeat_of_files": 20,
}
PARTNERS = {"config.tasks.heartbeat_of_partners"}
FILES = {"config.tasks.heartbeat_of_files"}


@shared_task(name="config.tasks.heartbeat")
def heartbeat() -> None:
    health.beat("celery")


@shared_task(name="config.tasks.heartbeat_of_partners")
def heartbeat_of_partners() -> None:
    health.beat("partners")


@shared_task(name="config.tasks.heartbeat_of_files")
def heartbeat_of_files() -> None:
    health.beat("files")


@worker_ready.connect
def first_heartbeat(sender: Any, **_: object) -> None:
    for queue in sender.app.amqp.queues.consume_from:
        health.beat(queue)
