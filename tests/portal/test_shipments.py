"""Whose tracking number it is, where it can be followed, and what carriers' reports do to an order."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from hypothesis import given
from hypothesis import strategies as st

from portal import shipments, signals
from portal.access import System
from tests import factories

CARRIER = System("carrier")
NOON = datetime(2026, 3, 3, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "carrier"),
    [
        ("1Z999AA10123456784", "ups"),
        ("1z 999 aa1 0123 4567 84", "ups"),
        ("986578788855", "fedex"),
        ("041441760228964", "fedex"),
        ("9400 1112 0255 5842 3326 69", "usps"),
        ("RB123456785US", "usps"),
        ("1Z999AA10123456785", None),
        ("986578788856", None),
        ("041441760228965", None),
        ("9400111202555842332668", None),
        ("RB123456784US", None),
        ("", None),
        ("order 12", None),
    ],
)
def test_a_number_tells_its_carrier_by_form_and_check_digit(number, carrier):
    assert shipments.carrier_of(number) == carrier


@given(place=st.integers(0, 11), change=st.integers(1, 9))
def test_one_wrong_digit_in_a_fedex_number_is_noticed_or_hits_the_one_known_collision(place, change):
    good = "986578788855"
    wrong = good[:place] + str((int(good[place]) + change) % 10) + good[place + 1 :]
    total = sum(int(d) * w for d, w in zip(wrong[:11], (3, 1, 7) * 4, strict=False))
    assert (shipments.carrier_of(wrong) == "fedex") is (total % 11 % 10 == int(wrong[11]))


@given(place=st.integers(2, 17), change=st.integers(1, 9))
def test_one_wrong_digit_in_a_ups_number_is_noticed(place, change):
    good = "1Z9990010123456782"
    good = next(good[:-1] + str(d) for d in range(10) if shipments.carrier_of(good[:-1] + str(d)))
    wrong = good[:place] + str((int(good[place]) + change) % 10) + good[place + 1 :]
    doubled = place % 2 and change == 5  # doubling hides a change of five
    assert shipments.carrier_of(wrong) is None or doubled


def test_a_link_leads_to_the_carrier_with_the_number_cleaned(settings):
    settings.CARRIER_TRACKING_URLS = {"ups": "https://ups.example/track?n={number}", "own": ""}
    parcel = factories.ShipmentFactory.build(order=None, carrier="ups", tracking_number="1z 999/&x=1")
    assert shipments.tracking_url(parcel) == "https://ups.example/track?n=1Z999X1"
    parcel.carrier = "own"
    assert shipments.tracking_url(parcel) is None


def test_no_link_before_there_is_a_number(settings):
    settings.CARRIER_TRACKING_URLS = {"ups": "https://ups.example/{number}"}
    assert shipments.tracking_url(factories.ShipmentFactory.build(order=None, tracking_number="")) is None


@pytest.fixture
def parcel(db):
    order = factories.OrderFactory(state="open")
    for step in ("packing", "shipped", "delivered"):
        factories.OrderMilestoneFactory(order=order, step=step)
    return factories.ShipmentFactory(order=order, state="planned", shipped_on=None)


def report(parcel, code, at=NOON, external_id=None):
    return shipments.record_event(CARRIER, shipment=parcel, external_id=external_id or code, code=code, at=at)


def test_a_report_moves_shipment_steps_and_order(parcel):
    report(parcel, "in_transit")
    parcel.refresh_from_db()
    steps = dict(parcel.order.milestones.values_list("step", "state"))
    assert (parcel.state, parcel.shipped_on, parcel.order.state) == ("in_transit", NOON.date(), "shipped")
    assert steps == {"packing": "done", "shipped": "done", "delivered": "waiting"}


def test_the_same_report_twice_is_one(parcel, django_capture_on_commit_callbacks):
    heard = []
    signals.order_changed.connect(lambda **told: heard.append(told["what"]), weak=False, dispatch_uid="test")
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert report(parcel, "in_transit") is True
            assert report(parcel, "in_transit") is False
    finally:
        signals.order_changed.disconnect(dispatch_uid="test")
    assert parcel.events.count() == 1
    assert heard == ["in_transit"]


def test_reports_out_of_order_never_move_a_parcel_back(parcel):
    report(parcel, "delivered", NOON)
    report(parcel, "in_transit", NOON - timedelta(hours=5), "late")
    parcel.refresh_from_db()
    assert (parcel.state, parcel.delivered_at) == ("delivered", NOON)
    assert parcel.events.count() == 2


def test_a_delay_can_come_and_go(parcel):
    report(parcel, "out_for_delivery")
    report(parcel, "exception", NOON + timedelta(hours=1))
    parcel.refresh_from_db()
    assert parcel.state == "exception"
    report(parcel, "in_transit", NOON + timedelta(hours=2))
    parcel.refresh_from_db()
    assert parcel.state == "in_transit"


def test_an_order_has_arrived_with_its_last_parcel(parcel):
    other = factories.ShipmentFactory(order=parcel.order, state="in_transit")
    report(parcel, "delivered")
    parcel.order.refresh_from_db()
    assert parcel.order.state == "shipped"
    report(other, "delivered", NOON + timedelta(days=1), "other")
    parcel.order.refresh_from_db()
    assert parcel.order.state == "delivered"
    assert parcel.order.milestones.get(step="delivered").done_at == NOON + timedelta(days=1)


def test_a_closed_order_stays_closed(parcel):
    parcel.order.state = "cancelled"
    parcel.order.save()
    report(parcel, "delivered")
    parcel.order.refresh_from_db()
    assert parcel.order.state == "cancelled"


@pytest.mark.parametrize("role", ["agent", "auditor", "clinician"])
def test_who_may_not_change_shipments_can_not_report(parcel, role):
    with pytest.raises(PermissionDenied):
        shipments.record_event(
            factories.UserFactory(roles=[role]), shipment=parcel, external_id="x", code="delivered", at=NOON
        )
    assert parcel.events.count() == 0
