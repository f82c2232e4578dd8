"""Every benchmark notes what it measured, and the run ends with one table.

``BENCH_CASES=1000,100000`` measures desks of other sizes; each is beside the first.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.benchmarks import harness
from tests.benchmarks.desks import Desk, desks, open_database

SIZES = [int(size) for size in os.environ.get("BENCH_CASES", "1000,100000,1000000").split(",")]


@pytest.fixture(scope="session")
def filled(django_db_blocker: Any) -> Iterator[list[Desk]]:
    """The same desks for all: to fill them takes longer than to measure."""
    usual = str(connection.settings_dict["NAME"])
    with django_db_blocker.unblock(), desks(*SIZES) as made:
        open_database(usual)
        yield made


@pytest.fixture(autouse=True)
def usual_database() -> Iterator[None]:
    """A benchmark that opened a desk leaves the next one where it would be without."""
    usual = str(connection.settings_dict["NAME"])
    yield
    open_database(usual)


@pytest.fixture(autouse=True)
def noting() -> Iterator[None]:
    before = len(harness.noted)
    yield
    assert len(harness.noted) > before, "A benchmark notes what it measured (tests/benchmarks/harness.py)."


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if harness.noted:
        harness.keep(harness.noted)
        terminalreporter.section("ours beside bare floors")
        terminalreporter.write_line(harness.table(harness.noted))
