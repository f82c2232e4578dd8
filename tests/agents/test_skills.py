"""Skills, units and what supervisors set of them (R-CHAN-4, R-WFM-2)."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import floor, presence
from agents.defaults import routing
from agents.models import (
    AgentCapacity,
    AgentPresence,
    AgentSkill,
    ChannelLoad,
    Offer,
    RoutingRules,
    Skill,
    SkillDemand,
    TeamRouting,
)
from agents.placement import Need
from agents.tasks import place_waiting
from cases.models import Case, Conversation
from tests.agents.floor_people import agent_there, costs, team_that, waiting_case, waiting_chat
from tests.factories import CaseFactory, PatientFactory, ReasonFactory, TeamFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


def demand(code: str, **named: Any) -> SkillDemand:
    skill, _new = Skill.objects.get_or_create(code=code, defaults={"name": code.title()})
    made: SkillDemand = SkillDemand.objects.create(skill=skill, **named)
    return made


def needs_of(case: Case) -> set[str]:
    [found] = [one for one in floor.waiting(floor.setting(), timezone.now()) if one.case == case.pk]
    return {need.skill for need in found.item.needs}


# --- what asks for a skill ---------------------------------------------------------------------------
def test_team_reason_family_channel_language_and_product_line_ask_for_skills() -> None:
    team, reason = TeamFactory(), ReasonFactory(family="billing")
    demand("of-team", team=team)
    demand("of-reason", reason=reason)
    demand("of-family", family="billing")
    demand("of-channel", channel="portal")
    demand("of-language", language="es")
    demand("of-line", product_line="oxygen")
    patient = PatientFactory(language="es")
    all_of_it = waiting_case(team, reason=reason, patient=patient, product_line="oxygen", channel="portal")
    assert needs_of(all_of_it) == {
        "of-team",
        "of-reason",
        "of-family",
        "of-channel",
        "of-language",
        "of-line",
    }
    assert needs_of(waiting_case(channel="email")) == set()


def test_everything_a_demand_names_has_to_fit() -> None:
    demand("spanish", language="es", channel="phone")
    spanish = PatientFactory(language="es")
    assert needs_of(waiting_case(patient=spanish, channel="phone")) == {"spanish"}
    assert needs_of(waiting_case(patient=spanish, channel="email")) == set()


def test_the_language_spoken_in_the_chat_goes_before_the_one_on_file() -> None:
    demand("spanish", language="es")
    chat = waiting_chat()
    Conversation.objects.filter(pk=chat.pk).update(language="es")
    assert needs_of(chat.case) == {"spanish"}


def test_what_is_switched_off_asks_for_nothing() -> None:
    demand("of-channel", channel="portal", active=False)
    other = demand("another", channel="portal")
    Skill.objects.filter(pk=other.skill_id).update(active=False)
    assert needs_of(waiting_case(channel="portal")) == set()


def test_only_who_has_the_skill_is_offered_and_after_a_while_others_too() -> None:
    team = team_that("push")
    able, other = agent_there(team, billing=2, state="busy"), agent_there(team)
    demand("billing", level=2, family="billing", wider_after=30)
    waiting_case(
        team, reason=ReasonFactory(family="billing"), last_contact_at=timezone.now() - timedelta(minutes=29)
    )
    assert place_waiting() == 0
    Case.objects.update(last_contact_at=timezone.now() - timedelta(minutes=31))
    place_waiting()
    offer = Offer.objects.get()
    assert (offer.agent, offer.why["widened"]) == (other, ["billing"])
    assert able.skills.get().level == 2


def test_a_demand_keeps_its_fall_back() -> None:
    wider = Skill.objects.create(code="device", name="Devices")
    demand("oxygen", level=3, channel="portal", wider_after=5, wider_skill=wider)
    case = waiting_case(channel="portal")
    [found] = floor.waiting(floor.setting(), timezone.now())
    assert (found.case, found.item.needs) == (case.pk, (Need("oxygen", 3, 5, "device"),))


@pytest.mark.parametrize(
    ("named", "wrong"),
    [({}, "__all__"), ({"channel": "chat", "wider": True}, "wider_after")],
)
def test_a_demand_that_says_too_little_is_refused(named: dict[str, Any], wrong: str) -> None:
    skill = Skill.objects.create(code="billing", name="Billing")
    wider = {"wider_skill": skill} if named.pop("wider", False) else {}
    with pytest.raises(ValidationError) as refused:
        SkillDemand(skill=skill, **named, **wider).full_clean()
    assert set(refused.value.message_dict) == {wrong}


# --- units -------------------------------------------------------------------------------------------
def test_chats_cases_and_open_offers_weigh() -> None:
    costs(chat="1", portal="0.25")
    agent = agent_there()
    presence.accept_chat(agent, conversation=waiting_chat())
    CaseFactory(owner=agent, state="open", channel="portal")
    CaseFactory(owner=agent, state="waiting", channel="portal")
    CaseFactory(owner=agent, state="open", channel="portal", snoozed_until=timezone.now() + timedelta(days=1))
    Offer.objects.create(case=waiting_case(channel="portal"), agent=agent, expires_at=timezone.now())
    load = floor.load_of(presence.of(agent))
    assert (load.used, load.left) == (Decimal("1.5"), Decimal("4.5"))


def test_ones_own_capacity_goes_before_the_usual() -> None:
    costs(portal="1")
    RoutingRules.objects.create(pk=1, units_in_all=9)
    agent, usual = agent_there(), agent_there()
    AgentCapacity.objects.create(user=agent, channel="portal", units=2)
    AgentCapacity.objects.create(user=agent, channel="", units=4)
    mine, other = floor.agents_of([presence.of(agent), presence.of(usual)], floor.setting())
    assert (mine.room["portal"], mine.room_in_all) == (Decimal(2), Decimal(4))
    assert (other.room["portal"], other.room_in_all) == (Decimal(100), Decimal(9))


def test_an_agent_sets_what_they_carry_and_takes_it_back() -> None:
    costs(portal="1", email="1")
    agent = agent_there()
    presence.set_units(agent, units={"portal": Decimal(2), "email": None, "": Decimal(4)})
    assert dict(agent.capacities.values_list("channel", "units")) == {"portal": 2, "": 4}
    presence.set_units(agent, units={"portal": None, "": Decimal(5)})
    assert dict(agent.capacities.values_list("channel", "units")) == {"": 5}
    with pytest.raises(presence.UnknownState):
        presence.set_units(agent, units={"": Decimal(-1)})
    with pytest.raises(PermissionDenied):
        presence.set_units(UserFactory(roles=["auditor"]), units={})


# --- what a supplier begins with ---------------------------------------------------------------------
def test_the_defaults_are_put_in_once_and_never_over_what_was_changed() -> None:
    TeamFactory(code="front")
    assert routing.install() > 0
    ChannelLoad.objects.filter(channel="chat").update(cost=2)
    SkillDemand.objects.first().delete()
    demands = SkillDemand.objects.count()
    assert routing.install() == 0
    assert (ChannelLoad.objects.get(channel="chat").cost, SkillDemand.objects.count()) == (2, demands)


def test_teams_are_pulled_until_somebody_says_otherwise() -> None:
    TeamFactory.create_batch(2)
    routing.install()
    assert set(TeamRouting.objects.values_list("mode", flat=True)) == {"pull"}
    assert not floor.any_pushed()


def test_every_demand_of_the_defaults_holds() -> None:
    routing.install()
    for one in SkillDemand.objects.all():
        one.full_clean()


# --- the workshop ------------------------------------------------------------------------------------
@pytest.fixture
def supervisor() -> Client:
    return signed_in(UserFactory(roles=["supervisor"]))


PAGES = (
    "skill", "agentskill", "skilldemand", "channelload", "agentcapacity", "agentpresence", "teamrouting",
    "routingrules", "offer", "shift",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_a_supervisor_has_a_page_for_each(supervisor: Client, page: str) -> None:
    routing.install()
    agent = agent_there(billing=1)
    AgentCapacity.objects.create(user=agent, channel="", units=3)
    Offer.objects.create(case=waiting_case(), agent=agent, expires_at=timezone.now())
    assert supervisor.get(reverse(f"admin:agents_{page}_changelist")).status_code == 200


def test_a_supervisor_gives_a_skill_and_an_auditor_does_not(supervisor: Client) -> None:
    routing.install()
    agent, skill = agent_there(), Skill.objects.get(code="spanish")
    said = {"user": agent.pk, "skill": skill.pk, "level": 3}
    add = reverse("admin:agents_agentskill_add")
    assert signed_in(UserFactory(roles=["auditor"])).post(add, said).status_code == 403
    assert supervisor.post(add, said).status_code == 302
    assert AgentSkill.objects.get().level == 3


def test_what_is_wrong_with_a_shift_is_said(supervisor: Client) -> None:
    said = {
        "user": agent_there().pk,
        "start_0": "2026-11-23", "start_1": "17:00", "end_0": "2026-11-23", "end_1": "09:00",
    }  # fmt: skip
    page = supervisor.post(reverse("admin:agents_shift_add"), said)
    assert page.status_code == 200
    assert "A shift ends after it starts." in page.content.decode()


def test_offline_comes_after_away(supervisor: Client) -> None:
    with pytest.raises(ValidationError) as refused:
        RoutingRules(pk=1, away_after=300, offline_after=60).full_clean()
    assert set(refused.value.message_dict) == {"offline_after"}


def test_somebody_is_put_offline_and_loses_their_chats(supervisor: Client) -> None:
    agent, chat = agent_there(), waiting_chat()
    presence.accept_chat(agent, conversation=chat)
    row = AgentPresence.objects.get(user=agent)
    supervisor.post(
        reverse("admin:agents_agentpresence_changelist"),
        {"action": "put_offline", "_selected_action": [row.pk]},
    )
    chat.refresh_from_db()
    assert (presence.of(agent).state, chat.state) == ("offline", "queued")
