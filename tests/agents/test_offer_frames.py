"""An offer reaches the console of its agent, of nobody else, over the socket (docs/console-frames.md)."""

from collections.abc import Iterator

import pytest

from agents import assignment
from tests.agents.floor_people import agent_there, team_that, waiting_chat
from tests.cases.wire import socket_of
from tests.people import signed_in
from tests.servers import Server, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_an_offer_is_told_to_its_agent_alone(server: Server) -> None:
    team = team_that("push")
    mine, other = signed_in(agent_there(team)), signed_in(agent_there())
    with socket_of(mine, server, "/ws/console/") as desk, socket_of(other, server, "/ws/console/") as beside:
        desk.wait("hello")
        beside.wait("hello")
        waiting_chat(team)
        assignment.place_waiting()
        told = desk.wait("offer")
        assert set(told) == {"type", "offer", "state", "mine"}
        assert (told["state"], told["mine"]) == ("open", True)
        assert beside.none("offer")
