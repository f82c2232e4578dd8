"""Where is my order: each step with its owner and a date, in words."""

from datetime import UTC, date, datetime

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone, translation

from portal import orders
from portal.access import System
from tests import factories

TODAY = date(2026, 3, 5)


@pytest.fixture
def order(db):
    return factories.OrderFactory()


def milestone(order, step, **kwargs):
    return factories.OrderMilestoneFactory(order=order, step=step, **kwargs)


def told(order):
    return {step.step: step.sentence for step in orders.steps(order, today=TODAY)}


def test_a_step_in_hand_says_who_has_it_since_when_and_by_when(order, time_machine_at):
    milestone(
        order,
        "prescription",
        state="now",
        owner="Dr Lee",
        started_at=datetime(2026, 3, 3, 15, tzinfo=UTC),
        due_on=date(2026, 3, 6),
    )
    assert told(order) == {"prescription": "Waiting on Dr Lee, day 3, by Fri 6 Mar"}


def test_days_are_counted_in_the_zone_of_the_reader(order, time_machine_at):
    milestone(
        order, "prescription", state="now", owner="Dr Lee", started_at=datetime(2026, 3, 4, 3, tzinfo=UTC)
    )
    with timezone.override("America/Chicago"):
        assert told(order)["prescription"] == "Waiting on Dr Lee, day 3"
    with timezone.override("Europe/London"):
        assert told(order)["prescription"] == "Waiting on Dr Lee, day 2"


def test_a_late_step_says_so(order, time_machine_at):
    milestone(order, "insurance", state="now", owner="our team", due_on=date(2026, 3, 4))
    (step,) = orders.steps(order, today=TODAY)
    assert step.late
    assert step.sentence == "Waiting on our team, was due Wed 4 Mar and is late"


def test_steps_come_in_their_order_without_those_not_needed(order, time_machine_at):
    milestone(order, "delivered", due_on=date(2026, 3, 12))
    milestone(order, "prior_auth", state="not_needed")
    milestone(order, "prescription", state="done", done_at=datetime(2026, 3, 2, 18, tzinfo=UTC))
    assert told(order) == {"prescription": "Done Mon 2 Mar", "delivered": "Not started yet, by Thu 12 Mar"}
    assert orders.current(orders.steps(order, today=TODAY)).step == "delivered"


def test_steps_speak_spanish(order, time_machine_at):
    milestone(order, "prescription", state="done", done_at=datetime(2026, 3, 2, 18, tzinfo=UTC))
    with translation.override("es"):
        assert told(order)["prescription"] != "Done Mon 2 Mar"


def test_setting_a_step_keeps_when_it_began(order):
    staff = factories.UserFactory(roles=["agent"])
    begun = orders.set_step(staff, order=order, step="insurance", state="now", owner="Kim").started_at
    done = orders.set_step(staff, order=order, step="insurance", state="done")
    assert (done.started_at, done.owner, done.state) == (begun, "Kim", "done")
    assert done.done_at >= begun
    again = orders.set_step(System("carrier"), order=order, step="insurance", state="now")
    assert again.done_at is None


def test_a_patient_sets_no_step(order):
    with pytest.raises(PermissionDenied):
        orders.set_step(factories.patient_user(), order=order, step="insurance", state="done")


def test_the_parcel_to_wait_for_is_the_one_that_has_not_come(order):
    factories.ShipmentFactory(order=order, state="delivered")
    coming = factories.ShipmentFactory(order=order, state="in_transit")
    factories.ShipmentFactory(order=order, state="delivered")
    assert orders.parcel(order) == coming


@pytest.fixture
def time_machine_at(time_machine):
    time_machine.move_to(datetime(2026, 3, 5, 18, tzinfo=UTC))
