"""Logs: JSON in production, readable elsewhere, and never a word about a patient.

Our own events are a fixed sentence and keys out of ALLOWED_KEYS; anything else is dropped before it is
written. Of other people's records only a sentence that stands in their code is kept, and of what they would
fill in only numbers: whoever they are, an exception's text may be among it. Of an exception the type and the
places are kept, not its text, which often quotes the row. Who did it and in which case comes from `bound`.
"""

import json
import logging
import logging.config
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from types import FrameType
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
ACCESS = "uvicorn.access"
# what Celery tells of a task, beside what it was given and what it raised
OF_A_TASK = frozenset({"name", "id", "description"})
BUILT = "Words that stand in nobody's code were left out."
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
    """Of another library's record keep its sentence, with the numbers that it would fill in."""
    record: logging.LogRecord | None = event.get("_record")
    if record is None or event.get("_from_structlog"):
        return event
    given = event.get("positional_args")
    if record.name == ACCESS:
        event["event"] = _access_line(given, str(record.msg))
    elif given:
        event["event"] = _filled(str(record.msg), given, record.name.startswith("celery."))
    elif not _stands_in_code(record):
        event["event"] = BUILT
        event.setdefault("places", f"{record.pathname}:{record.lineno} {record.funcName}")
    return event


class Unsaid:
    """Stands for what is not said."""

    def __str__(self) -> str:
        return "%s"

    __repr__ = __str__


def _filled(sentence: str, given: Any, of_celery: bool) -> str:
    """The sentence with its numbers, and with which task it was; as it stands where a number can't be left out."""
    told: Any
    if isinstance(given, Mapping):
        tells = OF_A_TASK if of_celery else ()
        told = {name: value if name in tells else _number(value) for name, value in given.items()}
    else:
        told = tuple(_number(value) for value in given)
    try:
        return str(sentence % told)
    except (TypeError, ValueError, KeyError):
        return sentence


def _number(value: Any) -> Any:
    return value if type(value) in (int, float, bool) else Unsaid()


def _stands_in_code(record: logging.LogRecord) -> bool:
    """Whether the sentence is a constant of whoever logs it, not put together from what they have in hand."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if (frame.f_code.co_filename, frame.f_lineno) == (record.pathname, record.lineno):
            return record.msg in frame.f_code.co_consts
        frame = frame.f_back
    return False


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

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """A record that can't be written is named. logging itself would quote it."""
        with suppress(OSError, ValueError):
            self.stream.write(
                json.dumps({"event": "A line could not be written.", "logger": record.name}) + "\n"
            )


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
        "use_get_message": False,
        "processors": [places_of_error, only_sentence, keep_allowed, remove, renderer],
    }
