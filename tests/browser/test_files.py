"""Files from a browser: refused in words, and gone on with after a reload and after the session has ended."""

import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitors import ARRIVED, Running, give_password
from tests.files import picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
POLYGLOT = picture() + b"PK\x03\x04" + b"<html><script>alert(1)</script></html>"
PART = 2 * 1024 * 1024
RESUMES = "Was not finished. Choose the same file again to go on."


@pytest.fixture
def page(demo: Running) -> Iterator[Page]:
    """A patient at their documents, in a session of their own."""
    page = demo.stranger()
    page.goto("/sign-in?next=/documents/")
    give_password(page, "patient@demo.example", "demo supplier patient 2026")
    expect(page.get_by_label("What are you sending?")).to_be_visible()
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A picture of three parts."""
    made = picture(size=(2800, 2200), quality=95)
    assert 2 * PART < len(made) <= 3 * PART
    return made


def choose(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("What are you sending?").select_option(label="Insurance card, front")
    page.locator("#id_file").set_input_files([{"name": name, "mimeType": "image/jpeg", "buffer": data}])


def named(end: str) -> str:
    return f"{uuid.uuid4().hex[:8]}-{end}"


def until(page: Page, name: str, words: str | re.Pattern[str]) -> None:
    """Until the list says so of the file."""
    row = page.locator(".rows li", has_text=name)
    expect(row).to_be_visible()
    for _ in range(30):
        if re.search(words, row.inner_text()):
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(row.inner_text())


@pytest.mark.parametrize(
    ("data", "words"),
    [(EICAR, "We can't take this type of file"), (POLYGLOT, "hides another one inside it")],
    ids=["eicar", "polyglot"],
)
def test_bad_files_are_refused_in_words(page: Page, data: bytes, words: str) -> None:
    """R-SEC: by contents and not by name; what was refused says why, and offers nothing to open."""
    name = named("card.jpg")
    choose(page, name, data)
    until(page, name, words)
    assert page.locator(".rows li", has_text=name).get_by_role("link").count() == 0


def test_a_file_chosen_before_the_script_came_is_sent(page: Page) -> None:
    """On a slow line people are faster than our script; nothing they chose is lost."""
    name = named("early.jpg")
    page.route("**/js/portal-upload*.js", lambda route: page.wait_for_timeout(2000) or route.continue_())
    page.goto("/documents/", wait_until="commit")
    choose(page, name, picture())
    until(page, name, ARRIVED)


def halt(page: Page, name: str, photo: bytes) -> None:
    """Send the first part alone: the second never gets through."""
    page.route(f"**/uploads/*/?offset={PART}", lambda route: route.abort())
    with page.expect_request(f"**/uploads/*/?offset={PART}"):
        choose(page, name, photo)


def go_on(page: Page, name: str, photo: bytes) -> None:
    """The page names what was not finished; the same file sends what is missing and nothing twice."""
    unfinished = page.locator(".upload", has_text=name)
    expect(unfinished).to_contain_text(RESUMES)
    assert int(unfinished.locator("progress").evaluate("each => each.value")) > 0
    page.unroute(f"**/uploads/*/?offset={PART}")
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "PUT" else None)
    choose(page, name, photo)
    until(page, name, ARRIVED)
    assert [url.split("offset=")[1] for url in sent] == [str(PART), str(2 * PART)]


def test_an_upload_goes_on_after_a_reload(page: Page, photo: bytes) -> None:
    name = named("reloaded.jpg")
    halt(page, name, photo)
    page.reload()
    go_on(page, name, photo)


def test_an_upload_goes_on_after_signing_in_again(page: Page, photo: bytes) -> None:
    """A session ended in mid-upload loses nothing that had arrived."""
    name = named("signed-in-again.jpg")
    halt(page, name, photo)
    page.context.clear_cookies()
    page.goto("/documents/")
    give_password(page, "patient@demo.example", "demo supplier patient 2026")
    go_on(page, name, photo)
