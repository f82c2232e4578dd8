"""PHI goes through every way in, and is looked for where it must not be (R-SEC-4, R-SEC-9)."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.guards import canaries
from tests.guards.canary_rig import Evidence, Installation, installation
from tests.guards.canary_walk import Walk, records_of

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def installed() -> Iterator[Installation]:
    with installation() as installed:
        yield installed


@pytest.fixture(scope="module")
def evidence(installed: Installation) -> Evidence:
    told = json.loads(installed.run("people", "-m", "tests.guards.canary_people"))
    walk = Walk(installed, installed.node().url, told)
    walk.everything()
    addresses, titles = records_of(walk.browsers)
    for status in [s for b in walk.browsers for s in b.statuses]:
        print(status)
    return installed.evidence() | {"addresses": addresses, "titles": titles}


PLACES = ["logs", "postgresql log", "valkey orders", "valkey keys", "mails", "texts", "columns", "files", "addresses", "titles"]


@pytest.mark.parametrize("place", PLACES)
def test_no_canary_is_in(evidence: Evidence, place: str) -> None:
    assert sorted(canaries.seen_in(evidence[place])) == []
