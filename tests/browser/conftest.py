"""One Chromium for all stories, and one demo: engines, web, worker, beat and the outside world."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from config import embedded
from tests.browser import stage
from tests.browser.visitors import Running
from tests.demo import Demo, free_ports


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not Path(stage.CHROMIUM).exists():
        reason = f"{stage.CHROMIUM} is missing: install Debian's chromium"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with stage.chromium() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """BROWSER_DEMO=port:folder takes a demo that runs already: for those who write a story."""
    if running := os.environ.get("BROWSER_DEMO"):
        port, _, folder = running.partition(":")
        yield Running(browser, int(port), Path(folder))
        return
    var, port = tmp_path_factory.mktemp("demo"), free_ports()
    # Enough that more than one case stands open, whatever the hour.
    started = Demo(var, port, PATIENTS="60")
    try:
        started.greeting()
        yield Running(browser, port, var)
    finally:
        started.stop()
        embedded.erase(embedded.of(var))


@pytest.fixture(autouse=True)
def nothing_left_to_tell(request: pytest.FixtureRequest) -> None:
    """Problems of an earlier story are not this one's."""
    if "demo" in request.fixturenames:
        request.getfixturevalue("demo").told()
