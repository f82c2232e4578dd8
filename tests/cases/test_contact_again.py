"""What was promised at the closing for a day is kept: on it the case is somebody's work again (R-CASE-1)."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from cases import cases
from cases.models import Case, CaseEvent, Clock, Notification
from cases.tasks import take_up_cases
from config.business_day import business_day
from portal.models import User
from tests.factories import CaseFactory, ReasonFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def closed(actor: User, *, days: int | None, owner: User | None) -> Case:
    day = None if days is None else business_day() + timedelta(days=days)
    case = CaseFactory(state="open", owner=owner, reason=ReasonFactory())
    return cases.close(
        actor, case=case, disposition="answered", next_step="We call on that day", next_contact=day
    )


def told_of(case: Case) -> set[User]:
    return {each.user for each in Notification.objects.filter(case=case, kind="next_contact")}


def test_on_the_day_of_the_next_contact_a_case_is_its_owners_again(agent: User) -> None:
    case, other, never = (closed(agent, days=days, owner=agent) for days in (3, 9, None))
    assert take_up_cases() == 0
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        assert (take_up_cases(), take_up_cases()) == (1, 0)
    states = [Case.objects.get(pk=each.pk).state for each in (case, other, never)]
    assert states == ["open", "closed", "closed"]
    case.refresh_from_db()
    assert (case.owner, case.next_contact_on) == (agent, None)
    assert told_of(case) == {agent}
    assert CaseEvent.objects.get(case=case, kind="reopened").actor_name == "next contact"


def test_a_case_of_nobody_goes_into_the_line_and_those_who_lead_hear(agent: User) -> None:
    lead = UserFactory(roles=["lead"])
    case = closed(agent, days=0, owner=None)
    assert take_up_cases() == 1
    case.refresh_from_db()
    assert (case.state, case.owner) == ("open", None)
    assert told_of(case) == {lead}


def test_what_was_opened_again_before_is_left_alone(agent: User) -> None:
    case = closed(agent, days=3, owner=agent)
    cases.reopen(agent, case=case)
    with time_machine.travel(timezone.now() + timedelta(days=4)):
        assert take_up_cases() == 0
    assert not Clock.objects.exists()
    assert told_of(case) == set()


def test_the_page_of_a_closed_case_says_when(agent: User) -> None:
    case = closed(agent, days=3, owner=agent)
    page = signed_in(agent).get(reverse("agents:case", args=[case.number])).content.decode()
    assert "Next contact on" in page
    other = closed(agent, days=None, owner=agent)
    page = signed_in(agent).get(reverse("agents:case", args=[other.number])).content.decode()
    assert "Next contact on" not in page
