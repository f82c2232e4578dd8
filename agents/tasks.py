"""What the worker does for the floor."""

from celery import shared_task

from agents import presence

SCHEDULE = {"agents.tasks.sweep_presence": 15}


@shared_task
def sweep_presence() -> int:
    return presence.sweep()
