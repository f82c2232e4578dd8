"""The console's pages: what they show, to whom, at what price, and what goes on the trail."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents.models import AgentPresence, Draft, Preferences
from cases import cases as rules
from cases.models import CannedReply, Case, Conversation, Message
from portal.models import AccessEntry, UserSession
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    CoverageFactory,
    DeviceFactory,
    DocumentFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    TeamFactory,
    UserFactory,
    message_in,
    patient_user,
    verified,
)
from tests.people import signed_in

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
MOST_QUERIES = 12


@pytest.fixture
def agent() -> Client:
    return signed_in(UserFactory(roles=["agent"], display_name="Dana Ruiz"))


def at(name: str, *args: Any) -> str:
    return reverse(f"agents:{name}", args=args)


def case_with_words(*bodies: str, **kwargs: Any) -> Case:
    case = CaseFactory(**kwargs)
    conversation = ConversationFactory(case=case, patient=case.patient)
    for body in bodies:
        case.last_message = message_in(conversation, body, role="customer")
    case.save()
    return case


def entries_since(count: int) -> list[AccessEntry]:
    return list(AccessEntry.objects.order_by("id")[count:])


# --- the desk ----------------------------------------------------------------------------------------
def test_the_desk_shows_rail_and_queue(agent: Client) -> None:
    case = case_with_words("Where is it?", owner=agent.user, patient=PatientFactory(first_name="Marisol"))
    page = agent.get(at("console"))
    assert page.status_code == 200
    text = page.content.decode()
    assert case.number in text
    assert "Where is it?" in text
    assert "Marisol" not in text
    assert page.headers["Cache-Control"].find("no-store") >= 0


def test_a_title_tells_nothing_of_anybody(agent: Client) -> None:
    case = case_with_words("Hello", patient=PatientFactory(first_name="Marisol", last_name="Quintero"))
    text = agent.get(at("case", case.number)).content.decode()
    title = text.split("<title>")[1].split("</title>")[0]
    assert "Marisol" not in title
    assert case.number not in title


def test_a_case_opens_as_one_read_for_its_own_purpose(agent: Client) -> None:
    """R-SEC-2: who, whose, what and why."""
    case = case_with_words("Hello")
    before = AccessEntry.objects.count()
    assert agent.get(at("case", case.number)).status_code == 200
    [entry] = entries_since(before)
    assert (entry.kind, entry.what, entry.purpose) == ("read", "case", f"case:{case.pk}")
    assert (entry.actor, entry.subjects, entry.object_id) == (agent.user, [case.patient_id], case.pk)


def test_looking_changes_nothing(agent: Client) -> None:
    case = case_with_words("Hello", unread=2)
    agent.get(at("console"))
    agent.get(at("case", case.number))
    agent.get(at("case-beside", case.number))
    case.refresh_from_db()
    assert (case.unread, case.version, case.owner) == (2, 0, None)


def test_htmx_gets_the_thread_alone(agent: Client) -> None:
    case = case_with_words("Hello")
    whole, part = agent.get(at("case", case.number)), agent.get(at("case", case.number), headers=HTMX)
    assert b"<html" in whole.content
    assert b"<html" not in part.content
    assert b'id="thread"' in part.content


def test_the_thread_holds_every_contact_in_order(agent: Client) -> None:
    """R-CASE-1: every contact on any channel, notes and events, on one line of time."""
    case = CaseFactory(channel="chat")
    chat = ConversationFactory(case=case, patient=case.patient, channel="chat")
    portal = ConversationFactory(case=case, patient=case.patient)
    message_in(chat, "first, by chat", role="customer")
    message_in(portal, "second, by portal", role="customer")
    message_in(chat, "third, a note", kind="note")
    rules.assign(agent.user, case=case, to=agent.user)
    text = agent.get(at("case", case.number)).content.decode()
    places = [
        text.index(words) for words in ("first, by chat", "second, by portal", "third, a note", "Assigned")
    ]
    assert places == sorted(places)
    assert "internal note" in text


def test_words_of_a_customer_are_text(agent: Client) -> None:
    case = case_with_words('<img src=x onerror="alert(1)"><script>alert(1)</script>')
    for address in (at("case", case.number), at("console"), at("view", "unassigned")):
        text = agent.get(address).content.decode()
        assert "<img src=x" not in text
        assert "<script>alert" not in text


def test_earlier_messages_come_page_by_page(agent: Client) -> None:
    case = case_with_words(*(f"message {index:03}" for index in range(60)))
    text = agent.get(at("case", case.number)).content.decode()
    assert "message 059" in text
    assert "message 010" in text
    assert "message 009" not in text
    before = Message.objects.get(seq=11, conversation__case=case).pk
    text = agent.get(at("case-earlier", case.number), {"before": before}).content.decode()
    assert "message 009" in text
    assert "message 000" in text
    assert "message 010" not in text


def test_new_messages_are_those_after(agent: Client) -> None:
    case = case_with_words("one", "two")
    first = Message.objects.get(seq=1, conversation__case=case)
    text = agent.get(at("case-new", case.number), {"after": first.pk}).content.decode()
    assert ">two<" in text
    assert ">one<" not in text


def test_beside_the_case_stands_what_is_known_masked(agent: Client) -> None:
    patient = PatientFactory(
        phone="+15125550143", email="marisol@example.org", address_line1="12 Sample Street"
    )
    order = OrderFactory(patient=patient)
    DeviceFactory(patient=patient)
    DocumentFactory(patient=patient)
    CoverageFactory(patient=patient, member_id="W123456789")
    case = CaseFactory(patient=patient, order=order)
    verified(agent.user, case)
    before = AccessEntry.objects.count()
    text = agent.get(at("case-beside", case.number)).content.decode()
    more = agent.get(at("case-more", case.number)).content.decode()
    rest = agent.get(at("case-rest", case.number)).content.decode()
    assert at("case-more", case.number) in text
    assert at("case-rest", case.number) in more
    assert order.number in text
    assert "CPAP machine" in rest
    assert "Sample Health Plan" in more
    assert "0143" in text
    for hidden in ("5125550143", "marisol@example.org", "12 Sample Street", "W123456789", "1961", "4321"):
        assert hidden not in text + more + rest
    first, second, third = entries_since(before)
    assert (first.what, first.purpose, first.subjects) == ("case context", f"case:{case.pk}", [patient.pk])
    assert set(first.fields) == {"orders", "patient", "verification"}
    assert {"coverage", "earlier"} <= set(second.fields)
    assert set(third.fields) == {"devices", "documents", "log"}


def test_unmasking_is_an_act_of_its_own_on_the_trail(agent: Client) -> None:
    patient = PatientFactory(email="marisol@example.org")
    case = CaseFactory(patient=patient)
    assert agent.post(at("case-unmask", case.number)).status_code == 403
    verified(agent.user, case)
    before = AccessEntry.objects.count()
    assert agent.get(at("case-unmask", case.number)).status_code == 405
    text = agent.post(at("case-unmask", case.number)).content.decode()
    assert "marisol@example.org" in text
    [entry] = entries_since(before)
    assert (entry.kind, entry.purpose, entry.subjects) == ("unmask", f"case:{case.pk}", [patient.pk])


def test_a_guest_has_nothing_beside_them(agent: Client) -> None:
    case = CaseFactory(patient=None, guest_name="Pat", channel="chat")
    assert b"not matched to a patient" in agent.get(at("case-beside", case.number)).content
    assert agent.post(at("case-unmask", case.number)).status_code == 404


# --- saying ------------------------------------------------------------------------------------------
def said(body: str, **kwargs: Any) -> dict[str, Any]:
    return {"kind": "reply", "body": body, "client_id": uuid4(), "seen": 0, "now": "on"} | kwargs


def test_a_reply_is_stored_and_shown(agent: Client) -> None:
    case = case_with_words("Hello")
    answer = agent.post(at("case-say", case.number), said("It ships tomorrow."))
    assert answer.status_code == 201
    assert "It ships tomorrow." in answer.content.decode()
    message = Message.objects.get(conversation__case=case, author=agent.user)
    assert (message.kind, message.seq, message.body) == ("reply", 2, "It ships tomorrow.")


def test_a_note_is_for_us_alone(agent: Client) -> None:
    case = case_with_words("Hello")
    agent.post(at("case-say", case.number), said("She sounds worried.", kind="note"))
    message = Message.objects.get(conversation__case=case, author=agent.user)
    assert (message.kind, message.seq) == ("note", None)


def test_the_same_reply_twice_is_one_message(agent: Client) -> None:
    case = case_with_words("Hello")
    twice = said("Once.")
    assert agent.post(at("case-say", case.number), twice).status_code == 201
    assert agent.post(at("case-say", case.number), twice).status_code == 201
    assert Message.objects.filter(conversation__case=case, author=agent.user).count() == 1


def test_somebody_replied_since_the_draft_began(agent: Client) -> None:
    case = case_with_words("Hello")
    seen = Message.objects.get(conversation__case=case).pk
    colleague = signed_in(UserFactory(roles=["agent"], display_name="Robin Vale"))
    colleague.post(at("case-say", case.number), said("I have it.", seen=seen))
    answer = agent.post(at("case-say", case.number), said("Me too.", seen=seen))
    assert answer.status_code == 409
    assert "Robin" in answer.content.decode()
    assert not Message.objects.filter(author=agent.user).exists()
    theirs = Message.objects.get(author=colleague.user).pk
    mine = said("Me too.", seen=seen, despite=theirs)
    assert agent.post(at("case-say", case.number), mine).status_code == 201
    assert agent.post(at("case-say", case.number), said("A note.", seen=seen, kind="note")).status_code == 201


@pytest.mark.parametrize(
    "body", ["Hello {patient_first_name}, ...", "Your window: {... write the window}", "", " \n "]
)
def test_a_reply_that_is_not_ready_is_refused(agent: Client, body: str) -> None:
    """R-CASE-4: the server refuses until names resolve and marked slots are written."""
    case = case_with_words("Hello")
    assert agent.post(at("case-say", case.number), said(body)).status_code == 422
    assert Message.objects.filter(author=agent.user).count() == 0


@pytest.mark.parametrize(
    ("field", "value"), [("kind", "whisper"), ("kind", "x"), ("client_id", "x"), ("body", "x" * 10_001)]
)
def test_a_malformed_reply_is_refused(agent: Client, field: str, value: str) -> None:
    case = case_with_words("Hello")
    assert agent.post(at("case-say", case.number), said("Hello") | {field: value}).status_code == 422


def test_canned_replies_are_filled_with_what_is_known(agent: Client) -> None:
    order = OrderFactory(number="SO-9")
    case = CaseFactory(patient=order.patient, order=order)
    body = "Hello {patient_first_name}, {order_number} by {carrier}. {... when}"
    reply = CannedReply.objects.create(shortcut="where", title="Where is it", body=body)
    assert b"/where" in agent.get(at("case-canned", case.number)).content
    unknown = agent.get(at("case-canned-reply", case.number, reply.pk)).json()
    assert unknown["body"] == body, "nobody was verified on this case"
    verified(agent.user, case, level=1)
    filled = agent.get(at("case-canned-reply", case.number, reply.pk)).json()
    assert filled["body"] == f"Hello {order.patient.first_name}, SO-9 by {{carrier}}. {{... when}}"
    assert filled["missing"] == ["{carrier}", "{... when}"]


def test_a_draft_is_kept_and_is_its_writers_alone(agent: Client) -> None:
    case = case_with_words("Hello")
    words = {"kind": "note", "body": "half a thought", "seen": 7}
    assert agent.post(at("case-draft", case.number), words).status_code == 204
    draft = Draft.objects.get(user=agent.user, case=case)
    assert (draft.kind, draft.body, draft.since_message) == ("note", "half a thought", 7)
    assert b"half a thought" in agent.get(at("case", case.number)).content
    other = signed_in(UserFactory(roles=["supervisor"]))
    assert b"half a thought" not in other.get(at("case", case.number)).content


def test_a_draft_remembers_where_it_began_and_ends_when_sent(agent: Client) -> None:
    case = case_with_words("Hello")
    for body, seen in (("half", 3), ("half a thought", 9)):
        agent.post(at("case-draft", case.number), {"kind": "reply", "body": body, "seen": seen})
    assert Draft.objects.get().since_message == 3
    agent.post(at("case-say", case.number), said("done"))
    assert not Draft.objects.exists()


# --- working -----------------------------------------------------------------------------------------
def test_taking_a_case(agent: Client) -> None:
    case = case_with_words("Hello")
    answer = agent.post(at("case-take", case.number), {"version": case.version})
    assert answer.status_code == 204
    assert case.number in answer.headers["HX-Trigger"]
    case.refresh_from_db()
    assert case.owner == agent.user


def test_two_take_one_case_and_the_second_is_told(agent: Client) -> None:
    case = case_with_words("Hello")
    other = signed_in(UserFactory(roles=["agent"], display_name="Robin Vale"))
    assert other.post(at("case-take", case.number), {"version": case.version}).status_code == 204
    answer = agent.post(at("case-take", case.number), {"version": case.version})
    assert answer.status_code == 409
    assert "Robin" in answer.headers["HX-Trigger"]
    case.refresh_from_db()
    assert case.owner == other.user


def queued_chat(**kwargs: Any) -> Case:
    case = case_with_words("Is anybody there?", channel="chat", **kwargs)
    Conversation.objects.filter(case=case).update(channel="chat", state="queued", queued_at=timezone.now())
    return case


def test_accepting_a_chat(agent: Client) -> None:
    AgentPresence.objects.create(user=agent.user, state="online")
    case = queued_chat()
    assert agent.post(at("case-take", case.number)).status_code == 204
    conversation = case.conversations.get()
    assert (conversation.state, conversation.agent) == ("open", agent.user)
    assert case.number in agent.get(at("rail")).content.decode()


def test_a_chat_is_accepted_once(agent: Client) -> None:
    case = queued_chat()
    other = signed_in(UserFactory(roles=["agent"], display_name="Robin Vale"))
    for client in (agent, other):
        AgentPresence.objects.create(user=client.user, state="online")
    assert other.post(at("case-take", case.number)).status_code == 204
    case.refresh_from_db()
    answer = agent.post(at("case-take", case.number), {"version": case.version - 1})
    assert answer.status_code == 409
    assert case.conversations.get().agent == other.user


@pytest.mark.parametrize(("state", "capacity"), [("offline", 3), ("online", 1)])
def test_a_chat_takes_somebody_with_room(agent: Client, state: str, capacity: int) -> None:
    AgentPresence.objects.create(user=agent.user, state=state, chat_capacity=capacity)
    ConversationFactory(channel="chat", state="open", agent=agent.user, case=CaseFactory())
    case = queued_chat()
    assert agent.post(at("case-take", case.number)).status_code == 409
    assert case.conversations.get().agent is None


def test_a_lead_assigns_and_an_agent_takes_for_themselves(agent: Client) -> None:
    case = case_with_words("Hello")
    colleague = UserFactory(roles=["agent"])
    given = {"to": colleague.ref, "version": 0}
    assert agent.post(at("case-assign", case.number), given).status_code == 422
    lead = signed_in(UserFactory(roles=["lead"]))
    assert lead.post(at("case-assign", case.number), given).status_code == 204
    case.refresh_from_db()
    assert case.owner == colleague


def test_a_case_goes_to_nobody_off_the_desk() -> None:
    lead = signed_in(UserFactory(roles=["lead"]))
    case = case_with_words("Hello")
    for outsider in (
        UserFactory(roles=["warehouse"]),
        patient_user(),
        UserFactory(roles=["agent"], is_active=False),
    ):
        given = {"to": outsider.ref, "version": 0}
        assert lead.post(at("case-assign", case.number), given).status_code == 422


def test_transfer_to_a_team_with_a_note(agent: Client) -> None:
    case = case_with_words("Hello", owner=agent.user)
    team = TeamFactory(code="billing")
    both = {"to": UserFactory(roles=["agent"]).ref, "team": team.code, "version": 0}
    assert agent.post(at("case-transfer", case.number), both).status_code == 422
    sent = {"team": team.code, "note": "Card on file.", "version": 0}
    assert agent.post(at("case-transfer", case.number), sent).status_code == 204
    case.refresh_from_db()
    assert (case.owner, case.team) == (None, team)
    assert Message.objects.get(kind="note").body == "Card on file."


def closing(**kwargs: Any) -> dict[str, Any]:
    ends = {
        "disposition": "answered",
        "reason": ReasonFactory().code,
        "next_step": "Ships Tue, by us.",
        "version": 0,
    }
    return ends | kwargs


@pytest.mark.parametrize("missing", ["disposition", "reason", "next_step"])
def test_closing_takes_all_three(agent: Client, missing: str) -> None:
    case = case_with_words("Hello")
    assert agent.post(at("case-close", case.number), closing(**{missing: ""})).status_code == 422
    case.refresh_from_db()
    assert case.state == "new"


def test_two_close_at_once_and_nothing_is_lost(agent: Client) -> None:
    """The second sees who was faster, and what they typed is still there."""
    case = case_with_words("Hello")
    other = signed_in(UserFactory(roles=["agent"], display_name="Robin Vale"))
    assert other.post(at("case-close", case.number), closing()).status_code == 204
    answer = agent.post(at("case-close", case.number), closing(next_step="Mine is different."))
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Robin closed this case meanwhile." in text
    assert "Mine is different." in text
    case.refresh_from_db()
    assert case.next_step == "Ships Tue, by us."


def test_reopening(agent: Client) -> None:
    case = CaseFactory(state="closed", closed_at=timezone.now(), disposition="answered")
    assert agent.post(at("case-reopen", case.number), {"version": 0}).status_code == 204
    case.refresh_from_db()
    assert (case.state, case.closed_at) == ("open", None)


def test_waiting_and_seen(agent: Client) -> None:
    case = case_with_words("Hello", unread=1, state="open")
    assert agent.post(at("case-wait", case.number), {"version": 0}).status_code == 204
    assert agent.post(at("case-seen", case.number)).status_code == 204
    case.refresh_from_db()
    assert (case.state, case.unread) == ("waiting", 0)


# --- finding -----------------------------------------------------------------------------------------
def test_a_call_becomes_a_case_by_which_the_record_opens(agent: Client) -> None:
    patient = PatientFactory(first_name="Marisol", last_name="Quintero")
    order = OrderFactory(patient=patient)
    shown = agent.post(at("search"), {"words": "quintero"}).content.decode()
    assert str(patient.ref) in shown
    assert "Quintero" not in shown
    person = agent.get(at("person", patient.ref)).content.decode()
    assert "Quintero" not in person
    assert order.number not in person
    taken = {
        "channel": "phone",
        "reason": ReasonFactory().code,
        "order": order.number,
        "subject": "Mask leaks",
    }
    answer = agent.post(at("new-case", patient.ref), taken | {"note": "Since Tuesday."})
    case = Case.objects.get(patient=patient)
    assert answer.status_code == 302
    assert answer.headers["Location"] == at("case", case.number)
    assert (case.channel, case.owner, case.order) == ("phone", agent.user, order)
    assert Message.objects.get(conversation__case=case).kind == "note"


def test_a_case_takes_no_order_of_somebody_else(agent: Client) -> None:
    taken = {
        "channel": "phone",
        "reason": ReasonFactory().code,
        "order": OrderFactory().number,
        "subject": "x",
    }
    assert agent.post(at("new-case", PatientFactory().ref), taken).status_code == 422
    assert not Case.objects.exists()


def test_a_search_is_never_in_an_address(agent: Client) -> None:
    assert agent.get(at("search"), {"words": "quintero"}).status_code == 405


# --- how one stands ----------------------------------------------------------------------------------
def test_availability(agent: Client) -> None:
    assert agent.post(at("presence"), {"state": "online", "chat_capacity": 4}).status_code == 200
    presence = AgentPresence.objects.get(user=agent.user)
    assert (presence.state, presence.chat_capacity) == ("online", 4)
    for wrong in ({"state": "asleep"}, {"state": "online", "chat_capacity": 99}):
        assert agent.post(at("presence"), wrong).status_code == 422


UNDO = {"undo_seconds": 5, "sort": "contact"}


def test_preferences(agent: Client) -> None:
    assert agent.get(at("keys")).status_code == 200
    assert agent.post(at("preferences"), {"enter_sends": "on", "sounds": "none"} | UNDO).status_code == 204
    kept = Preferences.objects.get(user=agent.user)
    assert (kept.shortcuts, kept.enter_sends, kept.sounds) == (False, True, "none")
    assert b'data-shortcuts="no"' in agent.get(at("rail")).content


def test_a_poll_is_a_sign_of_life_and_tells_numbers_alone(agent: Client) -> None:
    AgentPresence.objects.create(user=agent.user, state="online")
    case_with_words("Hello")
    AgentPresence.objects.update(seen_at=timezone.now() - timezone.timedelta(hours=1))
    answer = agent.post(at("poll"), {"view": "unassigned"}).json()
    assert answer["counts"]["unassigned"] == 1
    assert set(answer) == {"counts", "stamp"}
    assert timezone.now() - AgentPresence.objects.get().seen_at < timezone.timedelta(minutes=1)


# --- doors and prices --------------------------------------------------------------------------------
def everything(case: Case, patient_ref: Any, reply: int) -> list[tuple[str, str]]:
    """Every page of the console, with what it is asked by."""
    number = case.number
    looks = [
        at("console"),
        at("view", "mine"),
        at("rows", "open"),
        at("row", "open", number),
        at("rail"),
        at("keys"),
    ]
    looks += [at(f"case-{part}", number) for part in ("head", "earlier", "new", "beside", "more", "canned")]
    looks += [at("case", number), at("person", patient_ref), at("case-canned-reply", number, reply)]
    looks += [at(f"case-{part}", number) for part in ("assign", "transfer", "close", "reopen")]
    acts = ("unmask", "draft", "say", "seen", "take", "wait", "assign", "transfer", "close", "reopen")
    posts = [at(f"case-{part}", number) for part in acts]
    posts += [at("poll"), at("preferences"), at("presence"), at("search"), at("new-case", patient_ref)]
    return [("get", address) for address in looks] + [("post", address) for address in posts]


@pytest.fixture
def walk() -> list[tuple[str, str]]:
    case = case_with_words("Hello", unread=1)
    reply = CannedReply.objects.create(shortcut="x", title="x", body="x")
    return everything(case, case.patient.ref, reply.pk)


def test_every_page_turns_outsiders_away(walk: list[tuple[str, str]]) -> None:
    patient = signed_in(patient_user())
    warehouse = signed_in(UserFactory(roles=["warehouse"]))
    half = signed_in(UserFactory(roles=["agent"]), factor=False)
    cases = list(Case.objects.values())
    for method, address in walk:
        assert getattr(Client(), method)(address).status_code in {302, 401}, address
        assert getattr(patient, method)(address).status_code == 404, address
        assert getattr(warehouse, method)(address).status_code == 403, address
        assert getattr(half, method)(address).status_code in {302, 403}, address
    assert list(Case.objects.values()) == cases
    assert Message.objects.count() == 1


def test_every_page_of_a_case_that_is_not_there_is_404(agent: Client, walk: list[tuple[str, str]]) -> None:
    number = Case.objects.get().number
    for method, address in walk:
        if number in address and "/rows/" not in address:
            assert getattr(agent, method)(address.replace(number, "C-0-0")).status_code == 404, address


def test_the_auditor_reads_a_case_and_changes_nothing(walk: list[tuple[str, str]]) -> None:
    auditor = signed_in(UserFactory(roles=["auditor"]))
    case = Case.objects.get()
    assert auditor.get(at("case", case.number)).status_code == 200
    for method, address in walk:
        if method == "post" and "unmask" not in address:
            assert auditor.post(address).status_code == 403, address


PRICED = [
    "console",
    "view",
    "rows",
    "rail",
    "case",
    "case-head",
    "case-new",
    "case-beside",
    "case-more",
    "case-rest",
    "search",
]


def ask(agent: Client, name: str, case: Case) -> Any:
    if name == "search":
        return agent.post(at("search"), {"words": "testperson"})
    args = {"console": [], "rail": [], "view": ["open"], "rows": ["open"]}.get(name, [case.number])
    return agent.get(at(name, *args))


def price(agent: Client, name: str, case: Case) -> int:
    UserSession.objects.update(last_used_at=timezone.now())  # written down now and then, not by each page
    with CaptureQueriesContext(connection) as queries:
        assert ask(agent, name, case).status_code == 200
    return sum(not query["sql"].startswith(("SAVEPOINT", "RELEASE")) for query in queries)


def more_of_everything(agent: Client, patient: Any, count: int) -> None:
    for _ in range(count):
        order = OrderFactory(patient=patient)
        DeviceFactory(patient=patient)
        DocumentFactory(patient=patient)
        CoverageFactory(patient=patient)
        case = case_with_words(*["Hello"] * 2, owner=agent.user, patient=patient, order=order)
        ConversationFactory(
            case=case, channel="chat", state="open", agent=agent.user, accepted_at=timezone.now()
        )
        PatientFactory()


@pytest.mark.parametrize("name", PRICED)
def test_a_page_costs_the_same_at_one_row_and_at_thirty(agent: Client, name: str) -> None:
    patient = PatientFactory()
    more_of_everything(agent, patient, 1)
    case = Case.objects.get()
    for _ in range(2):
        price(agent, name, case)
    one = price(agent, name, case)
    more_of_everything(agent, patient, 29)
    thirty = price(agent, name, case)
    assert thirty <= one
    assert thirty <= MOST_QUERIES


def test_a_patient_is_invited_from_their_case(staff_client, mailoutbox):
    patient = PatientFactory(email="ask@example.org")
    case = CaseFactory(patient=patient)
    address = reverse("agents:case-invite", args=[case.number])
    assert staff_client("agent").post(address).status_code == 403
    page = staff_client("intake").post(address).content.decode()
    assert "on its way" in page
    assert patient.invitations.get().email == "ask@example.org"
