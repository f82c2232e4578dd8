"""The worker's sign of life."""

from celery import shared_task
from celery.signals import worker_ready

from config import health

SCHEDULE = {"config.tasks.heartbeat": 20}


@shared_task(name="config.tasks.heartbeat")
def heartbeat() -> None:
    health.beat()


@worker_ready.connect
def first_heartbeat(**_: object) -> None:
    health.beat()
