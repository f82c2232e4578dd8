"""Ten thousand rows: a bounded page, the right rows at every depth, a place kept while the list lives (R-CONS)."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser import stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

ROWS, PAGE, HEIGHT = 10_000, 50, 88
ADDRESS = f"{stage.HOME}/long-list/"
HTML = """<!doctype html><html lang="en"><head><title>List</title></head><body>
<section id="queue"><ul id="rows"></ul></section>
<script type="module" src="/long-list/page.js"></script></body></html>"""
CSS = f"""#queue {{ block-size: 800px; overflow-y: auto; }} ul {{ margin: 0; padding: 0; list-style: none; }}
li[id] {{ block-size: {HEIGHT}px; box-sizing: border-box; overflow: hidden; }}"""
SCRIPT = f"""
import {{ VirtualList }} from "/static/js/virtual-list.js";
const sheet = new CSSStyleSheet();
sheet.replaceSync(`{CSS}`);
document.adoptedStyleSheets = [sheet];
const all = Array.from({{ length: {ROWS} }}, (_, number) => number);
const place = (number) => `${{String(number).padStart(8, "0")}}.${{number}}`;
globalThis.row = (number, words = `Case ${{number}}`) => {{
  const made = document.createElement("li");
  made.id = `row-${{number}}`;
  made.dataset.place = place(number);
  made.textContent = words;
  return made;
}};
const between = (after, until) => {{
  const from = after ? Number(after.split(".")[1]) + 1 : 0;
  const to = until ? Number(until.split(".")[1]) + 1 : from + {PAGE};
  const rows = all.filter((number) => number >= from && number < to);
  globalThis.asked = (globalThis.asked ?? 0) + 1;
  return {{ rows: rows.map((number) => row(number)), next: until ? "" : (to < {ROWS} ? place(to - 1) : "") }};
}};
const list = document.getElementById("rows");
const first = between("", "");
list.append(...first.rows);
globalThis.list = new VirtualList({{
  list, scroller: document.getElementById("queue"), rows: first.rows, next: first.next, oldestFirst: true,
  load: async (after, until) => between(after, until),
}});
"""


def serve(route: Route) -> None:
    if route.request.url.endswith("page.js"):
        return route.fulfill(body=SCRIPT, content_type="text/javascript")
    return route.fulfill(body=HTML, content_type="text/html")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = stage.open_page(browser, also=lambda each: each.route("**/long-list/**", serve))
    made.goto(ADDRESS)
    made.wait_for_function("globalThis.list?.list.querySelector('li[id]')")
    yield made
    assert made.problems == []  # type: ignore[attr-defined]
    made.close()


def seen(page: Page) -> list[str]:
    """The rows within the window, from the top."""
    found: list[str] = page.evaluate(
        """() => {
        const box = document.getElementById("queue").getBoundingClientRect();
        return [...document.querySelectorAll("#rows li[id]")].filter((row) => {
          const { top, bottom } = row.getBoundingClientRect();
          return bottom > box.top + 1 && top < box.bottom - 1;
        }).map((row) => row.id);
        }"""
    )
    return found


def count(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('#rows li').length"))


def to(page: Page, top: float) -> None:
    page.evaluate("(top) => { document.getElementById('queue').scrollTop = top; }", top)
    page.wait_for_timeout(60)


def to_the_end(page: Page) -> None:
    while page.evaluate("Boolean(list.next)"):
        to(page, 10**9)


def test_ten_thousand_rows_keep_the_page_small(page: Page) -> None:
    most = 0
    while page.evaluate("Boolean(list.next)"):
        to(page, 10**9)
        most = max(most, count(page))
    to(page, 10**9)
    assert seen(page)[-1] == f"row-{ROWS - 1}"
    assert page.evaluate("list.length") == ROWS
    assert most < 60
    last = page.locator(f"#row-{ROWS - 1}")
    assert (last.get_attribute("aria-posinset"), last.get_attribute("aria-setsize")) == (str(ROWS), str(ROWS))
    for at in (0, 137, 4999, 7321, 9990):
        to(page, at * HEIGHT)
        page.wait_for_function("(id) => document.getElementById(id)", arg=f"row-{at}")
        assert seen(page)[0] == f"row-{at}"
        assert count(page) < 60
    assert page.evaluate("list.pages.filter(({ rows }) => rows).length") < 15


def test_rows_are_unknown_in_number_until_the_end_is_seen(page: Page) -> None:
    assert page.locator("#row-0").get_attribute("aria-setsize") == "-1"


def test_a_place_is_kept_while_rows_come_and_go_above(page: Page) -> None:
    to(page, 30 * HEIGHT)
    page.wait_for_function("document.getElementById('row-30')")
    before = seen(page)
    assert before[0] == "row-30"
    page.evaluate("list.remove('row-3'); list.remove('row-4'); list.remove('row-5')")
    assert seen(page) == before
    page.evaluate("list.place(Object.assign(row(2.5), { id: 'row-new' }))")
    assert seen(page) == before


def test_a_row_is_changed_where_it_stands_and_moves_where_it_belongs(page: Page) -> None:
    page.evaluate("list.place(row(2, 'Changed'))")
    assert page.locator("#row-2").inner_text() == "Changed"
    assert seen(page)[:4] == ["row-0", "row-1", "row-2", "row-3"]
    page.evaluate("{ const moved = row(1); moved.dataset.place = '00000003.9'; list.place(moved); }")
    assert seen(page)[:4] == ["row-0", "row-2", "row-3", "row-1"]


def test_any_row_can_be_gone_to(page: Page) -> None:
    """j and k go on where pages end, and back where they were let go."""
    for index in (49, 50, 2500, 3):
        found: Any = page.evaluate("async (index) => (await list.show(index))?.id", index)
        assert found == f"row-{index}"
        page.wait_for_function("(id) => document.getElementById(id)", arg=found)
        assert found in seen(page)
    assert page.evaluate("list.show(-1)") is None
