"""Side conversations: out by mail without PHI, back by a token, once, and never before a customer's eyes."""

import time
from email.message import EmailMessage
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from agents import side
from agents.models import SideConversation, SideMessage
from cases.channels import email
from cases.models import Case, CaseEvent, Notification
from config.integrations import mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal.models import User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    PatientFactory,
    UserFactory,
    message_in,
    patient_with_user,
    verified,
)
from tests.people import signed_in

pytestmark = pytest.mark.django_db
ASKED = "Could you send us the signed order for case C-1? The fax number is on our site."


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


@pytest.fixture
def case() -> Case:
    return CaseFactory(patient=PatientFactory(first_name="Marisol", last_name="Quintero"))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    out: list[dict[str, str]] = []

    def send(to: str, subject: str, text: str, html: str = "", *, reply_to: str = "") -> str:
        out.append({"to": to, "subject": subject, "text": text, "reply_to": reply_to})
        return f"<{len(out)}@portal.example>"

    monkeypatch.setattr(mail, "send", send)
    return out


def begun(actor: User, case: Case, body: str = ASKED) -> SideConversation:
    return side.start(
        actor, case=case, party="prescriber", name="Dr Lee", address="office@lee.example", body=body
    )


def answer(to: str, text: str = "It is on its way.", message_id: str = "<a1@lee.example>") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Message-ID"] = "office@lee.example", to, message_id
    message["Subject"] = "Re: anything"
    message.set_content(f"{text}\n\nOn Mon, 30 Nov 2026 Bayside wrote:\n> {ASKED}\n")
    return message.as_bytes()


def test_a_mail_goes_out_once_with_nothing_of_the_patient(agent: User, case: Case, sent: list[Any]) -> None:
    begun(agent, case)
    [waiting] = side.due()
    assert [side.send(waiting), side.send(waiting)] == [True, False]
    [mailed] = sent
    assert (mailed["to"], mailed["text"]) == ("office@lee.example", ASKED)
    assert case.number in mailed["subject"]
    assert mailed["reply_to"].startswith("reply+")
    for hidden in ("Marisol", "Quintero", "where is my order"):
        assert hidden.lower() not in str(mailed).lower()
    assert CaseEvent.objects.filter(case=case, kind="side").count() == 1


@pytest.mark.parametrize(
    "body",
    [
        "Mrs Quintero needs a new order.",
        "Is marisol still with you?",
        "She was born 1961-04-12.",
        "Her CPAP broke.",
        "The diagnosis is G47.33.",
        "Her SSN is 123-45-6789.",
        "Call her at +1 512 555 0143 please",
        "",
        " ",
        "x" * 4001,
    ],
)
def test_what_may_not_leave_the_house_does_not(agent: User, case: Case, body: str) -> None:
    """R-SHIP-3, and it says what was found."""
    with pytest.raises(ValidationError):
        begun(agent, case, body)
    assert not SideMessage.objects.exists()


@pytest.mark.parametrize(
    ("failure", "state", "tries"), [(PartnerDown, "due", 1), (PartnerRefuses, "failed", 1)]
)
def test_a_mail_that_cannot_go_waits_or_is_given_up(
    agent: User, case: Case, monkeypatch: pytest.MonkeyPatch, failure: Any, state: str, tries: int
) -> None:
    def down(*_: Any, **__: Any) -> str:
        raise failure("mail") if failure is PartnerDown else failure("mail", 550)

    monkeypatch.setattr(mail, "send", down)
    begun(agent, case)
    assert not side.send(side.due()[0])
    message = SideMessage.objects.get()
    assert (message.state, message.tries) == (state, tries)


def lost(agent: User, case: Case, monkeypatch: pytest.MonkeyPatch) -> SideMessage:
    """A mail that was tried as often as one is, with nobody at the other end."""

    def down(*_: Any, **__: Any) -> str:
        raise PartnerDown("mail")

    with monkeypatch.context() as outage:
        outage.setattr(mail, "send", down)
        begun(agent, case)
        for _ in range(side.MOST_TRIES):
            assert [side.send(waiting) for waiting in side.due()] == [False]
    return SideMessage.objects.get(state="failed")


def told(kind: str = "unsent") -> list[User]:
    return [one.user for one in Notification.objects.filter(kind=kind).select_related("user")]


def test_who_wrote_a_mail_that_was_given_up_is_told(
    agent: User, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost(agent, case, monkeypatch)
    assert told() == [agent]


def test_where_its_writer_left_whoever_has_the_case_is_told(
    agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = UserFactory(roles=["agent"])
    monkeypatch.setattr(side, "MOST_TRIES", 1)
    begun(agent, CaseFactory(owner=owner))
    User.objects.filter(pk=agent.pk).update(is_active=False)
    lead, ownerless = UserFactory(roles=["lead"]), CaseFactory()
    begun(owner, ownerless)
    SideMessage.objects.filter(side__case=ownerless).update(author=agent)

    def refused(*_: Any, **__: Any) -> str:
        raise PartnerRefuses("mail", 550)

    monkeypatch.setattr(mail, "send", refused)
    for waiting in side.due():
        side.send(waiting)
    assert set(told()) == {owner, lead}


def test_a_mail_that_was_given_up_is_sent_again(
    agent: User, case: Case, monkeypatch: pytest.MonkeyPatch, sent: list[Any]
) -> None:
    message, client = lost(agent, case, monkeypatch), signed_in(agent)
    dialog = reverse("agents:case-side", args=[case.number])
    again = reverse("agents:case-side-again", args=[case.number, message.side.ref, message.pk])
    assert again in client.get(dialog).content.decode()
    assert client.post(again).status_code == 200
    assert client.post(again).status_code == 422
    assert side.send(message.pk)
    [mailed] = sent
    assert mailed["text"] == ASKED
    assert again not in client.get(dialog).content.decode()
    other = reverse("agents:case-side-again", args=[CaseFactory().number, message.side.ref, message.pk])
    assert client.post(other).status_code == 404


# --- the answer --------------------------------------------------------------------------------------
def post(body: bytes, *, at: int | None = None, signature: str | None = None) -> int:
    signed = mail.signature(body, int(time.time()) if at is None else at)
    header = signed if signature is None else signature
    return Client().post(
        reverse("agents:mail-in"), body, content_type="message/rfc822", headers={"X-Mail-Signature": header}
    ).status_code  # fmt: skip


def test_an_answer_comes_back_to_its_thread_once(agent: User, case: Case) -> None:
    thread = begun(agent, case)
    body = answer(side.reply_address(thread))
    assert [post(body), post(body)] == [202, 202]
    received = SideMessage.objects.get(state="received")
    assert (received.body, received.side) == ("It is on its way.", thread)
    thread.refresh_from_db()
    assert thread.unread == 1


def test_who_it_says_it_is_from_proves_nothing(agent: User, case: Case) -> None:
    """It is somebody's letter, for the desk to identify, and no answer to the thread."""
    begun(agent, case)
    for to in ("reply@bayside.example", "reply+0000@bayside.example", "office@lee.example", ""):
        assert post(answer(to, message_id=f"<{to or 'none'}>")) == 202
    assert Case.objects.exclude(pk=case.pk).filter(patient=None, channel="email").count() == 4
    assert not SideMessage.objects.filter(state="received").exists()


def test_what_is_forged_old_or_empty_is_refused(agent: User, case: Case) -> None:
    thread = begun(agent, case)
    body = answer(side.reply_address(thread))
    assert post(body, signature="") == 401
    assert post(body, signature=mail.signature(b"another", int(time.time()))) == 401
    assert post(body, at=int(time.time()) - 301) == 401
    assert post(body, signature="t=x,v1=y") == 401
    assert post(b"\xff\xfe no mail at all") == 422
    assert not SideMessage.objects.filter(state="received").exists()


def test_numbers_that_identify_somebody_are_taken_out(agent: User, case: Case) -> None:
    thread = begun(agent, case)
    side.receive(email.parse(answer(side.reply_address(thread), "Her SSN is 123-45-6789.")))
    assert "123-45-6789" not in SideMessage.objects.get(state="received").body


# --- who sees it -------------------------------------------------------------------------------------
def test_no_customer_ever_sees_a_side_conversation(agent: User) -> None:
    patient = patient_with_user()
    case = CaseFactory(patient=patient)
    begun(agent, case, "A secret word: xylophone")
    client = signed_in(patient.user)
    for name in ("cases:messages", "portal:home", "portal:record-access"):
        assert b"xylophone" not in client.get(reverse(name)).content
    with pytest.raises(PermissionDenied):
        side.of(patient.user, case)
    for address in (reverse("agents:case-side", args=[case.number]),):
        assert client.get(address).status_code in {302, 403, 404}


def test_the_dialog_writes_and_writes_on(agent: User, case: Case) -> None:
    client, address = signed_in(agent), reverse("agents:case-side", args=[case.number])
    assert client.get(address).status_code == 200
    wanted = {"party": "carrier", "name": "UPS desk", "address": "desk@ups.example", "body": ASKED}
    assert ASKED[:30] in client.post(address, wanted).content.decode()
    wrong = client.post(address, wanted | {"body": "Her CPAP broke."})
    assert wrong.status_code == 422
    assert "E-mail is not private" in wrong.content.decode()
    thread = SideConversation.objects.get()
    on = reverse("agents:case-side-say", args=[case.number, thread.ref])
    assert client.post(on, {"body": "Any news?"}).status_code == 200
    assert client.post(on, {"body": "Her CPAP broke."}).status_code == 422
    assert SideMessage.objects.count() == 2
    other = reverse("agents:case-side-say", args=[CaseFactory().number, thread.ref])
    assert client.post(other, {"body": "Any news?"}).status_code == 404


# --- the customer, whole -----------------------------------------------------------------------------
def test_the_customer_page_opens_by_the_case_and_its_verification(agent: User, case: Case) -> None:
    other = CaseFactory(patient=case.patient, subject="An older matter")
    page = signed_in(agent).get(reverse("agents:case-customer", args=[case.number]))
    text = page.content.decode()
    assert page.status_code == 200
    assert other.number in text
    assert "Closed until the caller is verified" in text
    for hidden in ("Quintero", "Marisol", "1961", "5125550143"):
        assert hidden not in text
    guest = CaseFactory(patient=None, guest_name="Pat")
    for name in ("case-customer", "case-customer-said"):
        assert signed_in(agent).get(reverse(f"agents:{name}", args=[guest.number])).status_code == 404


def test_what_was_said_opens_with_the_verification_alone(agent: User, case: Case) -> None:
    other = CaseFactory(patient=case.patient)
    message_in(ConversationFactory(case=other, patient=case.patient), "An older word")
    client, said = signed_in(agent), reverse("agents:case-customer-said", args=[case.number])
    refused = client.get(said)
    assert refused.status_code == 403
    assert "An older word" not in refused.content.decode()
    verified(agent, case)
    assert said in client.get(reverse("agents:case-customer", args=[case.number])).content.decode()
    assert "An older word" in client.get(said).content.decode()


def test_looking_changes_nothing_and_having_seen_does(agent: User) -> None:
    case = CaseFactory()
    thread = SideConversation.objects.create(
        case=case,
        party="carrier",
        name="Dispatch",
        address="desk@carrier.example",
        unread=2,
        started_by=agent,
    )
    client = signed_in(agent)
    client.get(reverse("agents:case-side", args=[case.number]))
    thread.refresh_from_db()
    assert thread.unread == 2
    assert client.post(reverse("agents:case-side-seen", args=[case.number])).status_code == 204
    thread.refresh_from_db()
    assert thread.unread == 0
