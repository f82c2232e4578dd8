"""The README's pictures, taken of a demo that runs: ``make screenshots`` (PORT=8000)."""

import os
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

os.environ.setdefault("DME_PROFILE", "test")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup()

from PIL import Image  # noqa: E402 - the settings come first
from playwright.sync_api import Page  # noqa: E402

from tests.browser import stage  # noqa: E402
from tests.browser.visitors import Running, begin_chat, chat_of, write  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "docs/screenshots"
COLOURS = 64
HELLO = "Hello! Is my new mask on its way?"


def chatting(page: Page) -> None:
    frame = chat_of(page)
    begin_chat(frame)
    write(frame, HELLO)


def at_a_case(page: Page) -> None:
    page.locator("#queue a.queue-row", has_text=HELLO[:12]).first.click()
    page.wait_for_selector("#composer")
    page.wait_for_load_state("networkidle")


PICTURES: dict[str, tuple[str, str, str, Callable[[Page], None] | None]] = {
    "home": ("patient", "phone", "/", None),
    "orders": ("patient", "phone", "/orders/", None),
    "chat": ("patient", "phone", "/documents/", chatting),
    "console": ("agent", "wide", "/console/views/open/", at_a_case),
    "trail": ("supervisor", "wide", "/admin/portal/accessentry/?realm=staff", None),
}


def small(picture: bytes) -> bytes:
    """Few colours, which is plenty for pages and a third of the bytes."""
    out = BytesIO()
    Image.open(BytesIO(picture)).convert("RGB").quantize(COLOURS).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with stage.chromium() as browser:
        demo = Running(browser, int(os.environ.get("PORT", "8000")), Path())
        for name, (role, size, where, then) in PICTURES.items():
            page = demo.person(role, size)
            page.goto(where, wait_until="networkidle")
            if then:
                then(page)
                page.wait_for_timeout(1000)
            (FOLDER / f"{name}.png").write_bytes(small(page.screenshot()))
            page.context.close()
            sys.stdout.write(f"docs/screenshots/{name}.png\n")


if __name__ == "__main__":
    main()
