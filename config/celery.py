"""Background work. Tasks carry ids alone; each app's tasks module is found by its name.

The schedule is static and belongs to the tasks: a tasks module says ``SCHEDULE = {"its.task": seconds}``.
Periodic tasks look at rows that are due, so a missed or a doubled run does no harm. It names in ``PARTNERS`` those of
them that wait for somebody outside, and in ``FILES`` those that inspect what anybody may send: both have a queue and a
worker of their own, so that no clock waits for a mail server and no mail for a film.
"""

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import module_has_submodule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logs(**_: object) -> None:
    """Celery would set up logs of its own; the settings have done it already."""


@celeryd_init.connect
@beat_init.connect
def only_when_fit(**_: object) -> None:
    """Celery logs what its receivers raise and goes on: only leaving stops it."""
    from config.checks import refuse_unfit

    try:
        refuse_unfit()
    except ImproperlyConfigured as unfit:
        raise SystemExit(str(unfit)) from None


@app.on_after_finalize.connect
def plan(sender: Celery, **_: object) -> None:
    """Join the schedules of all apps."""
    for tasks in _modules():
        for name, seconds in getattr(tasks, "SCHEDULE", {}).items():
            sender.conf.beat_schedule[name] = {"task": name, "schedule": float(seconds)}


def queue_of(name: str, *_given: Any, **_named: Any) -> dict[str, str] | None:
    """Celery's router: which queue a task waits in."""
    return {"queue": queue} if (queue := _elsewhere().get(name)) else None


@cache
def _elsewhere() -> dict[str, str]:
    """The queue of each task that has one of its own."""
    queues = {"partners": "PARTNERS", "files": "FILES"}
    return {
        name: queue
        for tasks in _modules()
        for queue, named in queues.items()
        for name in getattr(tasks, named, ())
    }


def _modules() -> Iterator[ModuleType]:
    for config in apps.get_app_configs():
        if config.module and module_has_submodule(config.module, "tasks"):
            yield import_module(f"{config.name}.tasks")
