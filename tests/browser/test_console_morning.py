"""An agent's morning by the keyboard alone, and two agents who never lose a word (R-CONS)."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitors import Running, axe, code_shown, sideways

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    """Tab until ``target`` has the focus: what can't be reached so can't be used without a mouse."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} can't be reached by the keyboard.")


def typed(page: Page, target: Locator, words: str) -> None:
    tab_to(page, target)
    page.keyboard.type(words)


def pressed(page: Page, target: Locator) -> None:
    tab_to(page, target)
    page.keyboard.press("Enter")


def do(page: Page, what: str) -> None:
    """By its name in the palette."""
    page.keyboard.press("Control+k")
    palette = page.locator("#palette")
    expect(palette.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(what)
    expect(palette.locator("[data-marked]")).to_contain_text(re.compile(re.escape(what), re.I))
    page.keyboard.press("Enter")
    expect(palette).to_be_hidden()


def dialog(page: Page, title: str) -> Locator:
    shown = page.locator("#work")
    expect(shown.get_by_role("heading", level=2).first).to_have_text(title)
    return shown


def case_of(page: Page) -> str:
    expect(page.locator("#composer")).to_be_visible()
    return str(page.locator("#case-head").get_attribute("data-case"))


def leave_fields(page: Page) -> None:
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement?.blur()")


def shut(page: Page) -> None:
    """Out of the dialog again, once what it shows stands still."""
    expect(page.locator("#work")).to_be_visible()
    expect(page.locator("#work :focus")).to_have_count(1)
    page.wait_for_timeout(400)
    leave_fields(page)
    expect(page.locator("#work")).to_be_hidden()


def sign_in_by_keys(page: Page, role: str) -> None:
    page.goto("/staff/sign-in")
    typed(page, page.get_by_label("E-mail address"), f"{role}@demo.example")
    typed(page, page.get_by_label("Password", exact=True), f"demo supplier {role} 2026")
    page.keyboard.press("Enter")
    expect(page.locator(".notice", has_text="the code is")).to_be_visible()
    typed(page, page.get_by_label(re.compile("code", re.I)), code_shown(page))
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("/sign-in"))


def a_new_case(page: Page, subject: str) -> str:
    before = (
        page.locator("#case-head").get_attribute("data-case") if page.locator("#case-head").count() else ""
    )
    page.keyboard.press("c")
    shown = dialog(page, "New case")
    expect(page.locator("#new-case-words")).to_be_focused()
    pressed(page, shown.locator("details.guest summary"))
    typed(page, shown.get_by_label("Their name, as they gave it"), "Pat Q")
    tab_to(page, shown.get_by_label("How they got in touch"))
    tab_to(page, shown.get_by_label("What it is about"))
    page.keyboard.press("ArrowDown")
    typed(page, shown.get_by_label("In a few words"), subject)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/console/cases/"))
    if before:
        expect(page.locator("#case-head")).not_to_have_attribute("data-case", before)
    return case_of(page)


def close_by_keys(page: Page) -> None:
    page.keyboard.press("e")
    shown = dialog(page, "Close the case")
    tab_to(page, shown.get_by_label("How it ended"))
    page.keyboard.press("ArrowDown")
    tab_to(page, shown.get_by_label("What it was about"))
    page.keyboard.press("ArrowDown")
    typed(page, shown.get_by_label("Next step, and when"), "Nothing is left to do.")
    page.keyboard.press("Enter")
    expect(page.locator(".case-line")).to_contain_text("Closed")


def test_a_morning_by_the_keyboard_alone(demo: Running) -> None:
    page = demo.stranger("wide")
    sign_in_by_keys(page, "billing")
    page.goto("/console/")
    page.keyboard.press("g")
    page.keyboard.press("o")
    expect(page.get_by_role("heading", name="All open")).to_be_visible()
    page.keyboard.press("j")
    case_of(page)

    do(page, "Verify caller")
    shown = dialog(page, "Verify caller")
    assert axe(page) == []
    expect(shown.locator("input:focus")).to_have_count(1)
    shut(page)

    page.keyboard.press("p")
    shut(page)

    first = a_new_case(page, "Wheel came off")
    assert axe(page) == []
    words = f"It ships on Tuesday {uuid.uuid4().hex[:6]}."
    page.keyboard.press("r")
    expect(page.locator("#composer-body")).to_be_focused()
    page.keyboard.type(words)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".held")).to_contain_text(words)
    leave_fields(page)
    page.keyboard.press("u")
    expect(page.locator("#composer-body")).to_have_value(words)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text(words)

    leave_fields(page)
    page.keyboard.press("n")
    page.keyboard.type("Please look at this, @")
    expect(page.locator("#canned [data-mention]").first).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("thank you.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text("thank you.")

    leave_fields(page)
    page.keyboard.press("z")
    shown = page.locator("#work")
    expect(shown).to_be_visible()
    pressed(page, shown.locator("button.btn-primary").last)
    expect(shown).to_be_hidden()

    do(page, "Escalate")
    shut(page)
    page.keyboard.press("m")
    shut(page)
    close_by_keys(page)
    assert first != a_new_case(page, "Another call")
    page.context.close()
    assert demo.told() == []


# --- two at once -------------------------------------------------------------------------------------
@pytest.fixture
def pair(demo: Running) -> Iterator[tuple[Page, Page]]:
    agent, lead = demo.person("agent", "wide"), demo.person("lead", "wide")
    agent.goto("/console/")
    number = a_new_case(agent, "Two at one case")
    lead.goto(f"/console/cases/{number}/")
    case_of(lead)
    yield agent, lead
    for page in (agent, lead):
        page.context.close()


def test_two_agents_on_one_case_never_lose_a_word(pair: tuple[Page, Page]) -> None:
    """Both write; the first sends; the second is told, keeps every word through a reload, and sends as well."""
    agent, lead = pair
    mark = uuid.uuid4().hex[:6]
    mine, theirs = f"From the agent {mark}", f"From the lead {mark}"
    with lead.expect_response("**/draft/"):
        lead.locator("#composer-body").fill(theirs)
    agent.locator("#composer-body").fill(mine)
    agent.locator("[data-send]").click()
    agent.locator(".held [data-send-now]").first.click()
    expect(lead.locator("#thread")).to_contain_text(mine)
    lead.locator("[data-send]").click()
    expect(lead.locator("#composer-says")).to_contain_text("replied since you began")
    expect(lead.locator("#composer-body")).to_have_value(theirs)
    lead.reload()
    expect(lead.locator("#composer-body")).to_have_value(theirs)
    lead.locator("[data-send]").click()
    lead.locator("[data-send-anyway]").click()
    lead.locator(".held [data-send-now]").first.click()
    expect(agent.locator("#thread")).to_contain_text(theirs)
    expect(agent.locator("#thread")).to_contain_text(mine)


def test_a_held_reply_stands_a_reload_and_comes_back(pair: tuple[Page, Page]) -> None:
    agent, lead = pair
    words = f"Too soon {uuid.uuid4().hex[:6]}"
    agent.locator("#composer-body").fill(words)
    agent.locator("[data-send]").click()
    expect(agent.locator(".held")).to_contain_text(words)
    agent.reload()
    agent.locator(".held [data-undo]").click()
    expect(agent.locator("#composer-body")).to_have_value(words)
    assert words not in lead.locator("#thread").inner_text()
    with agent.expect_response("**/draft/"):
        agent.locator("#composer-body").fill("")


@pytest.mark.parametrize("size", ["narrow", "phone", "wide"])
def test_the_heading_and_its_menu_fit(demo: Running, size: str) -> None:
    page = demo.person("agent", size)
    page.goto("/console/views/open/")
    page.locator("#queue a.queue-row").first.click()
    case_of(page)
    page.locator("details.acts summary").click()
    menu = page.locator("details.acts ul")
    expect(menu).to_be_visible()
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]  # type: ignore[index]
    assert sideways(page) == 0
    assert axe(page) == []
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.context.close()


@pytest.mark.parametrize("opens", ["?", "c", "Control+k"])
def test_dialogs_are_without_fault(demo: Running, opens: str) -> None:
    page = demo.person("agent", "wide")
    page.goto("/console/views/open/")
    page.locator("#queue a.queue-row").first.wait_for()
    page.keyboard.press(opens)
    expect(page.locator("dialog[open]")).to_be_visible()
    assert axe(page) == []
    page.context.close()
