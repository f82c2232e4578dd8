"""Searching among a thousand cases, a hundred thousand and a million: the first page and a later one."""

from collections.abc import Callable

import pytest
from django.urls import reverse

from agents import search
from tests.benchmarks.desks import Desk
from tests.benchmarks.harness import ROUNDS, note, timed

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

TIMES = 10
SEARCHES = {
    "a word of every message": "order",
    "words of no message": "xylophone quartz",
    "quoted words": '"where is my order"',
    "a full name": "first3 last7",
    "a name with a slip": "first3 lsat7",
    "from a name, a word": "from:last7 order",
    "an operator": "is:unread",
    "operators and a word": "is:open channel:chat order",
    "a case number": "K-10",
}


def finding(desk: Desk, words: str) -> Callable[[], object]:
    def find() -> None:
        assert desk.client.post(reverse("agents:search"), {"words": words}).status_code == 200

    return find


@pytest.mark.parametrize("name", list(SEARCHES))
def test_a_search_among_many_cases(filled: list[Desk], name: str) -> None:
    few, *many = filled
    for desk in many:
        pairs = []
        for _ in range(ROUNDS):
            figures = []
            for side in (desk, few):
                side.open()
                find = finding(side, SEARCHES[name])
                timed(find, 2)
                figures.append(timed(find, TIMES))
            pairs.append((figures[0], figures[1]))
        said = f"search for {name}, {desk.cases:,} cases (floor: {few.cases:,})"
        note(said, "us", pairs, target="<= 1.5")


def test_a_later_page_of_a_search(filled: list[Desk]) -> None:
    """The tenth page beside the first, of the same desk."""
    desk = filled[-1]
    desk.open()
    actor, after = desk.client.user, ""  # type: ignore[attr-defined]
    for _ in range(9):
        after = search.more_cases(actor, "order", after).next
    pairs = []
    for _ in range(ROUNDS):
        pairs.append(
            (
                timed(lambda: search.more_cases(actor, "order", after), TIMES),
                timed(lambda: search.more_cases(actor, "order", ""), TIMES),
            )
        )
    note(f"page 10 of a search among {desk.cases:,} (floor: page 1)", "us", pairs, target="<= 1.5")
