"""What is not opened at a level never leaves the server: not by a page, not over HTTP, not by a frame (R-CASE-3)."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import context
from cases import conversations, frames, history
from cases.models import Case
from portal.models import AccessEntry, Document, EmergencyAccess
from tests import factories
from tests.callers import LONG_AGO
from tests.people import signed_in

pytestmark = pytest.mark.django_db

NAME = ("Zenobia", "Quillfeather")
CONTACT = ("zenobia@example.org", "5125550177", "77 Hidden Lane", "78799")
INSURED = ("Canary Health Plan", "W987654321")
BORN = ("1944", "Feb 1944", "6406")


@pytest.fixture
def case() -> Case:
    """A case of a call of long ago, whose patient has something of everything."""
    patient = factories.PatientFactory(
        user=factories.patient_user(),
        first_name=NAME[0],
        last_name=NAME[1],
        email=CONTACT[0],
        phone="+15125550177",
        address_line1=CONTACT[2],
        postal_code=CONTACT[3],
        birth_date=timezone.datetime(1944, 2, 3).date(),
        ssn_last4="6406",
        created_at=timezone.now() - LONG_AGO,
    )
    order = factories.OrderFactory(patient=patient, number="SO-777123")
    payer = factories.PayerFactory(name=INSURED[0])
    factories.CoverageFactory(patient=patient, payer=payer, member_id=INSURED[1])
    factories.DeviceFactory(patient=patient)
    factories.DocumentFactory(patient=patient)
    factories.caregiver_of(patient, "deliveries", name="Odalys Helperson")
    called_at = timezone.now() - LONG_AGO
    case = factories.CaseFactory(
        patient=patient, order=order, channel="phone", state="open", opened_at=called_at
    )
    conversation = factories.ConversationFactory(case=case, patient=patient, channel="phone")
    said = factories.message_in(conversation, "Where is it?", role="customer", author_name=" ".join(NAME))
    factories.attach(said, factories.DocumentFactory(patient=patient, filename="Quillfeather card.jpg"))
    case.last_message = said
    case.save()
    return case


@pytest.fixture
def agent() -> Client:
    return signed_in(factories.UserFactory(roles=["agent"]))


TURNS = ("case-beside", "case-more", "case-rest")
PAGES = ("case", "case-head", "case-new", "case-earlier", *TURNS, "case-customer", "case-customer-said")


def everything(client: Client, case: Case) -> str:
    """All that the console shows of a case, and of the lists it stands in."""
    pages = [client.get(reverse(f"agents:{name}", args=[case.number])) for name in PAGES]
    pages.append(client.get(reverse("agents:view", args=["open"])))
    pages.append(client.post(reverse("agents:case-unmask", args=[case.number])))
    pages.append(client.get(reverse("agents:case-verify", args=[case.number])))
    return "\n".join(page.content.decode() for page in pages)


def hidden_in(text: str, *words: str) -> list[str]:
    """Those that do not stand in ``text``; digits within a token or an id are no words."""
    return [word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)]


def test_before_anybody_is_known_nothing_of_the_record_is_sent(agent: Client, case: Case) -> None:
    secrets = (*NAME, *CONTACT, *INSURED, *BORN, "SO-777123", "CPAP machine", "Odalys", "Helperson")
    secrets = (*secrets, case.patient.account_number)
    assert hidden_in(everything(agent, case), *secrets) == list(secrets)


def test_level_one_shows_name_and_orders_alone(agent: Client, case: Case) -> None:
    factories.verified(agent.user, case, 1)
    text = everything(agent, case)
    assert hidden_in(text, *NAME, "SO-777123", "CPAP machine") == []
    closed = (*CONTACT, *INSURED, *BORN)
    assert hidden_in(text, *closed) == list(closed)


def test_level_two_shows_it_and_unmasks_on_request_alone(agent: Client, case: Case) -> None:
    factories.verified(agent.user, case)
    pages = [agent.get(reverse(f"agents:{turn}", args=[case.number])) for turn in TURNS]
    beside = "".join(page.content.decode() for page in pages)
    assert INSURED[0] in beside
    assert hidden_in(beside, *CONTACT[:3], INSURED[1], *BORN) == [*CONTACT[:3], INSURED[1], *BORN]
    plain = agent.post(reverse("agents:case-unmask", args=[case.number])).content.decode()
    assert hidden_in(plain, CONTACT[0], CONTACT[2], INSURED[1], "Feb 1944") == []
    assert "6406" not in plain, "the last four are shown to nobody"


def test_a_colleague_opens_nothing_by_it(agent: Client, case: Case) -> None:
    factories.verified(agent.user, case)
    colleague = signed_in(factories.UserFactory(roles=["supervisor"]))
    text = everything(colleague, case)
    assert hidden_in(text, *NAME, *CONTACT, *INSURED) == [*NAME, *CONTACT, *INSURED]


@pytest.mark.parametrize("role", ["agent", "billing", "clinician", "lead", "supervisor", "intake", "auditor"])
def test_no_role_sees_more_of_itself(role: str, case: Case) -> None:
    client = signed_in(factories.UserFactory(roles=[role]))
    text = everything(client, case)
    assert hidden_in(text, *NAME, *CONTACT, *INSURED, *BORN) == [*NAME, *CONTACT, *INSURED, *BORN]


def test_the_trail_names_the_panels_that_were_opened(agent: Client, case: Case) -> None:
    for turn in TURNS:
        agent.get(reverse(f"agents:{turn}", args=[case.number]))
    entries = AccessEntry.objects.filter(what="case context")
    shown = {field for entry in entries for field in entry.fields}
    assert len(entries) == len(TURNS)
    assert not {"orders", "coverage", "devices", "documents"} & shown


# --- who is signed in, in this conversation ------------------------------------------------------------
def talk(case: Case, channel: str, customer: Any, **kwargs: Any) -> Any:
    """A thread on the case in which ``customer`` said something just now."""
    thread = factories.ConversationFactory(
        case=case, patient=case.patient, channel=channel, customer=customer, **kwargs
    )
    factories.message_in(thread, "Hello", role="customer", author=customer)
    return thread


@pytest.mark.parametrize("channel", ["chat", "portal"])
def test_who_signed_in_is_verified_in_what_they_write(agent: Client, case: Case, channel: str) -> None:
    case.conversations.all().update(last_message_at=timezone.now() - LONG_AGO)
    talk(case, channel, case.patient.user)
    standing = context.standing(agent.user, case)
    assert (standing.level, standing.by) == (2, "session")
    turns = [agent.get(reverse(f"agents:{turn}", args=[case.number])).content.decode() for turn in TURNS]
    assert INSURED[0] in turns[1]
    assert " ".join(NAME) in turns[0]


def test_a_call_on_the_same_case_is_not_the_chat(agent: Client, case: Case) -> None:
    """Somebody on the phone while the patient's own chat is open: the least that is known counts."""
    talk(case, "chat", case.patient.user)
    case.conversations.filter(channel="phone").update(last_message_at=timezone.now())
    assert context.standing(agent.user, case).level == 0


def test_a_chat_of_somebody_else_verifies_nobody(agent: Client, case: Case) -> None:
    case.conversations.all().delete()
    talk(case, "chat", factories.patient_user())
    assert context.standing(agent.user, case).level == 0


@pytest.mark.parametrize(("channel", "level"), [("email", 0), ("sms", 0), ("phone", 0)])
def test_an_account_behind_a_plain_channel_proves_nothing(
    agent: Client, case: Case, channel: str, level: int
) -> None:
    case.conversations.all().delete()
    talk(case, channel, case.patient.user)
    assert context.standing(agent.user, case).level == level


def test_a_caregivers_chat_opens_their_scope(agent: Client, case: Case) -> None:
    case.conversations.all().delete()
    caregiver = factories.caregiver_of(case.patient, "deliveries")
    talk(case, "chat", caregiver.user)
    beside = agent.get(reverse("agents:case-beside", args=[case.number])).content.decode()
    assert "Speaking with a caregiver; may discuss: Deliveries" in " ".join(beside.split())
    assert "SO-777123" in beside
    assert INSURED[0] not in beside
    caregiver.revoked_at = timezone.now()
    caregiver.save()
    assert context.standing(agent.user, case).level == 0


def test_an_old_message_verifies_nobody_any_more(agent: Client, case: Case) -> None:
    case.conversations.all().delete()
    spoken = talk(case, "portal", case.patient.user)
    for hours, level in ((71, 2), (73, 0)):
        spoken.messages.update(sent_at=timezone.now() - timezone.timedelta(hours=hours))
        assert context.standing(agent.user, case).level == level


# --- over HTTP and by frames ---------------------------------------------------------------------------
def test_staff_get_messages_with_initials_and_files_by_kind(agent: Client, case: Case) -> None:
    conversation = case.conversations.get()
    [frame] = conversations.messages(agent.user, conversation=conversation)
    assert frame["author"]["name"] == "ZQ"
    assert frame["attachments"][0]["name"] == "Insurance card, front"
    text = agent.get(f"/chat/{conversation.pk}/messages").content.decode()
    assert hidden_in(text, *NAME) == list(NAME)


def test_a_frame_for_the_desk_differs_from_the_customers_in_names_alone(case: Case) -> None:
    [frame] = history.since([(case.conversations.get().pk, 0, history.NOTHING)])
    desk = frames.for_desk(frame)
    assert frame["author"]["name"] == " ".join(NAME)
    assert {key for key in frame if frame[key] != desk[key]} == {"author", "attachments"}
    assert hidden_in(frames.line(desk), *NAME) == list(NAME)


def test_a_document_is_not_opened_by_its_address(agent: Client, case: Case) -> None:
    document = Document.objects.filter(patient=case.patient)[0]
    for name in ("document", "document-preview", "document-thumbnail"):
        address = reverse(f"portal:{name}", args=[document.ref])
        for purpose in ("", f"?for=case:{case.pk}", "?for=review", "?for=case:1%20or%201", "?for=session:1"):
            assert agent.get(address + purpose).status_code == 403


# --- lists -------------------------------------------------------------------------------------------
WORDS = "My oxygen ran out, I am at 77 Hidden Lane."


@pytest.fixture
def told(case: Case) -> Case:
    """The case, with such words as its last ones, and what they are about."""
    thread = case.conversations.get()
    case.last_message = factories.message_in(thread, WORDS, role="customer", author=None)
    case.reason = factories.ReasonFactory(label="Late delivery")
    case.save()
    return case


def listed(client: Client, case: Case) -> str:
    """The row of a case as the list shows it, and as it comes by itself after a change."""
    pages = [
        client.get(reverse("agents:view", args=["open"])),
        client.get(reverse("agents:view", args=["open"]) + "?sort=due"),
        client.get(reverse("agents:row", args=["open", case.number])),
    ]
    shown = [page.content.decode() for page in pages]
    assert len({WORDS in page for page in shown}) == 1
    return shown[0]


def test_a_list_shows_no_words_of_a_customer_before_they_are_known(agent: Client, told: Case) -> None:
    row = listed(agent, told)
    assert WORDS not in row
    assert "Late delivery" in row


@pytest.mark.parametrize("known", ["owner", "verified", "glass", "nobody"])
def test_a_list_shows_them_to_whom_they_are_open(agent: Client, told: Case, known: str) -> None:
    if known == "owner":
        Case.objects.filter(pk=told.pk).update(owner=agent.user)
    elif known == "verified":
        factories.verified(agent.user, told, 1)
    elif known == "glass":
        until = timezone.now() + timezone.timedelta(minutes=5)
        EmergencyAccess.objects.create(user=agent.user, patient=told.patient, reason="x" * 20, until=until)
    else:
        Case.objects.filter(pk=told.pk).update(patient=None)
    assert WORDS in listed(agent, told)


def test_a_verification_of_a_colleague_or_one_that_is_over_opens_no_row(agent: Client, told: Case) -> None:
    factories.verified(factories.UserFactory(roles=["agent"]), told)
    factories.verified(agent.user, told, ended_at=timezone.now())
    factories.verified(agent.user, factories.CaseFactory(patient=told.patient))
    assert WORDS not in listed(agent, told)


@pytest.mark.parametrize(("channel", "age", "shown"), [
    ("portal", 24, True), ("portal", 80, False), ("chat", 0, True), ("chat", 2, False), ("email", 0, False),
])  # fmt: skip
def test_a_row_shows_what_its_writer_said_signed_in_of_late(
    agent: Client, told: Case, channel: str, age: int, shown: bool
) -> None:
    thread = talk(told, channel, told.patient.user)
    said = factories.message_in(thread, WORDS, role="customer", author=told.patient.user)
    said.sent_at = timezone.now() - timezone.timedelta(hours=age)
    said.save()
    Case.objects.filter(pk=told.pk).update(last_message=said)
    assert (WORDS in listed(agent, told)) is shown
