"""Words at the console: the opening, replies by "/", subject lines, macros, the way through the portal."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import sending
from agents.models import Draft, HeldReply
from cases import canned, surveys
from cases.models import (
    CannedReply,
    CannedUse,
    Case,
    Conversation,
    Macro,
    Message,
    OpeningScript,
    SubjectTemplate,
)
from portal.models import Patient
from tests.cases.test_canned import agent_who_knows, case_with_order, kept
from tests.cases.test_surveys import asked_of, in_force
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    DocumentFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
    message_in,
    patient_with_user,
)
from tests.guards.test_query_budgets import queries_of
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db: None) -> Client:
    return signed_in(UserFactory(roles=["agent"], display_name="Dana Ruiz"))


def at(name: str, case: Case, *more: Any) -> str:
    return reverse(f"agents:{name}", args=[case.number, *more])


def portal_case(**kwargs: Any) -> Case:
    case: Case = CaseFactory(reason=ReasonFactory(), state="open", **kwargs)
    ConversationFactory(case=case, patient=case.patient, channel=case.channel)
    return case


def said(case: Case, body: str, **more: str) -> dict[str, str]:
    return {"kind": "reply", "body": body, "client_id": str(uuid.uuid4()), "now": "on"} | more


# --- the opening ---------------------------------------------------------------------------------------
def test_the_opening_stands_on_a_new_case_and_goes_with_the_first_reply(desk: Client) -> None:
    parts = {"account": "Which?", "identifiers": "Two?", "reason": "Why?"}
    OpeningScript.objects.create(channel="portal", greeting="Good day, {agent_name} here.", **parts)
    case = portal_case()
    assert "Good day, Dana here." in desk.get(at("case-opening", case)).content.decode()
    assert queries_of(desk, at("case-opening", case)) <= 12
    assert desk.post(at("case-say", case), said(case, "Hello")).status_code == 201
    assert desk.get(at("case-opening", case)).status_code == 204


# --- replies kept ready --------------------------------------------------------------------------------
def test_replies_are_searched_over_all_they_hold(desk: Client) -> None:
    CannedReply.objects.create(shortcut="a", title="Alpha", body="{patient_first_name} apples")
    CannedReply.objects.create(shortcut="b", title="Beta", body="{patient_first_name} pears")
    case = portal_case()
    html = desk.get(at("case-canned", case)).content.decode()
    assert "apples" in html
    assert "/b" in html
    only = desk.get(at("case-canned", case), {"q": "pears"}).content.decode()
    assert "/b" in only
    assert "/a" not in only


def test_a_filled_reply_comes_back_with_its_version_and_is_noted_with_the_message() -> None:
    ready = kept("Hello {patient_first_name}, order {order_number} is packed.")
    case = case_with_order()
    ConversationFactory(case=case, patient=case.patient, channel="portal")
    desk = signed_in(agent_who_knows(case))
    told = desk.get(at("case-canned-reply", case, ready.pk)).json()
    assert told["body"] == "Hello Marisol, order DME-1-8 is packed."
    assert told["made_from"] == f"{ready.pk}.1"
    assert told["language"] == "en"
    bare = desk.post(at("case-say", case), said(case, "Hi Marisol.", made_from=told["made_from"]))
    assert bare.status_code == 422
    assert "order" in bare.content.decode()
    assert (
        desk.post(at("case-say", case), said(case, told["body"], made_from=told["made_from"])).status_code
        == 201
    )
    assert CannedUse.objects.get().version == 1
    canned.count_uses()
    ready.refresh_from_db()
    assert ready.used == 1


def test_a_reply_of_another_team_or_channel_is_not_there(desk: Client) -> None:
    """R-CASE-4: scoped by team and channel, also for who knows its address."""
    case = portal_case()
    theirs, chats = (
        kept("Hello {patient_first_name}."),
        kept("Hi {patient_first_name}.", shortcut="y", channels=["chat"]),
    )
    theirs.teams.add(TeamFactory())
    for reply in (theirs, chats):
        assert desk.get(at("case-canned-reply", case, reply.pk)).status_code == 404


def test_a_reply_that_waits_to_be_taken_back_keeps_what_it_was_made_from() -> None:
    ready = kept("Hello {patient_first_name}, order {order_number} is packed.")
    case = case_with_order()
    ConversationFactory(case=case, patient=case.patient, channel="portal")
    desk = signed_in(agent_who_knows(case))
    words = said(case, "Hello Marisol, DME-1-8 is packed.", made_from=f"{ready.pk}.1", now="")
    assert desk.post(at("case-say", case), words).status_code == 202
    sending.send_now(desk.user, held=HeldReply.objects.get())  # type: ignore[attr-defined]
    assert CannedUse.objects.get().reply == ready


def test_a_draft_knows_what_it_was_made_from(desk: Client) -> None:
    case = portal_case()
    words = {"kind": "reply", "body": "Hello Marisol, DME", "seen": 0, "made_from": "7.2"}
    assert desk.post(at("case-draft", case), words).status_code == 204
    assert 'name="made_from" value="7.2"' in desk.get(at("case", case)).content.decode()


def test_the_browser_checks_spelling_in_the_customers_language(desk: Client) -> None:
    case = portal_case()
    html = desk.get(at("case", case)).content.decode()
    assert 'spellcheck="true"' in html
    assert 'lang="en"' in html


# --- the wrong channel ---------------------------------------------------------------------------------
def test_what_may_not_go_by_email_is_offered_the_way_through_the_portal(desk: Client) -> None:
    """R-CHAN-1, R-SHIP-3."""
    case = portal_case(channel="email", patient=patient_with_user())
    words = said(case, "Your oxygen costs $30")
    refused = desk.post(at("case-say", case), words)
    assert refused.status_code == 422
    assert "data-through-portal" in refused.content.decode()
    assert not Message.objects.exists()
    assert desk.post(at("case-say", case), words | {"through_portal": "on"}).status_code == 201
    message = Message.objects.get()
    assert message.conversation.channel == "portal"
    assert message.notice.state == "due"


def test_files_go_through_the_portal_too(desk: Client) -> None:
    case = portal_case(channel="email", patient=patient_with_user())
    file = DocumentFactory(patient=case.patient)
    words = said(case, "The form you asked for.", attachments=str(file.ref), through_portal="on")
    assert desk.post(at("case-say", case), words).status_code == 201
    message = Message.objects.get()
    assert (message.conversation.channel, message.attachments.get().document) == ("portal", file)


def test_what_goes_through_the_portal_can_go_later_and_be_taken_back(desk: Client) -> None:
    case = portal_case(channel="email", patient=patient_with_user())
    file = DocumentFactory(patient=case.patient)
    words = said(case, "Your oxygen costs $30", now="", through_portal="on", attachments=str(file.ref))
    later = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert desk.post(at("case-say", case), words | {"at": later}).status_code == 202
    assert not Message.objects.exists()
    assert not Conversation.objects.filter(channel="portal").exists(), "nobody sees that it is coming"
    reply = HeldReply.objects.get()
    assert sending.undo(desk.user, held=reply).state == "undone"  # type: ignore[attr-defined]
    words = said(case, "Your oxygen costs $30", now="", through_portal="on", attachments=str(file.ref))
    assert desk.post(at("case-say", case), words).status_code == 202
    sending.send_now(desk.user, held=HeldReply.objects.get(state="held"))  # type: ignore[attr-defined]
    message = Message.objects.get()
    assert (message.conversation.channel, message.attachments.count()) == ("portal", 1)


def test_a_sign_in_that_ended_meanwhile_loses_no_word(desk: Client) -> None:
    case = portal_case(channel="email", patient=patient_with_user())
    words = said(case, "Your oxygen costs $30", now="", through_portal="on")
    assert desk.post(at("case-say", case), words).status_code == 202
    Patient.objects.update(user=None)
    assert sending.send_now(desk.user, held=HeldReply.objects.get()).state == "refused"  # type: ignore[attr-defined]
    assert Draft.objects.get().body == "Your oxygen costs $30"


def test_the_way_through_the_portal_asks_first_where_a_colleague_replied(desk: Client) -> None:
    case = portal_case(channel="email", patient=patient_with_user())
    theirs = message_in(case.conversations.get(), "On its way.", role="agent", author=UserFactory())
    words = said(case, "Your oxygen costs $30", seen="0", through_portal="on")
    asked = desk.post(at("case-say", case), words)
    assert asked.status_code == 409
    assert f'data-send-anyway="{theirs.pk}" data-by-portal' in asked.content.decode()
    assert desk.post(at("case-say", case), words | {"despite": str(theirs.pk)}).status_code == 201


def test_without_a_sign_in_there_is_no_such_offer(desk: Client) -> None:
    case = portal_case(channel="sms")
    refused = desk.post(at("case-say", case), said(case, "Your oxygen costs $30"))
    assert "data-through-portal" not in refused.content.decode()
    forced = desk.post(at("case-say", case), said(case, "Your oxygen", through_portal="on"))
    assert forced.status_code == 422
    assert not Message.objects.exists()


# --- subject lines -------------------------------------------------------------------------------------
def test_a_subject_line_is_chosen_in_a_dialog(desk: Client) -> None:
    template = SubjectTemplate.objects.create(
        code="docs",
        topic="paperwork",
        needed="",
        text="Your order {order_number}: {topic}",
        without_order="From us: {topic}",
    )
    case = portal_case()
    assert "From us: paperwork" in desk.get(at("case-subject", case)).content.decode()
    done = desk.post(at("case-subject", case), {"template": template.pk, "version": case.version})
    assert done.status_code == 204
    assert Conversation.objects.get(case=case).subject == "From us: paperwork"
    stale = desk.post(at("case-subject", case), {"template": template.pk, "version": case.version})
    assert stale.status_code == 409


# --- macros --------------------------------------------------------------------------------------------
def a_macro(*steps: dict[str, Any], code: str = "thanks") -> Macro:
    return Macro.objects.create(code=code, name="Say thanks", what_for="After a call", steps=list(steps))


def test_macros_are_found_by_search_and_stand_in_the_palette(desk: Client) -> None:
    a_macro({"do": "assign", "to": "me"})
    case = portal_case()
    for name in ("case-macros", "case-macro-items"):
        assert "Say thanks" in desk.get(at(name, case)).content.decode()
        assert "Say thanks" not in desk.get(at(name, case), {"q": "zzz"}).content.decode()
    assert 'data-act-key="m"' in desk.get(at("case", case)).content.decode()


def test_a_macro_tells_what_it_will_do_and_then_does_it(desk: Client) -> None:
    CannedReply.objects.create(shortcut="when", title="x", body="We call {... when}.")
    macro = a_macro({"do": "assign", "to": "me"}, {"do": "reply", "canned": "when"})
    case = portal_case()
    ahead = desk.get(at("case-macro", case, macro.code)).content.decode()
    assert "Make the case yours." in ahead
    assert "We call {... when}." in ahead
    assert Case.objects.get(pk=case.pk).owner is None
    as_it_is = desk.post(at("case-macro", case, macro.code), {"version": 0, "text_2": "We call {... when}."})
    assert as_it_is.status_code == 422
    assert "Nothing was done" in as_it_is.content.decode()
    assert Case.objects.get(pk=case.pk).owner is None
    done = desk.post(at("case-macro", case, macro.code), {"version": 0, "text_2": "We call at five."})
    assert done.status_code == 204
    assert Message.objects.get().body == "We call at five."
    stale = desk.post(at("case-macro", case, macro.code), {"version": 0, "text_2": "Again."})
    assert stale.status_code == 409


def test_a_macro_that_is_not_there_or_not_for_the_case_is_not_run(desk: Client) -> None:
    case = portal_case()
    assert desk.get(at("case-macro", case, "nothing")).status_code == 404
    other = a_macro({"do": "assign", "to": "me"})
    Macro.objects.update(channels=["sms"])
    assert desk.post(at("case-macro", case, other.code), {"version": 0}).status_code == 403


# --- low scores ----------------------------------------------------------------------------------------
def test_a_lead_sees_to_a_low_score_from_the_case() -> None:
    in_force()
    asked = asked_of()
    surveys.answer(asked, score=1)
    lead, agent = (signed_in(UserFactory(roles=[role])) for role in ("lead", "agent"))
    address = at("case-low-score", asked.case)
    assert address in lead.get(at("case", asked.case)).content.decode()
    assert address not in agent.get(at("case", asked.case)).content.decode()
    assert agent.get(address).status_code == 403
    version = Case.objects.get(pk=asked.case_id).version
    assert lead.post(address, {"note": "Called them.", "version": version}).status_code == 204
    assert lead.get(address).status_code == 404


# --- the workshop --------------------------------------------------------------------------------------
@pytest.fixture
def chief(db: None) -> Client:
    return signed_in(UserFactory(roles=["supervisor"]))


def test_the_workshop_keeps_versions_and_tells_what_is_wrong(chief: Client) -> None:
    add = reverse("admin:cases_cannedreply_add")
    words = {"shortcut": "hi", "language": "en", "kind": "reply", "title": "Hi", "active": "on"}
    wrong = chief.post(add, words | {"body": "Hello there"})
    assert "{patient_first_name}" in wrong.content.decode()
    assert (
        chief.post(add, words | {"body": "Hello {patient_first_name}", "channels": ["chat"]}).status_code
        == 302
    )
    row = CannedReply.objects.get()
    assert (row.version, row.channels) == (1, ["chat"])
    change = reverse("admin:cases_cannedreply_change", args=[row.pk])
    chief.post(change, words | {"body": "Good day {patient_first_name}"})
    html = chief.get(change).content.decode()
    assert "Hello {patient_first_name}" in html
    assert CannedReply.objects.get().version == 2


@pytest.mark.parametrize(
    ("steps", "says"),
    [("not json", "valid JSON"), ('[{"do": "explode"}]', "do must be one of"), ("[]", "required")],
)
def test_a_macro_is_checked_where_it_is_written(chief: Client, steps: str, says: str) -> None:
    add = reverse("admin:cases_macro_add")
    answer = chief.post(add, {"code": "m", "name": "M", "steps": steps, "active": "on"})
    assert answer.status_code == 200
    assert says in answer.content.decode()
    right = '[{"do": "wait", "on": "customer"}]'
    assert chief.post(add, {"code": "m", "name": "M", "steps": right, "active": "on"}).status_code == 302
    assert Macro.objects.get().version == 1


def test_results_of_surveys_stand_in_the_workshop(chief: Client) -> None:
    in_force()
    asked = asked_of()
    surveys.answer(asked, score=5)
    address = reverse("admin:cases_survey_results")
    for by in ("agent", "team", "channel", "reason"):
        html = chief.get(address, {"by": by, "days": 30}).content.decode()
        assert "100 %" in html or "Nobody" in html
    assert chief.get(address, {"by": "nonsense"}).status_code == 200
    assert signed_in(UserFactory(roles=["auditor"])).get(address).status_code == 403


@pytest.mark.parametrize(
    "model",
    [
        "cannedreply", "openingscript", "subjecttemplate", "checklist", "macro", "survey",
        "surveyinvitation", "surveyanswer", "surveyfollowup",
    ],
)  # fmt: skip
def test_every_list_of_words_opens(chief: Client, model: str) -> None:
    in_force()
    surveys.answer(asked_of(), score=1, comment="Private words")
    html = chief.get(reverse(f"admin:cases_{model}_changelist")).content.decode()
    assert "Private words" not in html
