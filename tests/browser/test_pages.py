"""Every page a person can reach: axe, every width, both themes and languages, and nothing from elsewhere."""

import pytest
from playwright.sync_api import Page

from tests.browser.visitors import Running, axe, sideways

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]

PORTAL = [
    "/",
    "/orders/",
    "/messages/",
    "/messages/sent/",
    "/messages/new/",
    "/documents/",
    "/devices/",
    "/insurance/",
    "/profile/",
    "/profile/contact-choices/",
    "/caregivers/",
    "/security",
    "/security/password",
    "/who-saw-my-record/",
    "/my-data/",
    "/privacy/",
]
DOORS = ["/sign-in", "/staff/sign-in", "/register", "/password/forgot", "/nowhere"]
CONSOLE = ["/console/", "/console/views/mine/", "/console/views/chats/", "/console/views/open/"]
WORKSHOP = [
    "/admin/",
    "/admin/portal/user/",
    "/admin/portal/patient/",
    "/admin/portal/accessentry/",
    "/admin/cases/case/",
]


def _judge(demo: Running, page: Page, path: str) -> list[str]:
    """What is wrong with a page, in words."""
    page.goto(path)
    wrong = [f"{path}: {each}" for each in axe(page)]
    if wide := sideways(page):
        wrong.append(f"{path} is {wide} px too wide")
    told = [each for each in demo.told() if "/nowhere" not in each]
    return wrong + [f"{path}: {each}" for each in told]


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [
        ("narrow", "light", "en"),
        ("narrow", "dark", "es"),
        ("desktop", "light", "es"),
        ("desktop", "dark", "en"),
    ],
)
def test_portal(demo: Running, size: str, scheme: str, language: str) -> None:
    page = demo.person("patient", size, color_scheme=scheme)
    page.context.add_cookies([{"name": "dme-language", "value": language, "url": demo.url}])
    wrong = [each for path in [*PORTAL, *_one_of_each(page)] for each in _judge(demo, page, path)]
    assert page.locator("html").get_attribute("lang") == language
    page.context.close()
    assert wrong == []


def _one_of_each(page: Page) -> list[str]:
    """An order's own page and a thread's."""
    found = []
    for where in ["/orders/", "/messages/"]:
        page.goto(where)
        link = page.locator(f"main a[href^='{where}']:not([href$='/new/']):not([href$='/sent/'])").filter(
            has=page.locator(".what")
        )
        if link.count():
            found.append(str(link.first.get_attribute("href")))
    return found


@pytest.mark.parametrize(("size", "language"), [("narrow", "es"), ("desktop", "en")])
def test_doors(demo: Running, size: str, language: str) -> None:
    page = demo.stranger(size, locale=language)
    wrong = [each for path in DOORS for each in _judge(demo, page, path)]
    page.context.close()
    assert wrong == []


@pytest.mark.parametrize(("size", "scheme"), [("narrow", "light"), ("desktop", "dark")])
def test_console(demo: Running, size: str, scheme: str) -> None:
    page = demo.person("agent", size, color_scheme=scheme)
    page.goto("/console/views/open/")
    case = page.locator("#queue a.queue-row").first.get_attribute("href")
    wrong = [each for path in [*CONSOLE, case] for each in _judge(demo, page, path)]
    page.context.close()
    assert wrong == []


def test_workshop(demo: Running) -> None:
    page = demo.person("supervisor")
    wrong = [each for path in WORKSHOP for each in _judge(demo, page, path)]
    page.context.close()
    assert wrong == []
