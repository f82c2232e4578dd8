"""The console by keyboard, its drafts, and two agents at one case (R-CONS)."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitors import Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]


@pytest.fixture
def agent(demo: Running) -> Iterator[Page]:
    page = demo.person("agent", "wide")
    page.goto("/console/views/open/")
    yield page
    page.context.close()


def opened(page: Page) -> str:
    """The number of the case that stands open."""
    expect(page.locator("#composer")).to_be_visible()
    return str(page.locator("#case-head").get_attribute("data-case"))


def test_keys(agent: Page) -> None:
    agent.keyboard.press("?")
    sheet = agent.get_by_role("heading", name="Keys and preferences")
    expect(sheet).to_be_visible()
    agent.keyboard.press("Escape")
    expect(sheet).to_be_hidden()

    agent.keyboard.press("j")
    first = opened(agent)
    agent.keyboard.press("j")
    expect(agent.locator("#case-head")).not_to_have_attribute("data-case", first)
    agent.keyboard.press("k")
    expect(agent.locator("#case-head")).to_have_attribute("data-case", first)

    agent.keyboard.press("n")
    expect(agent.locator("#composer")).to_have_attribute("data-kind", "note")
    agent.keyboard.press("Escape")
    agent.keyboard.press("r")
    expect(agent.locator("#composer")).to_have_attribute("data-kind", "reply")
    expect(agent.locator("#composer-body")).to_be_focused()
    agent.keyboard.type("j")
    expect(agent.locator("#composer-body")).to_have_value("j")
    agent.locator("#composer-body").fill("")
    agent.keyboard.press("Escape")

    palette = agent.locator("#palette")
    for keys in ("/", "Control+k"):
        agent.keyboard.press(keys)
        expect(palette.get_by_role("searchbox")).to_be_focused()
        agent.keyboard.press("Escape")
        expect(palette).to_be_hidden()


def test_draft_stands_a_reload(agent: Page) -> None:
    """It is kept on the server, and in no storage of the browser."""
    words = f"We looked into it {uuid.uuid4().hex[:8]}"
    agent.keyboard.press("j")
    opened(agent)
    with agent.expect_response("**/draft/"):
        agent.locator("#composer-body").fill(words)
    assert words not in str(agent.evaluate("[{...localStorage}, {...sessionStorage}].map(JSON.stringify)"))
    agent.reload()
    expect(agent.locator("#composer-body")).to_have_value(words)
    with agent.expect_response("**/draft/"):
        agent.locator("#composer-body").fill("")


def close(page: Page, *, step: str) -> None:
    dialog = page.locator("#work")
    dialog.get_by_label("How it ended").select_option(index=1)
    dialog.get_by_label("What it was about").select_option(index=1)
    dialog.get_by_label("Next step, and when").fill(step)
    dialog.locator("button.btn-primary").click()


def test_two_agents_at_one_case(demo: Running, agent: Page) -> None:
    """Who comes second when answering or closing is told what the first did, and loses nothing."""
    agent.keyboard.press("j")
    number = opened(agent)
    lead = demo.person("lead", "wide")
    lead.goto(f"/console/cases/{number}/")
    opened(lead)
    for page in (agent, lead):
        page.get_by_role("button", name="Close case").click()
        expect(page.locator("#work [name=next_step]")).to_be_visible()
    close(agent, step="Nothing is left to do.")
    expect(agent.locator(".case-line")).to_contain_text("Closed")
    close(lead, step="We call on Monday.")
    expect(lead.locator("#work")).to_contain_text("Alex closed this case meanwhile.")
    expect(lead.locator("#work [name=next_step]")).to_have_value("We call on Monday.")
    lead.context.close()
