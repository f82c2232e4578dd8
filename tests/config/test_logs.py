"""Nothing about a patient gets into a log, whoever writes the line (R-SEC-1)."""

import json
import logging

import pytest
import structlog

from config import logs

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
    assert written()[0]["event"] == "Started server process [5]"


def test_demo_is_readable(capsys):
    logs.configure("demo", "INFO")
    structlog.get_logger("cases").warning("A case is late.", case_id=7)
    assert "A case is late." in capsys.readouterr().err
    logs.configure("test", "INFO")
