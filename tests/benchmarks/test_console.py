"""The console's pages among a thousand cases, a hundred thousand and a million."""

import time
from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.template import Template
from django.test import Client
from django.test.utils import _TestState
from django.urls import path, reverse

from agents import queue
from config import urls
from portal.access import door
from tests.benchmarks.desks import Desk
from tests.benchmarks.harness import ROUNDS, note, timed

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

TIMES = 20
Ask = Callable[[Client], None]
DEEP = 1500


@door("console.use", realm="staff")
def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


# The product's addresses, and a page that only passes the doors.
urlpatterns = [path("floor/", nothing), *urls.urlpatterns]


@pytest.fixture(autouse=True)
def templates_as_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Django's tests copy the context of every template rendered; a server does not."""
    monkeypatch.setattr(Template, "_render", _TestState.saved_data.template_render)


def get(address: str, **query: str) -> Ask:
    def ask(client: Client) -> None:
        assert client.get(address, query).status_code == 200

    return ask


def find(words: str) -> Ask:
    def ask(client: Client) -> None:
        assert client.post(reverse("agents:search"), {"words": words}).status_code == 200

    return ask


def a_deep_place(desk: Desk) -> str:
    """The place after some fifty pages, or after as many as there are."""
    desk.open()
    view = queue.VIEWS["closed"]
    cases = queue._ordered(desk.client.user, view)  # type: ignore[attr-defined]
    return queue._place(cases[min(DEEP, desk.cases // 2)])


PAGES = {
    **{
        f"queue: {code}": get(reverse("agents:view", args=[code]))
        for code in ("open", "mine", "unassigned", "closed")
    },
    "rail with its counts": get(reverse("agents:rail")),
    "case page": get(reverse("agents:case", args=["K-10"])),
    "beside a case": get(reverse("agents:case-beside", args=["K-10"])),
    "search by number": find("K-10"),
    "search by full name": find("first3 last7"),
}


def processor(work: Callable[[], object], times: int = 1) -> float:
    """Microseconds of this process's CPU for one call."""
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times * 1e6


def measured(name: str, ours: tuple[Desk, Ask], floor: tuple[Desk, Ask], target: str, clock=timed) -> None:
    """Both sides in alternation, each warmed up after the change of database."""
    pairs = []
    for _ in range(ROUNDS):
        figures = []
        for desk, ask in (ours, floor):
            desk.open()
            clock(lambda: ask(desk.client), 2)  # noqa: B023 - called at once
            figures.append(clock(lambda: ask(desk.client), TIMES))  # noqa: B023 - called at once
        pairs.append((figures[0], figures[1]))
    note(name, "us", pairs, target=target)


@pytest.mark.parametrize("page", list(PAGES))
def test_a_page_among_many_cases(filled: list[Desk], page: str) -> None:
    few, *many = filled
    for desk in many:
        ask = PAGES[page]
        measured(f"{page}, {desk.cases:,} cases (floor: {few.cases:,})", (desk, ask), (few, ask), "<= 1.5")


def test_deep_in_a_list(filled: list[Desk]) -> None:
    """The fiftieth page beside the first one, of the same desk."""
    desk = filled[-1]
    address = reverse("agents:rows", args=["closed"])
    deep, first = get(address, after=a_deep_place(desk)), get(address)
    measured(f"page 50 of {desk.cases:,} cases (floor: page 1)", (desk, deep), (desk, first), "<= 1.5")


@pytest.mark.urls(__name__)
def test_the_heaviest_page_beside_an_empty_one(filled: list[Desk]) -> None:
    """Through every middleware: a page that shows nothing is the floor."""
    desk = filled[0]
    for name in ("queue: open", "case page"):
        measured(
            f"{name}, CPU (floor: an empty page)",
            (desk, PAGES[name]),
            (desk, get("/floor/")),
            "<= 4",
            processor,
        )
