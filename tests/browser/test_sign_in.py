"""Signing in with Chromium: enrolment, recovery codes, passkeys and the security page (R-SEC-3)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from portal import factors
from portal.models import UserSession
from tests import factories
from tests.browser import stage
from tests.factories import PASSWORD
from tests.servers import Server, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480), pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module", autouse=True)
def synchronous() -> Iterator[None]:
    """Playwright's own loop runs in this thread; the tests touch the database between its calls."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """At "localhost": a browser makes no passkey for a bare address."""
    port = free_port()
    server = Server({"PUBLIC_URL": f"http://localhost:{port}"}, port=port)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with stage.chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Page]:
    """A page that goes to the server, with an authenticator of its own."""
    page = browser.new_page(base_url=f"http://localhost:{server.port}")
    page.set_default_timeout(15000)
    page.route("**/static/**", stage.serve)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console", lambda said: page.problems.append(said.text) if "Security Policy" in said.text else None
    )
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = kind | {"isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    assert page.problems == []
    page.close()


def sign_in(page: Page, email: str, where: str = "/staff/sign-in") -> None:
    page.goto(where)
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def well(page: Page) -> None:
    """What axe itself does to the page is no problem of ours."""
    before = list(page.problems)  # type: ignore[attr-defined]
    assert stage.violations(page) == []
    page.problems[:] = before  # type: ignore[attr-defined]


def test_staff_enrol_keep_their_codes_and_use_a_passkey(page: Page) -> None:
    """From the first password to a sign-in by touch, with axe on each page."""
    user = factories.with_password(factories.UserFactory(roles=["technician"]))
    page.goto("/staff/sign-in")
    well(page)
    sign_in(page, user.email)
    page.wait_for_url("**/security/factors/new*")
    well(page)
    secret = page.locator("details code").inner_text() or page.locator("details code").text_content()
    page.get_by_label("Code from your authenticator app").fill(factors.code_now((secret or "").strip()))
    page.get_by_role("button", name="Set up", exact=True).click()
    page.get_by_role("heading", name="Print your recovery codes").wait_for()
    assert len(page.locator(".codes li").all()) == 10
    well(page)
    code = page.locator(".codes li").first.inner_text()
    page.get_by_role("link", name=re.compile("go on")).click()
    page.wait_for_url("**/security")
    well(page)

    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Remove").nth(1).wait_for()
    # It stands there before all of the page does, and leaving a page half way is refused at times.
    page.wait_for_load_state("load")
    assert factors.passkeys(user).count() == 1

    page.context.clear_cookies()
    page.goto("/staff/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/security")
    assert UserSession.objects.filter(user=user, factor_at__isnull=False).count() >= 2

    page.context.clear_cookies()
    sign_in(page, user.email)
    page.get_by_role("heading", name="Second step").wait_for()
    well(page)
    page.get_by_role("link", name=re.compile("recovery code")).click()
    well(page)
    page.get_by_label("Recovery code").fill(code)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url("**/security")
    assert factors.recovery_codes_left(user) == 9


@pytest.mark.parametrize("where", ["/sign-in", "/register", "/password/forgot", "/staff/password/forgot"])
def test_open_pages_are_well_made(page: Page, where: str) -> None:
    page.goto(where)
    well(page)
