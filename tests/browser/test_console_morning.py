"""An agent's morning by the keyboard alone, and two agents who never lose a word (R-CONS)."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.keyboard import (
    a_guests_case,
    a_patients_case,
    acted,
    answer_a_step,
    case_of,
    dialog,
    do,
    leave_fields,
    pressed,
    sign_in_by_keys,
    tab_to,
    typed,
)
from tests.browser.visitors import Running, axe, sideways

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]
MOST_STEPS = 30


def code_read_out(demo: Running) -> str:
    """The patient is on the phone, signed in to the portal, and reads the code there."""
    page = demo.person("patient", "phone")
    page.goto("/code-for-an-agent/")
    page.locator("main form button").click()
    code = page.locator(".code-digits").inner_text()
    page.context.close()
    return code


def verify(page: Page, code: str) -> None:
    do(page, "Verify caller")
    shown = dialog(page, "Verify caller")
    expect(shown.locator("input:focus")).to_have_count(1)
    assert axe(page) == []
    typed(page, shown.locator("form[action$='/portal-code/'] input:visible"), code)
    page.keyboard.press("Enter")
    acted(page)
    expect(page.locator("#beside")).to_contain_text("Verified")


def run_a_playbook(page: Page, title: str) -> None:
    """From its first step to its last."""
    page.keyboard.press("p")
    shown = dialog(page, "Playbook")
    tab_to(page, shown.get_by_label("Which playbook?"))
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    pressed(page, shown.locator("button.btn-primary"))
    expect(shown.locator("section h3")).to_be_visible()
    assert axe(page) == []
    form = shown.locator("form[action$='/answer/']")
    known = {"order": page.locator("#beside details.order .figures").first.inner_text()}
    for _ in range(MOST_STEPS):
        answer_a_step(page, form, known)
        if not form.count():
            break
    expect(shown.get_by_text("What was done")).to_be_visible()
    expect(form).to_have_count(0)
    leave_fields(page)


def reply(page: Page, words: str) -> None:
    """Sent, taken back in time, and sent again."""
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


def reply_from_one_kept_ready(page: Page) -> None:
    """By "/": the place that is the agent's to write is written, and it goes out."""
    words = f"the parts of your order {uuid.uuid4().hex[:6]}"
    page.keyboard.press("r")
    page.keyboard.type("/moment")
    expect(page.locator("#canned [data-fill][aria-selected=true]")).to_be_visible()
    page.keyboard.press("Enter")
    slot = page.locator("#composer-body")
    expect(slot).to_have_value(re.compile(r"{\.\.\. "))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#composer-says")).to_contain_text("{...")
    page.keyboard.type(words)
    page.keyboard.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text(words)
    leave_fields(page)


def note_to_somebody(page: Page) -> None:
    page.keyboard.press("n")
    page.keyboard.type("Please look at this, @")
    expect(page.locator("#canned [data-mention]").first).to_be_visible()
    page.keyboard.press("Enter")
    page.keyboard.type("thank you.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#thread")).to_contain_text("thank you.")
    leave_fields(page)


def escalate(page: Page) -> None:
    do(page, "Escalate")
    shown = dialog(page, "Escalate")
    typed(page, shown.locator("[name=why]"), "It fell off a second time.")
    assert axe(page) == []
    pressed(page, shown.locator("button.btn-primary"))
    acted(page)
    expect(page.locator("#thread")).to_contain_text("Escalated")


def run_a_macro(page: Page, name: str) -> None:
    page.keyboard.press("m")
    shown = dialog(page, "Macros")
    page.keyboard.type(name)
    expect(shown.locator("#macro-list button")).to_have_count(1)
    pressed(page, shown.locator("#macro-list button"))
    expect(shown.get_by_role("heading", level=2)).to_have_text(name)
    assert axe(page) == []
    pressed(page, shown.locator("button.btn-primary"))
    acted(page)


def merge(page: Page, other: str) -> None:
    do(page, "Merge cases")
    shown = dialog(page, "Merge cases")
    assert axe(page) == []
    pressed(page, shown.locator(f"input[value='{other}']"), "Space")
    pressed(page, shown.locator("button.btn-primary"))
    acted(page)
    expect(page.locator("#thread")).to_contain_text(other)


def snooze(page: Page) -> None:
    page.keyboard.press("z")
    pressed(page, dialog(page, "Snooze").locator("button.btn-primary").last)
    acted(page)


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

    twin = a_patients_case(page, "patient@demo.example", "Called about it before")
    a_patients_case(page, "patient@demo.example", "Wheel came off")
    assert axe(page) == []
    verify(page, code_read_out(demo))
    run_a_playbook(page, "Order status")
    reply(page, f"It ships on Tuesday {uuid.uuid4().hex[:6]}.")
    reply_from_one_kept_ready(page)
    note_to_somebody(page)
    merge(page, twin)
    escalate(page)
    run_a_macro(page, "Waiting on the prescriber")
    snooze(page)
    a_guests_case(page, "Another call")
    close_by_keys(page)
    a_guests_case(page, "And another")
    page.context.close()
    assert demo.told() == []


# --- two at once -------------------------------------------------------------------------------------
@pytest.fixture
def pair(demo: Running) -> Iterator[tuple[Page, Page]]:
    agent, lead = demo.person("agent", "wide"), demo.person("lead", "wide")
    agent.goto("/console/")
    number = a_guests_case(agent, "Two at one case")
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


# As a colleague does it meanwhile, in a page of their own.
NOTES = """address => fetch(address, {
    method: "POST",
    headers: JSON.parse(document.body.getAttribute("hx-headers")),
    body: new URLSearchParams({kind: "note", body: "Seen.", client_id: crypto.randomUUID()}),
})"""


# And tags the case: its heading is shown anew. What marks the old one goes with it.
TAGS = """async address => {
    const dialog = document.createElement("template");
    dialog.innerHTML = await (await fetch(address)).text();
    const form = dialog.content.querySelector("form");
    const box = form.querySelector("[name=tags]");
    box.checked = !box.checked;
    document.querySelector(".case-line").dataset.old = "";
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    return (await fetch(address, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) })).status;
}"""
OLD = ".case-line[data-old]"


@pytest.mark.parametrize("size", ["narrow", "phone", "wide"])
def test_the_heading_and_its_menu_fit(demo: Running, size: str) -> None:
    page = demo.person("agent", size)
    page.goto("/console/views/open/")
    page.locator("#queue a.queue-row").first.click()
    case = case_of(page)
    page.locator("details.acts summary").click()
    menu = page.locator("details.acts ul")
    expect(menu).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(menu.locator("button").nth(1)).to_be_focused()
    page.evaluate(NOTES, f"/console/cases/{case}/say/")
    expect(page.locator("#thread")).to_contain_text("Seen.")
    page.evaluate(TAGS, f"/console/cases/{case}/tags/")
    expect(page.locator(OLD)).to_have_count(0)
    expect(menu).to_be_visible()
    expect(menu.locator("button").nth(1)).to_be_focused()
    box = menu.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= page.viewport_size["width"]  # type: ignore[index]
    assert sideways(page) == 0
    assert axe(page) == []
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.context.close()


def test_what_changed_while_there_was_no_socket_is_shown_once_there_is(demo: Running) -> None:
    """Of a case that nobody has spoken on yet, no conversation tells it."""
    page = demo.person("agent", "wide")
    sockets: list[WebSocketRoute] = []
    page.route_web_socket("**/ws/**", lambda socket: sockets.append(socket))
    page.goto("/console/")
    a_patients_case(page, "patient@demo.example", "Quiet so far")
    page.wait_for_load_state("networkidle")
    page.evaluate(TAGS, f"/console/cases/{case_of(page)}/tags/")
    expect(page.locator(OLD)).to_have_count(1)
    page.route_web_socket("**/ws/**", lambda socket: socket.connect_to_server())
    sockets[-1].close()
    expect(page.locator(OLD)).to_have_count(0)
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
