"""Replies kept ready: filled with the case's facts, refused while anything is left (R-CASE-4)."""

from datetime import date
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import translation

from cases import canned, conversations
from cases.drafts import Refused
from cases.models import CannedReply, Case
from portal import saying
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ShipmentFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def reply(body: str, **kwargs: Any) -> CannedReply:
    return CannedReply(shortcut="x", title="x", body=body, **kwargs)


def case_with_order() -> Case:
    order = OrderFactory(
        patient=PatientFactory(first_name="Marisol"), number="DME-1-8", expected_ship_on=date(2026, 3, 3)
    )
    ShipmentFactory(order=order, carrier="ups", tracking_number="1Z9")
    return CaseFactory(patient=order.patient, order=order, number="C-1-8")


def test_names_and_facts_are_filled_in() -> None:
    actor = UserFactory(roles=["agent"], display_name="Dana Ruiz")
    body = (
        "{patient_first_name}: {order_number} by {carrier}, {tracking_number}. {case_number}, {agent_name}."
    )
    filled = canned.fill(actor, reply(body), case_with_order())
    assert filled.body == "Marisol: DME-1-8 by UPS, 1Z9. C-1-8, Dana Ruiz."
    assert filled.missing == []


def test_dates_are_said_in_the_replys_language() -> None:
    actor, case = UserFactory(roles=["agent"]), case_with_order()
    body = "{order_expected_ship_date}"
    english = canned.fill(actor, reply(body), case).body
    spanish = canned.fill(actor, reply(body, language="es"), case).body
    with translation.override("en"):
        assert english == saying.day(date(2026, 3, 3))
    with translation.override("es"):
        assert spanish == saying.day(date(2026, 3, 3)) != english


def test_what_is_not_known_stays_in_braces() -> None:
    case = CaseFactory(patient=None, guest_name="", channel="chat")
    filled = canned.fill(
        UserFactory(roles=["agent"]), reply("Hi {patient_first_name}: {order_number}. {... say when}"), case
    )
    assert filled.missing == ["{patient_first_name}", "{order_number}", "{... say when}"]


@pytest.mark.parametrize(
    ("body", "ready"),
    [
        ("Hello Marisol", True),
        ("Use {curly} braces freely {}", True),
        ("Hello {patient_first_name}", False),
        ("Arrives {... when}", False),
        ("Arrives { ... }", False),
    ],
)
def test_what_is_ready(body: str, ready: bool) -> None:
    assert (canned.unresolved(body) == []) is ready


def test_no_reply_of_ours_leaves_unfilled_on_any_channel() -> None:
    actor = UserFactory(roles=["agent"])
    for channel in ("chat", "portal"):
        thread = ConversationFactory(case=CaseFactory(), channel=channel)
        with pytest.raises(Refused):
            conversations.reply(actor, conversation=thread, body="Hello {patient_first_name}")
        conversations.note(actor, conversation=thread, body="The template says {patient_first_name}")


def test_a_customer_may_write_what_they_like() -> None:
    patient = PatientFactory(user=UserFactory(realm="patient", roles=["patient"]))
    thread = ConversationFactory(case=CaseFactory(patient=patient), patient=patient)
    conversations.reply(patient.user, conversation=thread, body="What is {order_number}?")


def test_offered_are_those_fit_for_channel_and_language() -> None:
    for shortcut, language, channels in (
        ("a", "en", []),
        ("a", "es", []),
        ("b", "en", ["sms"]),
        ("c", "en", ["portal"]),
    ):
        CannedReply.objects.create(
            shortcut=shortcut, language=language, channels=channels, title="x", body="x"
        )
    CannedReply.objects.create(shortcut="d", title="x", body="x", active=False)
    case = CaseFactory(patient=PatientFactory(language="es"), channel="portal")
    offered = canned.offered(UserFactory(roles=["agent"]), case)
    assert [(each.shortcut, each.language) for each in offered] == [("a", "es"), ("c", "en")]


def test_only_the_desk_fills_them() -> None:
    with pytest.raises(PermissionDenied):
        canned.fill(UserFactory(roles=["qa"]), reply("x"), CaseFactory())
