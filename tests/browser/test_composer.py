"""The composer under a slow or lost line, hasty fingers and another case opened between: no word is lost."""

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.browser.keyboard import a_guests_case, a_patients_case, case_of
from tests.browser.visitors import Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def agent(demo: Running) -> Iterator[Page]:
    page = demo.person("agent", "wide")
    page.goto("/console/")
    yield page
    page.context.close()


class Slow:
    """A line that lets nothing through until it is told to; no clock decides what comes first."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.waiting = page, list[Route]()
        page.route(address, lambda route: self.waiting.append(route))  # Playwright marks what it is given

    def holds(self, number: int) -> None:
        while len(self.waiting) < number:
            self.page.wait_for_timeout(50)

    def let_through(self) -> None:
        while self.waiting:
            self.waiting.pop(0).continue_()


def sent(page: Page, words: str) -> None:
    page.locator("#composer-body").click()
    page.keyboard.type(words)
    page.keyboard.press("Control+Enter")


def a_note(page: Page) -> None:
    """By its tab: where the words have the focus already, a key would be one of them."""
    page.locator(".compose-tabs [data-kind='note']").click()


def test_words_typed_while_a_reply_is_under_way_stay(agent: Page) -> None:
    a_guests_case(agent, "Slow line")
    body = agent.locator("#composer-body")
    line = Slow(agent, "**/say/")
    sent(agent, "First sentence.")
    line.holds(1)
    agent.keyboard.type(" And a second one")
    agent.keyboard.press("Control+Enter")
    line.let_through()
    expect(agent.locator(".held")).to_contain_text("First sentence.")
    expect(agent.locator(".held")).to_have_count(1)
    expect(body).to_have_value("And a second one")
    expect(agent.locator("#draft-status")).to_have_text("Draft saved")
    agent.reload()
    expect(body).to_have_value("And a second one")


def paper() -> bytes:
    """A page that passes its checks: what does not is taken out of reach, and goes with no words."""
    page = BytesIO()
    Image.new("RGB", (200, 300), "white").save(page, "PDF")
    return page.getvalue()


PAPER = {"name": "order form.pdf", "mimeType": "application/pdf", "buffer": paper()}


@pytest.mark.parametrize("spoken", [False, True])
def test_a_file_is_taken_up_whether_or_not_somebody_has_spoken(agent: Page, spoken: bool) -> None:
    """Where nobody has said anything on the case yet it is the patient's, and goes with the first words."""
    a_patients_case(agent, "patient@demo.example", f"Order form {spoken}")
    if spoken:
        a_note(agent)
        sent(agent, "They want the form.")
        expect(agent.locator("#thread")).to_contain_text("They want the form.")
        agent.reload()
    assert bool(agent.locator("[data-speaking]").get_attribute("data-speaking")) is spoken
    agent.locator("#composer [data-attach]").set_input_files(PAPER)
    expect(agent.locator("#composer [data-attached]")).to_have_text(re.compile(r"order form\.pdf\s*×"))
    expect(agent.locator("#composer [name=attachments]")).to_have_value(re.compile(r"^[0-9a-f-]{36}$"))
    a_note(agent)
    sent(agent, "As they sent it.")
    expect(agent.locator("#thread .files")).to_have_count(1)


def test_a_reply_whose_answer_was_lost_is_not_sent_twice(agent: Page) -> None:
    a_guests_case(agent, "Lost answer")
    body = agent.locator("#composer-body")

    def lost(route: Route) -> None:
        route.fetch()
        route.abort()

    agent.route("**/say/", lost)
    sent(agent, "It ships tomorrow.")
    expect(agent.locator("#composer-says")).not_to_be_empty()
    expect(body).to_have_value("It ships tomorrow.")
    agent.unroute("**/say/")
    agent.keyboard.type(" Early.")
    agent.keyboard.press("Control+Enter")
    expect(agent.locator("#composer-says [data-twice]")).to_be_visible()
    expect(agent.locator(".held")).to_contain_text("It ships tomorrow.")
    expect(body).to_have_value("It ships tomorrow. Early.")


def test_what_is_taken_back_brings_its_files_and_only_to_its_own_case(agent: Page) -> None:
    a_guests_case(agent, "Wrong file")
    first = case_of(agent)
    sent(agent, "See the form.")
    line = Slow(agent, "**/undo/")
    undo = agent.locator(".held [data-undo]")
    expect(undo).to_be_visible()
    undo.dblclick()
    line.holds(1)
    other = agent.locator(f"#queue .queue-row:not([data-opens-case='{first}'])")
    other.first.click()
    expect(agent.locator("#case-head")).not_to_have_attribute("data-case", first)
    with agent.expect_response("**/undo/"):
        line.let_through()
    agent.wait_for_timeout(500)
    expect(agent.locator("#composer-body")).not_to_have_value(re.compile("See the form"))
    agent.goto(f"/console/cases/{first}/")
    expect(agent.locator("#composer-body")).to_have_value("See the form.")
