"""A case is handed on in person and taken by a key, and the next is asked for by another (R-CHAN-4)."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.browser.visitors import Running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]


@pytest.fixture
def agent(demo: Running) -> Iterator[Page]:
    yield from at_the_desk(demo, "agent")


@pytest.fixture
def lead(demo: Running) -> Iterator[Page]:
    yield from at_the_desk(demo, "lead")


def at_the_desk(demo: Running, role: str) -> Iterator[Page]:
    """Somebody at the console who has said that they are online."""
    page = demo.person(role, "wide")
    page.goto("/console/views/open/")
    said = page.locator("#availability [name=state]")
    if said.input_value() != "online":
        with page.expect_response("**/presence/"):
            said.select_option("online")
    yield page
    page.context.close()


def first_case_as_mine(page: Page) -> str:
    page.keyboard.press("j")
    expect(page.locator("#composer")).to_be_visible()
    if (take := page.locator('[data-act="take"]')).count():
        take.click()
    expect(page.locator(".case-line")).to_contain_text("Mine")
    return str(page.locator("#case-head").get_attribute("data-case"))


def opened(what: Locator) -> bool:
    try:
        what.wait_for(timeout=4000)
    except TimeoutError:
        return False
    return True


def test_a_case_is_handed_on_and_accepted_by_a_key(agent: Page, lead: Page) -> None:
    number = first_case_as_mine(agent)
    agent.keyboard.press("t")
    dialog = agent.locator("#work")
    expect(dialog.locator("[name=note]")).not_to_have_value("")
    dialog.get_by_label("To a person").select_option(label="Lee Lead")
    dialog.locator("button.btn-primary").click()

    offer = lead.locator("#offers [data-offer]")
    expect(offer).to_contain_text("Alex Agent hands you a case")
    expect(offer).to_contain_text(number)
    lead.keyboard.press("y")
    expect(lead.locator("#case-head")).to_have_attribute("data-case", number)
    expect(lead.locator(".case-line")).to_contain_text("Mine")
    expect(offer).to_be_hidden()
    expect(agent.locator("[data-toasts]")).to_contain_text(f"{number} was accepted.")


def test_a_key_declines_with_a_reason(agent: Page, lead: Page) -> None:
    first_case_as_mine(agent)
    agent.keyboard.press("t")
    agent.locator("#work").get_by_label("To a person").select_option(label="Lee Lead")
    agent.locator("#work button.btn-primary").click()
    expect(lead.locator("#offers [data-offer]")).to_be_visible()
    lead.keyboard.press("d")
    lead.locator("#work").get_by_label("About to leave the desk").check()
    lead.locator("#work button.btn-primary").click()
    expect(lead.locator("#offers [data-offer]")).to_be_hidden()
    expect(agent.locator("[data-toasts]")).to_contain_text("was declined and is yours again")


def test_the_next_is_asked_for_by_a_key(demo: Running, agent: Page) -> None:
    begun = agent.request.post(f"{demo.url}/chat/start", data={"notice_accepted": True, "name": "Ana"})
    assert begun.status == 201
    told = begun.json()
    ticket = {"Authorization": f"Bearer {told['ticket']}"}
    here = f"{demo.url}/chat/{told['conversation']}"
    said = {"type": "message.send", "conversation": told["conversation"], "client_id": str(uuid.uuid4())}
    assert (
        agent.request.post(f"{here}/messages", data=said | {"body": "Hello?"}, headers=ticket).status == 201
    )
    agent.keyboard.press("q")
    expect(agent.locator("#case-head")).to_be_visible()
    expect(agent.locator(".case-line")).to_contain_text("Mine")
    chat = agent.locator("#thread").get_by_text("Alex joined the chat.")
    # What is more urgent, as a case that somebody left when their shift was over, comes before it.
    while not opened(chat):
        before = str(agent.locator("#case-head").get_attribute("data-case"))
        agent.keyboard.press("q")
        expect(agent.locator("#case-head")).not_to_have_attribute("data-case", before)
        expect(agent.locator(".case-line")).to_contain_text("Mine")
    assert agent.request.post(f"{here}/close", data={}, headers=ticket).ok
