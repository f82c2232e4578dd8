"""The pages for what went wrong: they say what happened, and need neither session nor database."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils import translation

from config import errors

PAGES: list[tuple[int, Callable[[HttpRequest], HttpResponse]]] = [
    (400, errors.bad_request),
    (403, errors.forbidden),
    (403, errors.csrf_failure),
    (404, errors.not_found),
    (429, lambda request: errors.too_many(request, retry_after=30)),
    (500, errors.server_error),
    (503, errors.unavailable),
]


@pytest.mark.parametrize(("status", "page"), PAGES)
def test_page_has_its_status_a_way_on_and_whom_to_call(
    status: int, page: Callable[[HttpRequest], HttpResponse]
) -> None:
    """No test database is asked for here: the pages work while it is down."""
    request = RequestFactory().get("/x/?patient=1")
    request.request_id = "abc123"  # type: ignore[attr-defined]
    response = page(request)
    html = response.content.decode()
    assert response.status_code == status
    assert settings.SUPPLIER_PHONE in html
    assert "abc123" in html
    assert 'href="/"' in html
    assert "patient=1" not in html


def test_what_to_wait_for_is_said_to_programs_too() -> None:
    request = RequestFactory().get("/")
    assert errors.too_many(request, retry_after=30).headers["Retry-After"] == "30"
    assert errors.unavailable(request, retry_after=7).headers["Retry-After"] == "7"


def test_they_speak_spanish() -> None:
    with translation.override("es"):
        html = errors.not_found(RequestFactory().get("/")).content.decode()
    assert 'lang="es"' in html
    assert "No encontramos esa página" in html
