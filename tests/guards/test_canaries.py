"""PHI goes through every way in, and is looked for where it must not be (R-SEC-4, R-SEC-9)."""

import json
from base64 import b64encode
from collections.abc import Iterator

import httpx
import pytest

from tests.guards import canaries
from tests.guards.canary_rig import Evidence, Installation, installation
from tests.guards.canary_walk import Browser, Walk, records_of

pytestmark = pytest.mark.timeout(300)
KEPT = ["logs", "postgresql log", "valkey orders", "valkey keys", "mails", "texts", "columns", "files"]
PLACES = [*KEPT, "addresses", "titles"]


@pytest.fixture(scope="module")
def installed() -> Iterator[Installation]:
    with installation() as installed:
        yield installed


@pytest.fixture(scope="module")
def evidence(installed: Installation) -> Evidence:
    """All that is left behind when somebody has come in by every way."""
    told = json.loads(installed.run("people", "-m", "tests.guards.canary_people"))
    walk = Walk(installed, installed.node().url, told)
    walk.everything()
    addresses, titles = records_of(walk.browsers)
    return installed.evidence() | {"addresses": addresses, "titles": titles}


@pytest.fixture(scope="module")
def leaking(installed: Installation, evidence: Evidence) -> Evidence:
    """The same after a program that leaks; ``evidence`` was gathered before."""
    installed.run("leaks", "-m", "tests.guards.canary_leaks")
    return installed.evidence()


@pytest.mark.parametrize("place", PLACES)
def test_no_canary_is_in(evidence: Evidence, place: str) -> None:
    assert evidence[place] or place == "texts", "an empty place proves nothing"
    assert sorted(canaries.seen_in(evidence[place])) == []


@pytest.mark.parametrize("place", KEPT)
def test_a_planted_leak_is_seen_in(leaking: Evidence, place: str) -> None:
    assert canaries.seen_in(leaking[place])


def test_a_planted_leak_is_seen_in_an_address_and_a_title() -> None:
    browser = Browser("http://127.0.0.1:1", "csrf")
    page = f"<title>{canaries.word('title')}</title><a href='/'></a><a href=\"/?q={canaries.word('link')}\">"
    asked = httpx.Request("GET", f"http://127.0.0.1:1/find?q={canaries.word('asked')}")
    headers = {"Content-Type": "text/html", "Location": f"/{canaries.word('onward')}"}
    browser._note(httpx.Response(302, headers=headers, text=page, request=asked))
    addresses, titles = records_of([browser])
    assert len(canaries.seen_in(addresses)) == 3
    assert canaries.seen_in(titles)


@pytest.mark.parametrize(
    "text",
    [
        canaries.word("name"),
        canaries.word("name").upper(),
        canaries.BIRTH_DATE,
        "born 02/27/1931",
        "(512) 555-0187",
        canaries.SSN.replace("-", ""),
        canaries.MEMBER_ID,
    ],
)
def test_a_canary_is_known_however_it_is_spelt(text: str) -> None:
    assert canaries.seen_in(f"before {text} after")
    for before in ("", "a", "ab"):
        assert canaries.seen_in(b64encode(f"{before}{text} after".encode()))
    assert canaries.seen_in(text.encode().hex())


def test_what_is_no_canary_is_left_alone() -> None:
    assert not canaries.seen_in("Kanarienvogel 1931-02-28 (512) 555-0100")
