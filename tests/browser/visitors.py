"""Browsers of people who visit a running demo: patients on phones, agents at desks, each in a context of their own."""

import json
import re
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from tests.browser import stage

STAFF_REALM = {"agent", "billing", "lead", "supervisor", "administrator", "auditor"}
CODE = re.compile(r"code is (\d{6}) now")
SIZES = {"narrow": (320, 640), "phone": (390, 844), "desktop": (1280, 800), "wide": (1440, 900)}
# What becomes of a good file, where a scanner runs and where none does.
ARRIVED = re.compile("Received and checked|Received, not scanned for viruses")
PATIENCE = 20_000  # ms: two cores may serve six processes and four browsers
expect.set_options(timeout=PATIENCE)


@dataclass
class Running:
    """A demo that runs: ``url`` is the portal, ``outside`` the world around it; sign-ins are kept by role."""

    browser: Browser
    port: int
    var: Path
    kept: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def outside(self) -> str:
        return f"http://127.0.0.1:{self.port + 1}"

    def mails(self, address: str) -> list[dict[str, Any]]:
        """What was sent to an address, newest first."""
        with urllib.request.urlopen(f"{self.outside}/mail.json", timeout=5) as answer:
            return [mail for mail in json.load(answer) if mail["to"] == address]

    def context(self, size: str = "desktop", **options: Any) -> BrowserContext:
        width, height = SIZES[size]
        context = self.browser.new_context(
            base_url=self.url, viewport={"width": width, "height": height}, **options
        )
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: self._note_request(request.url))
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        context.on("console", self._note_console)
        return context

    def stranger(self, size: str = "desktop", **options: Any) -> Page:
        """Somebody who has not signed in."""
        return self.context(size, **options).new_page()

    def person(self, role: str, size: str = "desktop", **options: Any) -> Page:
        """Somebody signed in. Each role comes through the door once; later browsers have its cookies."""
        if role not in self.kept:
            self.kept[role] = self._sign_in(role)
        return self.context(size, storage_state=self.kept[role], **options).new_page()

    def _sign_in(self, role: str) -> Any:
        page = self.stranger()
        sign_in(page, f"{role}@demo.example", f"demo supplier {role} 2026", staff=role in STAFF_REALM)
        state = page.context.storage_state()
        page.context.close()
        return state

    def _note_request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https", "ws"} and not url.split("//")[1].startswith("127.0.0.1:"):
            self.problems.append(f"asked {parts.netloc}")

    def _note_console(self, said: Any) -> None:
        if said.type == "error" or "Content Security Policy" in said.text:
            self.problems.append(f"{said.page.url if said.page else ''}: {said.text}")

    def told(self) -> list[str]:
        """The problems since last asked."""
        told, self.problems[:] = list(self.problems), []
        return told


def sign_in(page: Page, email: str, password: str, *, staff: bool = False) -> None:
    """Through the front door, the second step with the code that the demo shows."""
    page.goto("/staff/sign-in" if staff else "/sign-in")
    give_password(page, email, password)
    if staff:
        give_code(page, code_shown(page))
    expect(page).not_to_have_url(re.compile("/sign-in"))


def give_password(page: Page, email: str, password: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def code_shown(page: Page) -> str:
    notice = page.locator(".notice", has_text="the code is")
    found = CODE.search(notice.inner_text())
    assert found, notice.inner_text()
    return found[1]


def give_code(page: Page, code: str) -> None:
    page.get_by_label(re.compile("code", re.I)).fill(code)
    page.get_by_role("button", name=re.compile("^(Go on|Set up)$")).click()


def chat_of(page: Page) -> Frame:
    """The widget's frame, opened."""
    page.get_by_role("button", name="Chat with us").click()
    return frame_of(page)


def frame_of(page: Page) -> Frame:
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame is not None
    frame.wait_for_selector("#chat")
    return frame


def begin_chat(frame: Frame) -> None:
    """The notice comes first: nothing can be written before it was read."""
    assert not frame.locator("textarea").is_visible()
    frame.check("[name=notice_accepted]")
    frame.get_by_role("button", name="Start the chat").click()
    frame.wait_for_selector("textarea:visible")


def write(frame: Frame, text: str) -> None:
    frame.fill("textarea", text)
    frame.press("textarea", "Enter")
    frame.wait_for_selector(f".msg:has-text('{text}')")


def sideways(page: Page | Frame) -> int:
    """By how many pixels a page is wider than its window."""
    return max(0, int(page.evaluate("document.documentElement.scrollWidth - innerWidth")))


def axe(page: Page | Frame) -> list[str]:
    return stage.violations(page)
