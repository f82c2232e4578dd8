"""Agents at their desks, and contacts that wait for them, as the tests of routing want them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from agents.models import AgentPresence, AgentSkill, ChannelLoad, Skill, TeamRouting
from cases.models import Case, Conversation, Team
from portal.models import User
from tests.factories import CaseFactory, ConversationFactory, TeamFactory, UserFactory


def agent_there(*teams: Team, state: str = "online", chats: int = 3, **skills: int) -> User:
    """An agent who sits in a console, of some teams and with some skills."""
    user: User = UserFactory(roles=["agent"])
    AgentPresence.objects.create(user=user, state=state, chat_capacity=chats)
    for team in teams:
        team.members.add(user)
    for code, level in skills.items():
        skill, _new = Skill.objects.get_or_create(code=code, defaults={"name": code.title()})
        AgentSkill.objects.create(user=user, skill=skill, level=level)
    return user


def team_that(mode: str = "push", **served: Any) -> Team:
    team: Team = TeamFactory()
    TeamRouting.objects.create(team=team, mode=mode, **served)
    return team


def costs(**units: str) -> None:
    for channel, cost in units.items():
        ChannelLoad.objects.create(channel=channel, cost=cost, capacity=100)


def waiting_chat(team: Team | None = None, *, since: datetime | None = None, **case: Any) -> Conversation:
    """A chat in the line, with its case."""
    matter = CaseFactory(channel="chat", state="new", team=team, **case)
    queued: Conversation = ConversationFactory(
        case=matter,
        patient=matter.patient,
        channel="chat",
        state="queued",
        queued_at=since or timezone.now() - timedelta(minutes=1),
    )
    return queued


def waiting_case(team: Team | None = None, **case: Any) -> Case:
    matter: Case = CaseFactory(state="new", team=team, **case)
    return matter
