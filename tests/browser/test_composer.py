"""The composer under a slow or lost line, hasty fingers and another case opened between: no word is lost."""

import re
import time
from collections.abc import Iterator

import pytest
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


def slow(route: Route) -> None:
    time.sleep(1.5)
    route.continue_()


def sent(page: Page, words: str) -> None:
    page.locator("#composer-body").click()
    page.keyboard.type(words)
    page.keyboard.press("Control+Enter")


def test_words_typed_while_a_reply_is_under_way_stay(agent: Page) -> None:
    a_guests_case(agent, "Slow line")
    body = agent.locator("#composer-body")
    agent.route("**/say/", slow)
    sent(agent, "First sentence.")
    agent.keyboard.type(" And a second one")
    agent.keyboard.press("Control+Enter")
    expect(agent.locator(".held")).to_contain_text("First sentence.")
    expect(agent.locator(".held")).to_have_count(1)
    expect(body).to_have_value("And a second one")
    expect(agent.locator("#draft-status")).to_have_text("Draft saved")
    agent.reload()
    expect(body).to_have_value("And a second one")


PAPER = {"name": "order form.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}


@pytest.mark.parametrize("spoken", [False, True])
def test_a_file_is_taken_up_whether_or_not_somebody_has_spoken(agent: Page, spoken: bool) -> None:
    """Where nobody has said anything on the case yet it is the patient's, and goes with the first words."""
    a_patients_case(agent, "patient@demo.example", f"Order form {spoken}")
    if spoken:
        agent.keyboard.press("n")
        sent(agent, "They want the form.")
        expect(agent.locator("#thread")).to_contain_text("They want the form.")
        agent.reload()
    assert bool(agent.locator("[data-speaking]").get_attribute("data-speaking")) is spoken
    agent.locator("#composer [data-attach]").set_input_files(PAPER)
    expect(agent.locator("#composer [data-attached]")).to_have_text(re.compile(r"order form\.pdf\s*×"))
    expect(agent.locator("#composer [name=attachments]")).to_have_value(re.compile(r"^[0-9a-f-]{36}$"))
    agent.keyboard.press("n")
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
    agent.route("**/undo/", slow)
    undo = agent.locator(".held [data-undo]")
    expect(undo).to_be_visible()
    undo.dblclick()
    other = agent.locator(f"#queue .queue-row:not([data-opens-case='{first}'])")
    other.first.click()
    expect(agent.locator("#case-head")).not_to_have_attribute("data-case", first)
    agent.wait_for_timeout(2500)
    expect(agent.locator("#composer-body")).to_have_value("")
    agent.goto(f"/console/cases/{first}/")
    expect(agent.locator("#composer-body")).to_have_value("See the form.")
