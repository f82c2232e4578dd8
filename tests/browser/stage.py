"""Specimens on a stage: pages and static files served to Chromium by interception, under the real policy."""

import gzip
import mimetypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.contrib.staticfiles import finders
from django.http import HttpResponse
from django.test import RequestFactory
from playwright.sync_api import Frame, Page, Route, sync_playwright

from config.security.csp import SecurityHeaders, framed
from tests.browser import specimens

CHROMIUM = "/usr/bin/chromium"
HOME = "http://portal.supplier.localhost"
SIZES = {"narrow": (320, 640), "phone": (360, 740), "frame": (400, 640), "desktop": (1440, 900)}
WIDGET_FILES = (
    *(f"css/{name}.css" for name in ("tokens", "base", "chat", "widget")),
    *(f"js/{name}.js" for name in ("widget-loader", "widget", "widget-files", "thread-view", "upload")),
    *(f"js/{name}.js" for name in ("chat-core", "chat-conversation", "base", "dialog")),
)
AXE = Path(__file__).resolve().parents[2] / "static/node_modules/axe-core/axe.min.js"


def forms() -> dict[str, Any]:
    return {"auth": specimens.SignIn(), "portal": specimens.details()}


def _headers(path: str) -> dict[str, str]:
    """What our middleware says of a page."""
    request = RequestFactory(headers={"host": "portal.supplier.localhost"}).get(path)
    view = framed(lambda _: HttpResponse())
    return dict(SecurityHeaders(view)(request).headers.items())


def _static(route: Route, path: str) -> None:
    found = finders.find(path.removeprefix("/static/"))
    if not found:
        return route.fulfill(status=404, body="")
    kind = mimetypes.guess_type(path)[0] or "text/plain"
    return route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind)


def _around(route: Route) -> str:
    """The origin of the page around a frame, as the widget's loader names it."""
    return parse_qs(urlsplit(route.request.url).query).get("host", [HOME])[0]


def serve(route: Route) -> None:
    """Static files, and every specimen at its name."""
    path = urlsplit(route.request.url).path
    if path.startswith("/static/"):
        return _static(route, path)
    if route.request.headers.get("hx-request"):
        # What a specimen asks for by itself it is given already.
        return route.fulfill(status=204, body="")
    name, _, pane = path.strip("/").partition("/")
    html = specimens.render(name, form=forms().get(name), pane=pane or "thread", host=_around(route))
    headers = _headers(path) | {"Content-Type": "text/html; charset=utf-8"}
    policy = headers["Content-Security-Policy"]
    headers["Content-Security-Policy"] = policy.replace(
        "frame-ancestors 'self'", "frame-ancestors http://*.localhost"
    )
    return route.fulfill(body=html, headers=headers)


_running: list[Any] = []


@contextmanager
def chromium() -> Iterator[Any]:
    """The one that runs already, or one of our own: Playwright's loop starts once in a thread."""
    if _running:
        yield _running[-1]
        return
    with sync_playwright() as play:
        _running.append(play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]))
        try:
            yield _running[-1]
        finally:
            _running.pop().close()


def open_page(
    browser: Any, size: str = "desktop", scheme: str = "light", also: Callable[[Page], None] | None = None
) -> Page:
    """A page whose ``problems`` collect what the console and the policy complain of."""
    width, height = SIZES[size]
    page: Page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.set_default_timeout(20_000)
    page.problems = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.problems.append(str(error)))  # type: ignore[attr-defined]
    page.on("console", lambda said: _note(page, said))
    page.route("**/*", serve)
    if also:
        also(page)
    return page


def _note(page: Any, said: Any) -> None:
    if said.type == "error" or "Content Security Policy" in said.text:
        page.problems.append(said.text)


def compressed(path: str) -> int:
    """Bytes of a static file as it travels."""
    return len(gzip.compress(Path(str(finders.find(path))).read_bytes()))


def violations(page: Page | Frame) -> list[str]:
    """What axe finds serious or critical. Its script comes in past the policy, as a tool's may."""
    page.evaluate(AXE.read_text() + ";0")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [each for each in found["violations"] if each["impact"] in {"serious", "critical"}]
    return [
        f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for each in grave
        for node in each["nodes"]
    ]
