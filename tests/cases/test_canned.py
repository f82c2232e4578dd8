"""Replies kept ready: filled with the case's facts, refused until they are the customer's own (R-CASE-4, 5)."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone, translation

from cases import canned, conversations, facts, wording
from cases.drafts import Refused
from cases.models import CannedReply, CannedUse, Case, Checklist, Conversation
from portal import saying
from portal.models import EmergencyAccess, User, Verification
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ShipmentFactory,
    TeamFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def reply(body: str, **kwargs: Any) -> CannedReply:
    return CannedReply(shortcut="x", title="x", body=body, **kwargs)


def kept(body: str, shortcut: str = "x", **kwargs: Any) -> CannedReply:
    chief = UserFactory(roles=["supervisor"])
    return canned.keep(
        chief, CannedReply(shortcut=shortcut, title=kwargs.pop("title", "x"), body=body, **kwargs)
    )


def case_with_order(**kwargs: Any) -> Case:
    order = OrderFactory(
        patient=PatientFactory(first_name="Marisol"), number="DME-1-8", expected_ship_on=date(2026, 3, 3)
    )
    ShipmentFactory(order=order, carrier="ups", tracking_number="1Z9", **kwargs)
    return CaseFactory(patient=order.patient, order=order, number="C-1-8")


def agent_who_knows(case: Case, level: int = 1) -> User:
    """An agent to whom the case's caller has proved who they are."""
    agent = UserFactory(roles=["agent"], display_name="Dana Ruiz")
    Verification.objects.create(
        patient=case.patient,
        purpose=f"case:{case.pk}",
        agent=agent,
        how="identifiers",
        passed=True,
        level=level,
        expires_at=timezone.now() + timedelta(minutes=30),
    )
    return agent


def thread_of(case: Case) -> Conversation:
    return ConversationFactory(case=case, patient=case.patient, channel="portal")


def test_names_and_facts_are_filled_in() -> None:
    case = case_with_order()
    body = (
        "{patient_first_name}: {order_number} by {carrier}, {tracking_number}. {case_number}, {agent_name}."
    )
    filled = canned.fill(agent_who_knows(case), reply(body), case)
    assert filled.body == "Marisol: DME-1-8 by UPS, 1Z9. C-1-8, Dana."
    assert filled.missing == []


def test_facts_that_the_callers_level_does_not_open_do_not_resolve() -> None:
    """R-CASE-3: whoever has not proved who they are hears of no order, and their name is not confirmed."""
    filled = canned.fill(
        UserFactory(roles=["agent"]),
        reply("{patient_first_name} {order_number} {case_number}"),
        case_with_order(),
    )
    assert filled.body == "{patient_first_name} {order_number} C-1-8"
    assert filled.missing == ["{patient_first_name}", "{order_number}"]


def test_dates_are_said_in_the_replys_language() -> None:
    case = case_with_order()
    actor = agent_who_knows(case)
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


# --- made the customer's own ---------------------------------------------------------------------------
def test_a_kept_reply_goes_out_with_name_and_order_and_its_version_is_noted() -> None:
    case = case_with_order()
    actor, thread = agent_who_knows(case), thread_of(case)
    ready = kept("Hello {patient_first_name}, about {order_number}: {... what is new}")
    filled = canned.fill(actor, ready, case)
    body = filled.body.replace("{... what is new}", "it is packed.")
    stored = conversations.reply(actor, conversation=thread, body=body, made_from=filled.made_from)
    use = CannedUse.objects.get(message=stored.id)
    assert (use.reply_id, use.version) == (ready.pk, 1)


SLOTTED = (
    "Hello {patient_first_name}, order {order_number} waits for {... what}. We call {... when}. Thank you."
)
WAITS = "Hello Marisol, order DME-1-8 waits for"


@pytest.mark.parametrize(("body", "wrong"), [
    (f"{WAITS} the signed form. We call on Monday. Thank you.", ""),
    (f"{WAITS}. We call on Monday. Thank you.", "{... what}"),
    (f"{WAITS}  -  We call on Monday.\nThank you.", "{... what}"),
    (f"{WAITS} the signed form. We call. Thank you.", "{... when}"),
    ("Marisol, DME-1-8 is packed: no more is needed.", ""),
])  # fmt: skip
def test_a_place_to_write_in_can_not_just_be_deleted(body: str, wrong: str) -> None:
    case = case_with_order()
    ready = kept(SLOTTED)
    said = canned.impersonal(agent_who_knows(case), case, ready, body)
    assert (wrong in said) if wrong else (said == "")


@pytest.mark.parametrize(
    ("body", "lacks"),
    [("Your order DME-1-8 is packed.", "name"), ("Hello Marisol, it is packed.", "order")],
)
def test_a_kept_reply_that_lost_name_or_order_is_refused(body: str, lacks: str) -> None:
    case = case_with_order()
    ready = kept("Hello {patient_first_name}, {order_number} is packed.")
    with pytest.raises(Refused, match="invalid") as refused:
        conversations.reply(
            agent_who_knows(case), conversation=thread_of(case), body=body, made_from=f"{ready.pk}.1"
        )
    assert lacks in refused.value.detail
    assert not CannedUse.objects.exists()


def test_where_nobody_is_verified_the_order_is_not_asked_for() -> None:
    case = case_with_order()
    ready = kept("Hello {patient_first_name}. Who am I speaking with?")
    conversations.reply(
        UserFactory(roles=["agent"]),
        conversation=thread_of(case),
        body="Hello there. Who am I speaking with?",
        made_from=f"{ready.pk}.1",
    )
    assert CannedUse.objects.count() == 1


def test_a_source_that_is_not_there_is_refused_and_one_that_is_none_is_nothing() -> None:
    case = case_with_order()
    actor, thread = agent_who_knows(case), thread_of(case)
    with pytest.raises(Refused):
        conversations.reply(actor, conversation=thread, body="Hello", made_from="999999.1")
    for nothing in ("", "x", "1", "1.x", "9" * 40 + ".1", "-1.1"):
        conversations.reply(actor, conversation=thread, body="Hello", made_from=nothing)
    assert not CannedUse.objects.exists()


def test_a_message_sent_again_is_the_one_stored_whatever_the_order_does_meanwhile() -> None:
    import uuid

    case = case_with_order()
    actor, thread, client_id = agent_who_knows(case), thread_of(case), uuid.uuid4()
    ready = kept("Hello {patient_first_name}, {order_number}")
    said = {"body": "Hello Marisol, DME-1-8", "made_from": f"{ready.pk}.1", "client_id": client_id}
    first = conversations.reply(actor, conversation=thread, **said)
    case.order.number = "DME-2-6"
    case.order.save()
    again = conversations.reply(actor, conversation=thread, **said)
    assert again.id == first.id
    assert not again.created


# --- notices about an order ----------------------------------------------------------------------------
def test_a_notice_carries_tracking_shipped_date_and_window_from_shipment_on() -> None:
    """R-CASE-5."""
    case = case_with_order(state="in_transit", shipped_on=date(2026, 3, 3))
    actor, thread = agent_who_knows(case), thread_of(case)
    ready = kept("{patient_first_name}, order {order_number}: {delivery_facts}.", kind="order_notice")
    filled = canned.fill(actor, ready, case)
    assert "1Z9" in filled.body
    assert saying.day(date(2026, 3, 3)) in filled.body
    conversations.reply(actor, conversation=thread, body=filled.body, made_from=filled.made_from)
    bare = "Marisol, order DME-1-8 is on its way."
    with pytest.raises(Refused) as refused:
        conversations.reply(actor, conversation=thread, body=bare, made_from=filled.made_from)
    assert "{tracking_link}" in refused.value.detail


def test_before_shipment_a_notice_carries_the_expected_dates() -> None:
    case = case_with_order(state="planned", shipped_on=None)
    ready = reply("{delivery_facts}", kind="order_notice")
    assert canned.fill(agent_who_knows(case), ready, case).missing == ["{delivery_facts}"]
    case.order.expected_delivery_on = date(2026, 3, 5)
    case.order.save()
    said = canned.fill(agent_who_knows(case), ready, case).body
    assert saying.day(date(2026, 3, 3)) in said
    assert saying.day(date(2026, 3, 5)) in said


def test_our_own_van_is_followed_in_the_portal(settings: Any) -> None:
    case = case_with_order(state="in_transit", shipped_on=date(2026, 3, 3))
    case.order.shipments.update(carrier="own", tracking_number="")
    filled = canned.fill(agent_who_knows(case), reply("{tracking_link}"), case)
    assert filled.body == settings.PUBLIC_URL


# --- keeping -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"body": "Hello there"}, "body"),
        ({"body": "{patient_first_name} {patient_birthday}"}, "body"),
        ({"body": "{patient_first_name} shipped", "kind": "order_notice"}, "body"),
        ({"body": "{patient_first_name} {order_state}", "channels": ["sms"]}, "body"),
        ({"body": "{patient_first_name}, your CPAP mask", "channels": ["email"]}, "body"),
        ({"body": "{patient_first_name}", "channels": ["pigeon"]}, "channels"),
    ],
)
def test_bad_words_are_refused_where_they_stand(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        kept(**wrong)
    assert list(refused.value.message_dict) == [field]
    assert not CannedReply.objects.exists()


def test_each_save_is_a_version_and_a_save_of_nothing_is_none() -> None:
    ready = kept("Hello {patient_first_name}")
    chief = UserFactory(roles=["lead"])
    ready.body = "Good day {patient_first_name}"
    canned.keep(chief, ready)
    canned.keep(chief, ready)
    assert ready.version == 2
    assert [row.content["body"] for row in wording.versions(ready)] == [
        "Good day {patient_first_name}",
        "Hello {patient_first_name}",
    ]
    assert wording.versions(ready).first().saved_by == chief


def test_agents_keep_none() -> None:
    with pytest.raises(PermissionDenied):
        canned.keep(UserFactory(roles=["agent"]), reply("{patient_first_name}"))


# --- offering ------------------------------------------------------------------------------------------
def row(shortcut: str, language: str = "en", **kwargs: Any) -> CannedReply:
    return CannedReply.objects.create(
        shortcut=shortcut, language=language, **{"title": "x", "body": "x"} | kwargs
    )


def test_offered_are_those_fit_for_channel_and_language() -> None:
    row("a")
    row("a", "es")
    row("b", channels=["sms"])
    row("c", channels=["portal"])
    row("d", active=False)
    row("e", kind="order_notice")
    case = CaseFactory(patient=PatientFactory(language="es"), channel="portal")
    offered = canned.offered(UserFactory(roles=["agent"]), case)
    assert [(each.shortcut, each.language) for each in offered] == [("a", "es"), ("c", "en")]


def test_replies_of_a_team_are_for_its_members_and_its_cases() -> None:
    billing, front = TeamFactory(), TeamFactory()
    row("a").teams.add(billing)
    agent, case = UserFactory(roles=["agent"]), CaseFactory(team=front)
    assert canned.offered(agent, case) == []
    case.team = billing
    assert len(canned.offered(agent, case)) == 1
    billing.members.add(agent)
    assert len(canned.offered(agent, CaseFactory(team=front))) == 1


def test_search_goes_over_shortcut_title_and_text_and_what_is_used_most_comes_first() -> None:
    row("refund-sent", used=1)
    row("refund-asked", used=9)
    row("a", title="About a refund", used=99)
    row("b", body="Your REFUND is on its way", used=99)
    row("c", used=99)
    case = CaseFactory()
    found = canned.offered(UserFactory(roles=["agent"]), case, query="/refund")
    assert [each.shortcut for each in found] == ["refund-asked", "refund-sent", "a", "b"]


def test_a_checklist_goes_out_below_the_text() -> None:
    checklist = Checklist.objects.create(code="return", title="Please send", items=["the form", "a photo"])
    filled = canned.fill(UserFactory(roles=["agent"]), reply("Hello.", checklist=checklist), CaseFactory())
    assert filled.body == "Hello.\n\nPlease send\n- the form\n- a photo"


def test_only_the_desk_fills_them() -> None:
    with pytest.raises(PermissionDenied):
        canned.fill(UserFactory(roles=["qa"]), reply("x"), CaseFactory())


def test_on_a_call_what_is_written_is_read_in_the_portal() -> None:
    kept("Hello {patient_first_name}", "p", channels=["portal"])
    kept("Hello {patient_first_name}", "c", channels=["chat"])
    case = CaseFactory(channel="phone")
    assert [one.shortcut for one in canned.offered(UserFactory(roles=["agent"]), case)] == ["p"]


def test_an_emergency_fills_nothing_in_for_whom_nobody_verified() -> None:
    """It is for the agent to look (R-CASE-3): the caller proved nothing by it."""
    agent, case = UserFactory(roles=["agent"]), case_with_order()
    text = "Hello {patient_first_name}, order {order_number}."
    until = timezone.now() + timedelta(minutes=30)
    EmergencyAccess.objects.create(patient=case.patient, user=agent, reason="x" * 20, until=until)
    filled = canned.fill(agent, reply(text), case).body
    assert "{order_number}" in filled
    assert case.patient is not None
    assert case.patient.first_name not in filled
    assert not facts.of(agent, case).speaks_of_order
