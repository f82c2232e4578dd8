"""Tasks act for whoever asked for them: the context of the trail goes along in the message's headers."""

from dataclasses import asdict
from typing import Any

from celery import signals

from config.security.audit import Context, context

HEADER = "trail"


def install() -> None:
    """Carry the context from whoever sends a task to the worker that runs it."""
    signals.before_task_publish.connect(_send, weak=False)
    signals.task_prerun.connect(_take, weak=False)
    signals.task_postrun.connect(_drop, weak=False)


def _send(headers: dict[str, Any], **_: Any) -> None:
    """Everything but the typed reason, which may hold anything."""
    known = asdict(context.get())
    del known["reason"]
    headers[HEADER] = known


def _take(task: Any, **_: Any) -> None:
    """A task that nobody asked for, the beat's, goes by its own name."""
    known = getattr(task.request, HEADER, None) or {"actor_name": task.name[-40:], "realm": "system"}
    task.request.trail_token = context.set(Context(**known))


def _drop(task: Any, **_: Any) -> None:
    context.reset(task.request.trail_token)
