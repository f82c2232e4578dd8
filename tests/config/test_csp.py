"""The headers on every answer (ASVS V3.4): what a page may do, who may frame it, what may be kept."""

import re
from collections.abc import Callable

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings

from config.security.csp import SecurityHeaders, embedders, framed

SHOP = "https://shop.example"


def two_origins() -> list[str]:
    return [SHOP, "https://blog.example"]


def answer(
    path: str = "/orders/",
    view: Callable[[HttpRequest], HttpResponse] = lambda _: HttpResponse(),
    **extra: object,
) -> HttpResponse:
    request = RequestFactory().get(path, **extra)
    response = SecurityHeaders(view)(request)
    assert isinstance(response, HttpResponse)
    return response


def directives(response: HttpResponse) -> dict[str, list[str]]:
    parts = response.headers["Content-Security-Policy"].split("; ")
    return {name: values for name, *values in (part.split() for part in parts)}


def with_nonce(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f'<script nonce="{request.csp_nonce}"></script>')  # type: ignore[attr-defined]


def test_nothing_is_allowed_but_our_own() -> None:
    rules = directives(answer())
    assert rules["default-src"] == rules["object-src"] == rules["frame-ancestors"] == ["'none'"]
    assert (
        rules["script-src"] == rules["style-src"] == rules["base-uri"] == rules["form-action"] == ["'self'"]
    )
    assert rules["connect-src"] == ["'self'", "ws://testserver"]
    assert "unsafe" not in answer().headers["Content-Security-Policy"]


def test_the_socket_is_secure_where_the_page_is() -> None:
    assert directives(answer(secure=True))["connect-src"] == ["'self'", "wss://testserver"]


def test_a_nonce_is_of_one_answer_alone() -> None:
    first, second = answer(view=with_nonce), answer(view=with_nonce)
    found = [re.search(r'nonce="(.+?)"', each.content.decode()) for each in (first, second)]
    nonces = [each.group(1) for each in found if each]
    assert len(set(nonces)) == 2
    assert f"'nonce-{nonces[0]}'" in directives(first)["script-src"]
    assert all(len(each) >= 22 for each in nonces)


def test_trusted_types_everywhere_but_in_the_admin() -> None:
    """The admin's own scripts break under Trusted Types; the rest of the policy stays."""
    assert directives(answer())["require-trusted-types-for"] == ["'script'"]
    assert directives(answer())["trusted-types"] == ["default"]
    admin = directives(answer("/admin/portal/user/"))
    assert "require-trusted-types-for" not in admin
    assert admin["script-src"] == ["'self'"]


@override_settings(CHAT_EMBED_ORIGINS=[SHOP])
def test_only_framed_pages_may_be_framed_and_by_the_allowed_alone() -> None:
    open_page = answer(view=framed(lambda _: HttpResponse()))
    assert directives(open_page)["frame-ancestors"] == ["'self'", SHOP]
    assert "X-Frame-Options" not in open_page.headers
    closed = answer()
    assert directives(closed)["frame-ancestors"] == ["'none'"]
    assert closed.headers["X-Frame-Options"] == "DENY"


@override_settings(CHAT_EMBED_ORIGINS="tests.config.test_csp.two_origins")
def test_the_origins_may_come_from_a_callable() -> None:
    assert embedders() == two_origins()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ],
)
def test_fellow_headers(name: str, value: str) -> None:
    assert answer().headers[name] == value


def test_powers_that_no_page_uses_are_off() -> None:
    policy = answer().headers["Permissions-Policy"]
    assert "microphone=()" in policy
    assert "geolocation=()" in policy


def test_nothing_is_kept_by_caches_but_static_files() -> None:
    """ASVS V14.3.2; a cached page once showed one person's to another at somebody's."""
    kept = answer().headers["Cache-Control"]
    assert {"private", "no-store"} <= set(kept.split(", "))
    assert "Cache-Control" not in answer(f"{settings.STATIC_URL}css/base.css").headers


def test_a_view_that_allows_caching_is_overruled() -> None:
    response = answer(view=lambda _: HttpResponse(headers={"Cache-Control": "public, max-age=600"}))
    assert "no-store" in response.headers["Cache-Control"]
    assert "public" not in response.headers["Cache-Control"]


@override_settings(CSP_REPORT_URI="/reports/")
def test_violations_are_reported_where_a_place_is_set() -> None:
    assert directives(answer())["report-uri"] == ["/reports/"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/nowhere/", "/privacy/", "/healthz"])
def test_real_pages_and_errors_carry_them(path: str) -> None:
    response = Client().get(path)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "no-store" in response.headers["Cache-Control"]


def test_a_forged_host_gets_no_page_and_no_crash() -> None:
    response = Client(headers={"host": "evil.example"}).get("/nowhere/")
    assert response.status_code == 400
    assert b"evil.example" not in response.content
