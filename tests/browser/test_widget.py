"""The chat widget in Chromium, on a page of another origin, before a scripted server (R-CHAT-1, R-CHAT-2)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, Route, WebSocketRoute, expect

from tests.browser import stage

pytestmark = pytest.mark.browser

HOST = "http://shop.supplier.localhost"
TALK = "11111111-1111-4111-8111-111111111111"
TICKET = "ticket-of-this-talk-alone"
FOREIGN = (
    '<!doctype html><html lang="en"><title>Shop</title><h1>A shop</h1>'
    f'<script defer src="{stage.HOME}/static/js/widget-loader.js" data-frame="/widget"></script></html>'
)


class Server:
    """Answers as the protocol says; keeps the conversation in memory."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        self.heard: list[dict[str, Any]] = []
        self.protocols: list[str] = []
        self.socket: WebSocketRoute | None = None
        self.refuse: str = ""
        self.state: dict[str, Any] = {
            "state": "queued",
            "queue": {"position": 2, "wait_low_s": 60, "wait_high_s": 180},
        }

    def attach(self, page: Page) -> None:
        page.route(f"{HOST}/**", lambda route: route.fulfill(body=FOREIGN, content_type="text/html"))
        page.route("**/chat/start", self.start)
        page.route("**/chat/*/close", lambda route: route.fulfill(status=200, json={}))
        page.route_web_socket("**/ws/chat/**", self.connect)

    def start(self, route: Route) -> None:
        self.started.append(route.request.post_data_json)
        begun = {"conversation": TALK, "socket": f"/ws/chat/{TALK}/", "ticket": TICKET, "last_seq": 0}
        route.fulfill(status=201, json=begun)

    def connect(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(lambda text: self.take(json.loads(text)))

    def say(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        self.socket.send(json.dumps({"conversation": TALK, **frame}))

    def take(self, frame: dict[str, Any]) -> None:
        self.heard.append(frame)
        if frame["type"] == "resume":
            for row in self.log[frame["after"] :]:
                self.say(row)
            self.say({"type": "resume.done", "last_seq": len(self.log)})
            self.say({"type": "state", "agent": None, **self.state})
        if frame["type"] == "message.send":
            self.store(frame)

    def store(self, frame: dict[str, Any]) -> None:
        client_id = frame["client_id"]
        if self.refuse:
            return self.say({"type": "error", "code": self.refuse, "permanent": True, "client_id": client_id})
        row = self.add(frame["body"], client_id)
        ack = {key: row[key] for key in ("id", "seq", "staff_seq", "sent_at", "redactions", "client_id")}
        self.say({"type": "message.ack", **ack})
        return self.say(row)

    def add(
        self, body: str, client_id: str | None = None, role: str = "customer", name: str = ""
    ) -> dict[str, Any]:
        seq = len(self.log) + 1
        row = {"type": "message.new", "id": seq, "seq": seq, "staff_seq": None, "kind": "reply", "body": body}
        row |= {
            "author": {"role": role, "name": name},
            "redactions": 0,
            "attachments": [],
            "choices": [],
            "form": None,
        }
        row |= {"sent_at": "2026-03-03T15:00:00.000Z", "client_id": client_id}
        self.log.append(row)
        return row


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def shop(browser: Any, server: Server) -> Iterator[Page]:
    """A foreign page with our one script tag."""
    page = stage.open_page(browser, also=server.attach)
    page.goto(f"{HOST}/")
    yield page
    page.close()


def inside(page: Page) -> Frame:
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame is not None
    frame.wait_for_selector("#chat")
    return frame


def begun(page: Page) -> Frame:
    page.get_by_role("button", name="Chat with us").click()
    frame = inside(page)
    frame.check("[name=notice_accepted]")
    frame.get_by_role("button", name="Start the chat").click()
    frame.wait_for_selector("[data-part=queue]:not([hidden])")
    return frame


def write(frame: Frame, text: str) -> None:
    frame.fill("textarea", text)
    frame.press("textarea", "Enter")


def test_where_the_browser_denies_storage_the_chat_still_works(browser: Any, server: Server) -> None:
    """As browsers that block foreign cookies treat a frame of another site: the ticket is held in memory."""
    page = stage.open_page(browser, also=server.attach)
    page.route(
        "http://elsewhere.localhost/", lambda route: route.fulfill(body=FOREIGN, content_type="text/html")
    )
    page.goto("http://elsewhere.localhost/")
    frame = begun(page)
    write(frame, "Hello")
    frame.wait_for_selector(".msg.mine [data-tick=stored]:not([hidden])")
    page.close()


def test_nothing_starts_before_the_notice_is_accepted(shop: Page, server: Server) -> None:
    """R-CHAT-2: the notice stands before the first message."""
    shop.get_by_role("button", name="Chat with us").click()
    frame = inside(shop)
    frame.get_by_role("button", name="Start the chat").click()
    assert server.started == []
    frame.check("[name=notice_accepted]")
    frame.fill("[name=name]", "Jane")
    frame.get_by_role("button", name="Start the chat").click()
    frame.wait_for_selector("textarea")
    assert server.started == [{"topic": "order_status", "name": "Jane", "notice_accepted": True}]


def test_said_acknowledged_answered_and_read(shop: Page, server: Server) -> None:
    frame = begun(shop)
    assert "number 2 in line" in frame.inner_text("[data-part=queue]")
    assert "1 to 3 minutes" in frame.inner_text("[data-part=queue]")
    write(frame, "Where is my mask?")
    frame.wait_for_selector(".msg.mine [data-tick=stored]:not([hidden])")
    server.say({"type": "state", "state": "open", "queue": None, "agent": {"name": "Alex"}})
    server.say(server.add("See https://carrier.example/track?n=1.", role="agent", name="Alex"))
    frame.wait_for_selector("a[href='https://carrier.example/track?n=1']")
    server.say({"type": "read", "role": "agent", "seq": 1})
    frame.wait_for_selector(".msg.mine [data-tick=read]:not([hidden])")
    assert "Alex" in frame.inner_text("[data-part=with]")
    assert frame.locator(".msg").count() == 2
    assert {"type": "read", "conversation": TALK, "seq": 2} in server.heard


def test_a_refused_message_says_so_and_can_go_again(shop: Page, server: Server) -> None:
    frame = begun(shop)
    server.refuse = "invalid"
    write(frame, "Hello")
    frame.wait_for_selector(".msg.failed")
    server.refuse = ""
    frame.get_by_role("button", name="Try again").click()
    frame.wait_for_selector(".msg.mine [data-tick=stored]:not([hidden])")
    assert frame.locator(".msg").count() == 1


def test_markup_in_a_message_stays_text(shop: Page, server: Server) -> None:
    frame = begun(shop)
    server.say(server.add("<img src=x onerror=alert(1)><b>hi</b>", role="agent", name="<i>A</i>"))
    frame.wait_for_selector(".msg")
    assert frame.locator(".msg .body").inner_text() == "<img src=x onerror=alert(1)><b>hi</b>"
    assert frame.locator(".msg img, .msg b, .msg i").count() == 0


def test_state_survives_a_reload_and_no_word_stays_in_the_browser(shop: Page, server: Server) -> None:
    """The tab keeps the conversation's id and ticket, and of what was said nothing."""
    frame = begun(shop)
    write(frame, "canary of what was said")
    frame.wait_for_selector(".msg.mine [data-tick=stored]:not([hidden])")
    kept = frame.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert TICKET in kept
    assert "canary" not in kept
    assert shop.evaluate("JSON.stringify({...sessionStorage})") == '{"dme-chat":"open"}'
    shop.reload()
    frame = inside(shop)
    frame.wait_for_selector(".msg.mine")
    assert "canary of what was said" in frame.inner_text(".thread")


def test_escape_hides_it_and_what_comes_is_counted_on_the_button(shop: Page, server: Server) -> None:
    frame = begun(shop)
    frame.focus("textarea")
    shop.keyboard.press("Escape")
    expect(shop.locator("iframe")).to_be_hidden()
    server.say(server.add("Are you there?", role="agent", name="Alex"))
    shop.get_by_role("button", name="Chat with us, 1 new messages").click()
    shop.wait_for_function("document.activeElement !== document.body")
    read = {"type": "read", "conversation": TALK, "seq": 1}
    for _ in range(100):
        if read in server.heard:
            break
        shop.wait_for_timeout(50)
    assert read in server.heard


def test_a_message_from_another_page_moves_nothing(shop: Page, server: Server) -> None:
    """Neither side listens to an origin that is not the other's."""
    frame = begun(shop)
    forged = "{origin: 'http://evil.localhost', source: parent, data: {dme: 1, type: 'shut'}}"
    frame.evaluate(f"window.dispatchEvent(new MessageEvent('message', {forged}))")
    shop.evaluate("window.postMessage({dme: 1, type: 'close'}, '*')")
    shop.wait_for_timeout(100)
    assert shop.locator("iframe").is_visible()
    write(frame, "still here")
    frame.wait_for_selector(".msg.mine")


def test_ending_asks_first_and_then_offers_a_copy_and_a_new_start(shop: Page, server: Server) -> None:
    frame = begun(shop)
    write(frame, "Thank you")
    frame.get_by_role("button", name="End the chat").click()
    frame.get_by_role("button", name="Cancel").click()
    assert frame.locator("textarea").is_visible()
    frame.get_by_role("button", name="End the chat").click()
    frame.get_by_role("button", name="Yes, end it").click()
    frame.wait_for_selector("[data-part=ended]:not([hidden])")
    with shop.expect_download() as copy:
        frame.get_by_role("button", name="Save a copy").click()
    assert "Thank you" in copy.value.path().read_text()
    frame.get_by_role("button", name="Start again").click()
    assert frame.locator("[name=notice_accepted]").is_visible()
    assert frame.evaluate("sessionStorage.length") == 0


def test_files_that_can_not_be_taken_are_refused_with_words(shop: Page, server: Server) -> None:
    frame = begun(shop)
    files = [{"name": "run.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"}]
    frame.set_input_files(
        "[data-part=files]", [*files, {"name": "empty.pdf", "mimeType": "application/pdf", "buffer": b""}]
    )
    said = frame.inner_text("[data-part=pending]")
    assert "can't take this kind of file" in said
    assert "This file is empty" in said


def test_axe_finds_nothing_serious_in_the_open_chat(shop: Page, server: Server) -> None:
    frame = begun(shop)
    write(frame, "Hello")
    server.say(server.add("Hi", role="agent", name="Alex"))
    frame.wait_for_selector(".msg.role-agent")
    assert stage.violations(frame) == []
    assert shop.problems == []  # type: ignore[attr-defined]


def test_own_script_and_style_stay_under_40_kb_compressed() -> None:
    """What the widget loads of ours, gzipped file by file."""
    assert sum(stage.compressed(path) for path in stage.WIDGET_FILES) < 40_000
