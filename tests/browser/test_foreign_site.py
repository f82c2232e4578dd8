"""The chat on somebody else's page by the one script tag, against the running demo (R-CHAT-1, R-CHAT-2)."""

import json
import uuid
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, expect

from tests.browser.visitors import Running, axe, begin_chat, chat_of, frame_of, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

KEPT = """async () => ({
  local: {...localStorage}, session: {...sessionStorage},
  databases: (await indexedDB.databases()).map(each => each.name), caches: await caches.keys(),
})"""


def kept_by(place: Page | Frame) -> Any:
    return place.evaluate(KEPT)


def test_guest_writes_from_a_foreign_page(demo: Running) -> None:
    """Opens, sends, stands a change of page, closes by Escape; what was said is nowhere in the browser."""
    said = f"My mask leaks {uuid.uuid4().hex[:8]}"
    page = demo.stranger()
    page.goto(f"{demo.outside}/foreign-site")
    frame = chat_of(page)
    assert frame.url.startswith(demo.url)
    begin_chat(frame)
    write(frame, said)
    expect(frame.locator(".msg.pending")).to_have_count(0)
    assert axe(frame) == []
    assert said not in json.dumps([kept_by(page), kept_by(frame)])
    assert said not in page.evaluate("document.documentElement.outerHTML")

    page.goto(f"{demo.outside}/foreign-site?another=page")
    frame = frame_of(page)
    expect(frame.locator("[data-part=thread]")).to_contain_text(said)
    frame.press("textarea", "Escape")
    expect(page.locator("iframe")).to_be_hidden()
    expect(page.get_by_role("button", name="Chat with us")).to_be_focused()
    assert demo.told() == []
    page.context.close()
