"""More waits than is looked at in one go: no backlog hides what somebody here could take. R-ASSIGN-1"""

from typing import Any

import pytest

from agents import assignment, floor
from agents.models import Offer, Skill, SkillDemand
from cases.models import Case, Conversation, Team
from portal.models import User
from tests.agents.floor_people import agent_there, team_that, waiting_case, waiting_chat
from tests.factories import PatientFactory, TeamFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "AT_ONCE", 20)


def backlog(team: Team | None, count: int = 21, **told: Any) -> None:
    """Pressing cases, more than are looked at."""
    told = {"channel": "portal", "priority": 1, **told}
    patient = PatientFactory()
    Case.objects.bulk_create(
        Case(
            number=f"B-{told['channel']}-{number}",
            patient=patient,
            subject="x",
            state="new",
            team=team,
            **told,
        )
        for number in range(count)
    )


def oxygen_is_asked_for(**where: Any) -> None:
    skill = Skill.objects.create(code="oxygen", name="Oxygen")
    SkillDemand.objects.create(skill=skill, level=1, **where)


def offered(agent: User) -> list[Case]:
    assignment.place_waiting()
    return [offer.case for offer in Offer.objects.filter(agent=agent)]


def test_a_team_nobody_is_there_for_hides_no_other() -> None:
    backlog(team_that())
    day = team_that()
    ana, mine = agent_there(day), waiting_case(day, priority=3)
    assert offered(ana) == [mine]


def test_chats_that_nobody_can_take_hide_no_cases() -> None:
    night, day = team_that(), team_that()
    for _ in range(21):
        waiting_chat(night, priority=1)
    ana, mine = agent_there(day), waiting_case(day, priority=3)
    assert offered(ana) == [mine]


@pytest.mark.parametrize(
    ("asked", "theirs"),
    [
        ({"channel": "email"}, {"channel": "email"}),
        ({"product_line": "oxygen"}, {"product_line": "oxygen"}),
    ],
)
def test_a_skill_that_nobody_there_has_hides_no_other_contact(
    asked: dict[str, Any], theirs: dict[str, Any]
) -> None:
    oxygen_is_asked_for(**asked)
    team = team_that()
    backlog(team, **theirs)
    ana, mine = agent_there(team), waiting_case(team, priority=3, channel="portal")
    assert offered(ana) == [mine]


def test_a_language_that_nobody_there_speaks_hides_no_chat() -> None:
    oxygen_is_asked_for(language="es")
    team = team_that()
    for _ in range(21):
        waiting_chat(team, priority=1)
    Conversation.objects.update(language="es")
    ana, mine = agent_there(team), waiting_chat(team, priority=3)
    assert offered(ana) == [mine.case]


def test_the_next_is_found_behind_what_does_not_fit() -> None:
    oxygen_is_asked_for(channel="email")
    team = TeamFactory()
    backlog(team, channel="email")
    ana, mine = agent_there(team), waiting_case(team, priority=3, channel="portal")
    made = assignment.take_next(ana)
    assert made is not None
    assert made.case == mine


def test_of_one_backlog_the_most_pressing_goes_first() -> None:
    team = team_that()
    backlog(team, priority=3)
    ana, mine = agent_there(team), waiting_case(team, priority=1, channel="portal")
    assert mine in offered(ana)
