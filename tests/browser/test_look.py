"""The look on its base pages, in Chromium: readable to all, whole at every width, quiet under the policy."""

from typing import Any

import pytest

from tests.browser import stage

pytestmark = pytest.mark.browser

PAGES = ["portal", "auth", "console/thread", "console/queue", "console/context", "widget"]

FIELDS = "input:not([type=checkbox], [type=radio], [type=file])"
HEIGHTS = f"""[...document.querySelectorAll('button, a.btn, nav a, select, .links a, {FIELDS}')]
  .filter(each => each.checkVisibility())
  .map(each => [each.getBoundingClientRect().height, each.outerHTML.slice(0, 80)])"""
PUT = """html => {
  try { document.querySelector('main').innerHTML = html; return 'taken' } catch (error) { return error.name }
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser: Any, name: str, scheme: str) -> None:
    """WCAG 2.2 AA in both themes, contrast included."""
    page = stage.open_page(browser, "phone" if name in {"portal", "widget"} else "desktop", scheme)
    page.goto(f"{stage.HOME}/{name}")
    assert stage.violations(page) == []
    assert page.problems == []
    page.close()


@pytest.mark.parametrize("size", ["narrow", "phone", "desktop"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(browser: Any, name: str, size: str) -> None:
    page = stage.open_page(browser, size)
    page.goto(f"{stage.HOME}/{name}")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.close()


def test_targets_in_the_portal_are_44_px(browser: Any) -> None:
    page = stage.open_page(browser, "phone")
    page.goto(f"{stage.HOME}/portal")
    heights = page.evaluate(HEIGHTS)
    assert [each for each in heights if each[0] < 43.5] == []
    page.close()


def test_dialogs_open_and_close_by_keyboard(browser: Any) -> None:
    page = stage.open_page(browser)
    page.goto(f"{stage.HOME}/portal")
    page.focus("[data-opens=sure]")
    page.keyboard.press("Enter")
    assert page.locator("#sure").evaluate("each => each.open")
    page.keyboard.press("Escape")
    assert not page.locator("#sure").evaluate("each => each.open")
    assert page.evaluate("document.activeElement.dataset.opens") == "sure"
    page.close()


def test_what_would_run_is_refused_by_the_page_itself(browser: Any) -> None:
    """Trusted Types: a fragment with a script or a handler never becomes part of the page (R-SEC)."""
    page = stage.open_page(browser)
    page.goto(f"{stage.HOME}/portal")
    assert page.evaluate(PUT, "<p>plain &lt;script&gt; on words</p>") == "taken"
    for planted in [
        "<script>1</script>",
        "<img src=x onerror=1>",
        "<a href=' javascript:1'>x</a>",
        "<iframe srcdoc=x>",
    ]:
        assert page.evaluate(PUT, planted) == "TypeError"
    page.close()
