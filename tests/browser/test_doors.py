"""Coming and going: the idle warning, what was being written, and sockets that end with their session (R-SEC-3)."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitors import Running, axe, begin_chat, chat_of, give_password

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

MINUTE = 60_000
PATIENT = ("patient@demo.example", "demo supplier patient 2026")


@pytest.fixture
def page(demo: Running) -> Iterator[Page]:
    """A patient in a session of their own, who may end it."""
    page = demo.stranger()
    page.goto("/sign-in")
    give_password(page, *PATIENT)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
    yield page
    page.context.close()


def test_idle_time_warns_first_and_keeps_what_was_written(page: Page) -> None:
    """A minute before the end a dialog asks; without an answer one is out, and the draft waits at the next sign-in."""
    words = f"I began to write {uuid.uuid4().hex[:8]}"
    page.clock.install()
    page.goto("/messages/new/")
    page.locator("textarea").fill(words)
    page.clock.fast_forward(2_000)
    expect(page.locator("#kept")).to_have_text("Draft kept.")

    page.clock.fast_forward(14 * MINUTE)
    warning = page.get_by_role("alertdialog", name="Are you still there?")
    expect(warning).to_be_visible()
    assert axe(page) == []
    warning.get_by_role("button", name="Stay signed in").click()
    expect(warning).to_be_hidden()

    page.clock.fast_forward(14 * MINUTE + 5_000)
    expect(warning).to_be_visible()
    page.clock.fast_forward(MINUTE)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    give_password(page, *PATIENT)
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.wait_for_load_state("load")
    page.goto("/messages/new/")
    expect(page.locator("textarea")).to_have_value(words)


def test_signing_out_ends_the_chat_of_every_tab(page: Page) -> None:
    """The socket closes with the session, and the page says so."""
    frame = chat_of(page)
    begin_chat(frame)
    other = page.context.new_page()
    other.goto("/security")
    other.get_by_role("button", name="Sign out").first.click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(frame.locator("[data-part=trouble]")).to_have_text("You are signed out. Start again to go on.")
    assert not frame.locator("textarea").is_visible()
