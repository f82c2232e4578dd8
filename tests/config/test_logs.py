"""Nothing about a patient gets into a log, whoever writes the line (R-SEC-1)."""

import asyncio
import gc
import json
import logging
from datetime import date

import pytest
import structlog
from celery.app.trace import build_tracer

from config import logs
from config.celery import app

CANARY = "Canary Birdwhistle 1947-03-02"


@pytest.fixture
def written(capsys):
    """What a production process writes, line by line."""
    logs.configure("production", "INFO")

    def read() -> list[dict[str, object]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    logs.configure("test", "INFO")


def test_our_line_carries_ids_and_a_moment(written):
    with logs.bound(request_id="r1", case_id=7, actor_id=3):
        structlog.get_logger("cases").info("A case was closed.", outcome="solved")
    (line,) = written()
    assert line.pop("timestamp")
    assert line == {
        **{"event": "A case was closed.", "level": "info", "logger": "cases", "outcome": "solved"},
        **{"request_id": "r1", "case_id": 7, "actor_id": 3},
    }


def test_key_that_is_not_allowed_is_dropped(written):
    structlog.get_logger("cases").info("A case was opened.", name=CANARY, kind={"name": CANARY}, case_id=7)
    (line,) = written()
    assert CANARY not in str(line)
    assert line["case_id"] == 7


def test_other_peoples_records_keep_their_sentence_alone(written):
    logging.getLogger("some.library").error("Could not save %s", CANARY, extra={"row": CANARY})
    (line,) = written()
    assert line["event"] == "Could not save %s"
    assert CANARY not in str(line)


def test_exception_keeps_its_type_and_places_alone(written):
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("django.request").exception("Failed: %s", CANARY)
        structlog.get_logger("cases").exception("Failed.")
    for line in written():
        assert CANARY not in str(line)
        assert line["error"] == "ValueError"
        assert "test_logs.py" in str(line["places"])


def test_query_string_is_cut_from_the_access_log(written):
    record = ("127.0.0.1:1", "GET", f"/search?q={CANARY}", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *record)
    (line,) = written()
    assert line["event"] == "GET /search 200"


def test_servers_words_are_kept(written):
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 5)
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    assert [line["event"] for line in written()] == [
        "Started server process [5]",
        "Application startup complete.",
    ]


def _fails(_number):
    date.fromisoformat(CANARY)


def test_a_task_that_fails_is_named_and_not_what_it_raised(written):
    """Celery puts the exception's text, the arguments and the traceback into the sentence."""
    task = app.task(_fails, name="tests.fails")
    run = build_tracer("tests.fails", task, app=app, eager=False)
    try:
        run("id1", (CANARY,), {}, request={"id": "id1", "args": (CANARY,), "kwargs": {}, "hostname": "h"})
    finally:
        app.tasks.pop("tests.fails")
    (line,) = written()
    assert line["event"] == "Task tests.fails[id1] raised unexpected: %s"
    assert line["error"] == "ValueError"
    assert "test_logs.py" in str(line["places"])
    assert "Birdwhistle" not in str(line)


def test_a_lost_asyncio_task_is_not_quoted(written):
    """asyncio puts the task, and what it raised, into the sentence itself."""

    async def lose() -> None:
        lost = asyncio.get_running_loop().create_task(asyncio.to_thread(_fails, 1))
        await asyncio.wait([lost])

    asyncio.run(lose())
    gc.collect()
    (line,) = written()
    assert (line["logger"], line["error"]) == ("asyncio", "ValueError")
    assert "Birdwhistle" not in str(line)


@pytest.mark.parametrize(
    "name", ["celery.redirected", "uvicorn.error", "django.db.migrations", "some.library"]
)
def test_a_sentence_that_was_put_together_is_not_written(written, name):
    logger, error = logging.getLogger(name), ValueError(CANARY)
    logger.error(f"Failed: {error}")
    logger.error(error)
    logger.error("Failed: " + str(error))
    logger.error("Failed: %r" % error)  # noqa: UP031
    logger.error("Failed: %s after %d s", error, 5)
    lines = written()
    assert [line["event"] for line in lines] == [*[logs.BUILT] * 4, "Failed: %s after 5 s"]
    assert all("test_logs.py" in str(line["places"]) for line in lines[:4])
    assert "Birdwhistle" not in str(lines)


@pytest.mark.parametrize(
    ("sentence", "given"),
    [
        (CANARY, ()),
        ("Failed: %d", (CANARY,)),
        ("Failed: %s %s", (CANARY,)),
        ("Failed: %s %(who)s", (CANARY,)),
    ],
)
def test_a_record_nobody_logs_or_that_does_not_fit_is_not_quoted(written, sentence, given):
    record = logging.makeLogRecord({"name": "some.library", "msg": sentence, "args": given})
    next(one for one in logging.getLogger().handlers if isinstance(one, logs.Stderr)).handle(record)
    (line,) = written()
    assert line["event"] == (sentence if given else logs.BUILT)
    assert "Birdwhistle" not in str(line)


def test_a_line_that_cannot_be_written_is_not_quoted(written, monkeypatch):
    def fail(*_):
        raise RuntimeError(CANARY)

    monkeypatch.setattr(logs.Stderr, "format", fail)
    logging.getLogger("some.library").error("Failed: %s", CANARY)
    assert written() == [{"event": "A line could not be written.", "logger": "some.library"}]


def test_demo_is_readable(capsys):
    logs.configure("demo", "INFO")
    structlog.get_logger("cases").warning("A case is late.", case_id=7)
    assert "A case is late." in capsys.readouterr().err
    logs.configure("test", "INFO")
