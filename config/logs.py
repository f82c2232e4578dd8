"""Logs: JSON in production, readable elsewhere, and never a word about a patient.

Our own events are a fixed sentence and keys out of ALLOWED_KEYS; anything else is dropped before it is
written. Of other people's records only the sentence is kept, not what they would fill in, but for the
few loggers of SPOKEN. Of an exception the type and the places are kept, not its text, which often quotes
the row. Who did it and in which case comes from `bound`.
"""

import logging
import logging.config
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

ALLOWED_KEYS = frozenset(
    {
        *("event", "level", "logger", "timestamp", "places", "error"),
        *("request_id", "case_id", "actor_id", "session_id", "task", "task_id", "method", "path", "status"),
        *("milliseconds", "count", "kind", "outcome", "partner", "operation", "attempt", "part", "state"),
        *(
            "port",
            "number",
            "seconds",
            "reason_code",
            "realm",
            "key_id",
            "object_type",
            "object_id",
            "channel",
        ),
        *("conversation_id", "size", "signal", "setting"),
    }
)
SPOKEN = ("uvicorn", "celery", "django.server", "django.db.migrations", "whitenoise", "watchfiles")
ACCESS = "uvicorn.access"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
bound = structlog.contextvars.bound_contextvars
EventDict = MutableMapping[str, Any]


def keep_allowed(logger: Any, name: str, event: EventDict) -> EventDict:
    """Drop every key that is not on the list, and every value that is not a plain one."""
    return {
        key: value
        for key, value in event.items()
        if key.startswith("_") or (key in ALLOWED_KEYS and isinstance(value, str | int | float | bool | None))
    }


def only_sentence(logger: Any, name: str, event: EventDict) -> EventDict:
    """Of another library's record keep its sentence without what it would fill in."""
    record: logging.LogRecord | None = event.get("_record")
    if record is None or event.get("_from_structlog"):
        return event
    if record.name == ACCESS:
        event["event"] = _access_line(event.get("positional_args"), str(record.msg))
    elif not record.name.startswith(SPOKEN):
        event["event"] = str(record.msg)
    return event


def _access_line(values: Any, sentence: str) -> str:
    """Method, path and status. A query string holds what people search for."""
    if isinstance(values, tuple) and len(values) == 5:
        _, method, path, _, status = values
        return f"{method} {str(path).partition('?')[0]} {status}"
    return sentence


def places_of_error(logger: Any, name: str, event: EventDict) -> EventDict:
    """The type of an exception and where it passed, without its text."""
    error = event.pop("exc_info", None)
    error = sys.exc_info() if error is True else error
    error = error[1] if isinstance(error, tuple) else error
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["places"] = " > ".join(
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]
        )
    return event


class Stderr(logging.StreamHandler):
    """Standard error as it is at the moment of writing: servers and tests exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(profile: str, level: str) -> dict[str, Any]:
    """Set up logging for the whole process and give back what was set up."""
    renderer = (
        structlog.processors.JSONRenderer()
        if profile == "production"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    settings = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": structlog.stdlib.ProcessorFormatter, **_formatting(renderer)}},
        "handlers": {"stderr": {"()": Stderr, "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            name: {"handlers": [], "propagate": True} for name in ("uvicorn", ACCESS, "uvicorn.error")
        }
        | {"django.request": {"level": "ERROR"}, "httpx": {"level": "WARNING"}, "axes": {"level": "WARNING"}},
    }
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return settings


def _formatting(renderer: Any) -> dict[str, Any]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return {
        "foreign_pre_chain": SHARED,
        "pass_foreign_args": True,
        "processors": [places_of_error, only_sentence, keep_allowed, remove, renderer],
    }
