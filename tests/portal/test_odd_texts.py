"""Texts that no column can hold, NUL characters and halves of surrogate pairs: nowhere an error of ours."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.people import signed_in

pytestmark = pytest.mark.django_db
NUL, HALF = "a\0b", "a\ud800b"
NOBODY = "00000000-0000-0000-0000-000000000000"
HOLE = re.compile(r"<(?:(\w+):)?(\w+)>")
ASKED = [
    *("account", "action", "after", "before", "birth_date", "body", "channel", "city", "client_id", "code"),
    *("device", "disposition", "email", "everybody", "filename", "host", "id", "kind", "lang", "last_name"),
    *("name", "next", "next_step", "note", "npi", "order", "owner", "page", "passphrase", "password"),
    *("phone", "postal_code", "purpose", "q", "query", "rawId", "reason", "record", "role", "scopes", "seen"),
    *("size", "state", "status", "subject", "team", "text", "to", "token", "topic", "type", "username"),
    *("value", "version", "view", "visitor", "conversation", "values", "form", "e", "o", "p"),
]


def paths(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """An address of every URL that is not a pattern of its own, with odd texts where it takes text."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = before + str(pattern.pattern)
        if not isinstance(pattern, URLPattern):
            yield from paths(pattern.url_patterns, path)
        elif "(" not in path and "readyz" not in path:
            yield HOLE.sub(filling, path)


def filling(hole: re.Match[str]) -> str:
    return {"int": "1", "uuid": NOBODY, "slug": "x"}.get(hole[1] or "", "%00")


@pytest.fixture(params=["a patient", "all roles of staff"])
def browser(request: pytest.FixtureRequest, patient: Any, staff_client: Any) -> Client:
    staff = request.param != "a patient"
    client = staff_client("agent", "supervisor", "administrator", "auditor") if staff else None
    client = client or signed_in(patient.user)
    client.raise_request_exception = False
    return client  # type: ignore[no-any-return]


@pytest.mark.parametrize("text", [NUL, HALF])
@pytest.mark.parametrize("name", ["kind", "filename", "type", "purpose", "patient", "order", "\0", "\ud800"])
def test_an_upload_with_odd_texts_is_cleaned_or_refused(patient_client, name, text):
    about = {"kind": "other", "filename": "card.jpg", "size": 100, "type": "image/jpeg"} | {name: text}
    answer = patient_client.post("/uploads/", json.dumps(about), content_type="application/json")
    assert answer.status_code == (400 if name in ("kind", "patient", "order") else 201)
    assert patient_client.get("/uploads/").status_code == 200


def test_an_upload_of_too_many_levels_is_refused(patient_client):
    answer = patient_client.post("/uploads/", "[" * 100_000, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("way", ["typed", "asked for", "as JSON"])
def test_no_address_fails_over_odd_texts(browser, way, settings):
    session = browser.cookies[settings.SESSION_COOKIE_NAME].value
    ask = {
        "typed": lambda path: browser.post(path, dict.fromkeys(ASKED, NUL)),
        "asked for": lambda path: browser.get(path, dict.fromkeys(ASKED, NUL)),
        "as JSON": lambda path: browser.post(
            path, json.dumps(dict.fromkeys(ASKED, HALF)), content_type="application/json"
        ),
    }[way]
    failed = {}
    for path in paths():
        if "end" in path.split("/")[-2:] or "sign-out" in path or "logout" in path:
            continue
        browser.cookies[settings.SESSION_COOKIE_NAME] = session
        answer = ask(path)
        if answer.status_code >= 500:
            failed[path] = answer.status_code
    assert failed == {}


def test_a_session_of_odd_text_is_nobodys(settings):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = NUL
    assert client.get("/orders/").status_code == 302
