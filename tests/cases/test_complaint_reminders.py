"""A complaint without a case has no clock: its dates remind whoever took it down, and who leads (R-OPS-3)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from cases import cases, complaints
from cases.models import Complaint
from cases.tasks import remind_of_complaints
from config.business_day import business_day
from config.integrations import mail
from config.integrations.breaker import PartnerDown
from portal.models import RoleGrant, User
from tests.factories import PatientFactory, UserFactory

pytestmark = pytest.mark.django_db
MONDAY = "2026-03-02T16:00Z"  # ten in the morning in Chicago


@pytest.fixture
def clock():
    with time_machine.travel(MONDAY, tick=False) as traveller:
        yield traveller


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], email="ann@example.org")


@pytest.fixture
def lead() -> User:
    return UserFactory(roles=["lead"], email="lee@example.org")


def entered(agent: User, **more: Any) -> Complaint:
    told = {
        "kind": "delivery",
        "summary": "The van never came.",
        "channel": "phone",
        "complainant": "Quarrington",
    }
    return complaints.take_down(agent, **(told | more))


def told_on(clock: Any, mailoutbox: list[Any], days: int) -> dict[str, str]:
    """Who is written to so many days from now, and what."""
    clock.shift(timedelta(days=days))
    mailoutbox.clear()
    remind_of_complaints()
    return {letter.to[0]: letter.body.splitlines()[0] for letter in mailoutbox}


def test_its_dates_remind_before_they_come_and_after(clock, agent, lead, mailoutbox) -> None:
    complaint = entered(agent)
    UserFactory(roles=["agent"])
    number, both = complaint.number, (agent.email, lead.email)
    assert told_on(clock, mailoutbox, 0) == {}
    assert told_on(clock, mailoutbox, 3) == dict.fromkeys(both, f"{number}: acknowledge by 2026-03-07")
    assert told_on(clock, mailoutbox, 0) == {}
    assert told_on(clock, mailoutbox, 3) == dict.fromkeys(both, f"{number}: not acknowledged by 2026-03-07")
    complaints.acknowledge(agent, complaint=complaint)
    assert told_on(clock, mailoutbox, 1) == {}
    assert told_on(clock, mailoutbox, 7) == dict.fromkeys(both, f"{number}: answer by 2026-03-16")
    complaints.answer(agent, complaint=complaint, findings="The route was cut.", told="A new window.")
    assert told_on(clock, mailoutbox, 5) == {}


def test_a_letter_says_numbers_and_dates_and_nothing_else(clock, agent, mailoutbox) -> None:
    entered(agent)
    told_on(clock, mailoutbox, 4)
    (letter,) = mailoutbox
    said = f"{letter.subject} {letter.body}"
    assert "/complaints/" in said
    assert not any(word in said for word in ("van", "Quarrington", "elivery"))


def test_who_keeps_the_register_no_more_hears_nothing_of_it(clock, agent, lead, mailoutbox) -> None:
    entered(agent)
    RoleGrant.objects.filter(user=agent).delete()
    assert set(told_on(clock, mailoutbox, 4)) == {lead.email}


def test_one_on_a_case_has_its_clocks(clock, agent, lead, mailoutbox) -> None:
    case = cases.open_case(agent, channel="phone", patient=PatientFactory())
    entered(agent, case=case)
    assert told_on(clock, mailoutbox, 20) == {}


def test_before_eight_nobody_is_written_to(clock, agent, mailoutbox) -> None:
    entered(agent, received_on=business_day() - timedelta(days=4))
    clock.shift(timedelta(hours=-4))
    assert told_on(clock, mailoutbox, 0) == {}


def test_what_could_not_go_is_tried_again(clock, agent, mailoutbox, monkeypatch) -> None:
    entered(agent, received_on=business_day() - timedelta(days=4))

    def down(*_: Any, **_key: Any) -> None:
        raise PartnerDown("mail")

    with monkeypatch.context() as patch:
        patch.setattr(mail, "send", down)
        assert remind_of_complaints() == 0
    assert remind_of_complaints() == 1
    assert remind_of_complaints() == 0
