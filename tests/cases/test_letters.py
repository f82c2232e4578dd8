"""Customers' e-mail: read with distrust, said in its place, and answered with nothing an address does not prove."""

import asyncio
import threading
import time
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import cases, conversations, notices
from cases.channels import email
from cases.defaults import clocks as defaults
from cases.models import Case, Clock, Conversation, Inbound, Message, Notice
from config.integrations import mail
from config.integrations.breaker import PartnerRefuses
from config.sandbox.inward import Inward
from portal import consent
from portal.access import System
from portal.models import Patient
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    patient_with_user,
)

pytestmark = pytest.mark.django_db
KIM = "kim@example.org"
ASKED = "Where is my order?"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []

    def send(to: str, subject: str, text: str, html: str = "", **more: Any) -> str:
        out.append({"to": to, "subject": subject, "text": text} | more)
        return "<x>"

    monkeypatch.setattr(mail, "send", send)
    monkeypatch.setattr(notices, "soon", lambda ids: None)
    return out


def letter(
    text: str = ASKED, *, sender: str = KIM, to: str = "reply@bayside.example", **headers: str
) -> EmailMessage:
    message = EmailMessage()
    told = {"From": f"Kim <{sender}>", "To": to, "Subject": "My order", "Message-ID": "<1@kim.example>"}
    for name, value in (told | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        message[name] = value
    message.set_content(text)
    return message


def post(message: EmailMessage | bytes, *, at: int | None = None, signed: str | None = None) -> int:
    raw = message if isinstance(message, bytes) else message.as_bytes()
    header = mail.signature(raw, int(time.time()) if at is None else at) if signed is None else signed
    headers = {"X-Mail-Signature": header}
    return int(
        Client()
        .post(reverse("agents:mail-in"), raw, content_type="message/rfc822", headers=headers)
        .status_code
    )


def nothing_kept() -> bool:
    return not (Case.objects.exists() or Message.objects.exists() or Inbound.objects.exists())


def written_to(patient: Patient | None = None, **more: Any) -> Conversation:
    case = CaseFactory(patient=patient, channel="email")
    return ConversationFactory(case=case, patient=patient, channel="email", **more)


# --- in its place ------------------------------------------------------------------------------------
def test_a_letter_of_a_patient_opens_a_case_of_theirs_in_which_nobody_is_known(sent: list[Any]) -> None:
    """R-CHAN-1, R-CHAN-5, R-CASE-3: an address proves nothing."""
    patient = patient_with_user(email="Kim@Example.org")
    assert post(letter()) == 202
    thread = Conversation.objects.get()
    assert (thread.channel, thread.patient, thread.customer, thread.identity_level) == (
        "email",
        patient,
        None,
        0,
    )
    assert (thread.case.channel, thread.case.patient, thread.case.subject) == ("email", patient, "My order")
    said = thread.messages.get(author_role="customer")
    assert (said.body, said.author) == (ASKED, None)


def test_its_clocks_start() -> None:
    """R-SLA-1: acknowledged within 8 business hours."""
    defaults.install()
    PatientFactory(email=KIM)
    with time_machine.travel("2026-03-03T16:00Z", tick=False):
        post(letter())
        clock = Clock.objects.get(case=Case.objects.get(), kind="acknowledgement")
        assert clock.state == "running"
        assert clock.due_at == timezone.now() + timedelta(hours=8)


@pytest.mark.parametrize("having", [0, 2])
def test_an_address_of_nobody_or_of_several_is_for_the_desk_to_identify(having: int, sent: list[Any]) -> None:
    for _ in range(having):
        PatientFactory(email=KIM)
    assert post(letter()) == 202
    case = Case.objects.get()
    assert (case.patient, case.guest_name) == (None, KIM)
    notices.send_due()
    assert [each["to"] for each in sent] == [KIM]


def test_what_went_back_says_that_it_came_and_where_to_go_once_a_day(sent: list[Any]) -> None:
    patient = PatientFactory(email=KIM, language="es")
    post(letter())
    post(letter("And another", Message_ID="<2@kim.example>"))
    assert notices.send_due() == 1
    [told] = sent
    assert (told["to"], told["automatic"]) == (KIM, True)
    assert "correo" in told["text"]
    assert django_settings.PUBLIC_URL in told["text"]
    for hidden in (patient.first_name, patient.last_name, ASKED, "My order"):
        assert hidden not in told["text"] + told["subject"]
    assert not Message.objects.filter(kind="note").exists()


@pytest.mark.parametrize("why", ["refused", "dead"])
def test_whoever_refused_mail_is_heard_and_not_answered(why: str, sent: list[Any]) -> None:
    patient = PatientFactory(email=KIM, deceased_on="2026-01-02" if why == "dead" else None)
    if why == "refused":
        consent.stop(System("test"), patient=patient, channel="email")
    assert post(letter()) == 202
    assert Case.objects.exists()
    assert not Notice.objects.exists()


def test_what_belongs_into_the_portal_is_led_there(sent: list[Any]) -> None:
    PatientFactory(email=KIM)
    post(letter("My SSN is 123-45-​6789."))
    assert "6789" not in Message.objects.get(author_role="customer").body
    assert Case.objects.get().events.filter(kind="steered").exists()
    notices.send_due()
    assert "do not send it this way" in sent[0]["text"]


def test_files_are_not_taken_and_that_is_said(sent: list[Any]) -> None:
    PatientFactory(email=KIM)
    message = letter("My card")
    message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename="card.pdf")
    assert post(message) == 202
    assert "Files came with this e-mail" in Message.objects.get(author_role="customer").body
    notices.send_due()
    assert "not taken" in sent[0]["text"]
    alone = EmailMessage()
    for name, value in (("From", KIM), ("Message-ID", "<2@kim.example>")):
        alone[name] = value
    alone.set_content(b"\xff\xd8", maintype="image", subtype="jpeg", filename="x.jpg")
    assert post(alone) == 202


def test_an_acknowledgement_that_nobody_takes_bothers_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> str:
        raise PartnerRefuses("mail", 550)

    monkeypatch.setattr(mail, "send", refuses)
    monkeypatch.setattr(notices, "soon", lambda ids: None)
    PatientFactory(email=KIM)
    post(letter())
    assert notices.send_due() == 0
    assert Notice.objects.get().state == "failed"
    assert not Message.objects.filter(kind="note").exists()


# --- what it answers ---------------------------------------------------------------------------------
def test_an_answer_comes_into_the_conversation_that_was_written_to_its_address(sent: list[Any]) -> None:
    patient = PatientFactory(email=KIM)
    thread = written_to(patient)
    conversations.reply(UserFactory(roles=["agent"]), conversation=thread, body="We look into it.")
    notices.send_due()
    back = sent[0]["reply_to"]
    assert len(back.partition("@")[0]) <= 64
    assert post(letter("Thank you", to=back.upper())) == 202
    assert thread.messages.filter(author_role="customer").count() == 1
    ours = f"<{sent[0]['key']}@{'127.0.0.1'}>"
    assert post(letter("And more", In_Reply_To=ours, Message_ID="<2@kim.example>")) == 202
    assert thread.messages.filter(author_role="customer").count() == 2
    assert Case.objects.count() == 1


def test_an_answer_from_another_address_comes_into_no_conversation_but_its_own() -> None:
    patient, stranger = PatientFactory(email=KIM), PatientFactory(email="eve@example.org")
    thread = written_to(patient)
    reply = conversations.reply(UserFactory(roles=["agent"]), conversation=thread, body="We look into it.")
    for number, headers in enumerate(
        [
            {"to": email.reply_address(thread)},
            {"References": f"<a@b> <reply-{reply.id}@127.0.0.1>"},
        ]
    ):
        assert post(letter("Me", sender="eve@example.org", Message_ID=f"<{number}@eve>", **headers)) == 202
    assert not thread.messages.filter(author_role="customer").exists()
    assert set(Conversation.objects.exclude(pk=thread.pk).values_list("patient", flat=True)) == {stranger.pk}


def test_a_token_that_is_wrong_or_of_another_leads_nowhere() -> None:
    patient = PatientFactory(email=KIM)
    thread, other = written_to(patient), written_to(patient)
    name, _at, domain = email.reply_address(thread).partition("@")
    wrong = [
        f"{name[:-1]}{'0' if name[-1] != '0' else '1'}@{domain}",
        f"{email.reply_address(other).partition('@')[0][:-16]}{name[-16:]}@{domain}",
        f"{name}@evil.example",
        "reply+c@bayside.example",
    ]
    for number, to in enumerate(wrong):
        assert post(letter(to=to, Message_ID=f"<{number}@kim>")) == 202
    assert not Message.objects.filter(conversation__in=[thread, other], author_role="customer").exists()


def test_somebody_nobody_knows_goes_on_in_what_they_began(sent: list[Any]) -> None:
    post(letter())
    thread = Conversation.objects.get()
    agent = UserFactory(roles=["agent"])
    conversations.reply(agent, conversation=thread, body="Which order is it?")
    notices.send_due()
    assert [each["to"] for each in sent] == [KIM, KIM]
    back = email.reply_address(thread)
    post(letter("My last one", to=back, Message_ID="<2@kim.example>"))
    post(letter("Not me", to=back, sender="eve@example.org", Message_ID="<3@eve.example>"))
    assert thread.messages.filter(author_role="customer").count() == 2
    assert Case.objects.count() == 2


def test_an_answer_opens_again_what_was_closed() -> None:
    patient = PatientFactory(email=KIM)
    thread = written_to(patient)
    agent = UserFactory(roles=["agent"])
    cases.close(agent, case=thread.case, disposition="answered", next_step="None", reason=ReasonFactory())
    post(letter("Not yet", to=email.reply_address(thread)))
    thread.case.refresh_from_db()
    assert thread.case.state == "open"


# --- machines ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner"},
        {"Precedence": "bulk"},
        {"Precedence": "LIST"},
        {"List_Id": "<news.example>"},
        {"List_Unsubscribe": "<mailto:x@y.example>"},
        {"Return_Path": "<>"},
        {"sender": "MAILER-DAEMON@example.org"},
        {"sender": "no-reply@example.org"},
        {"sender": "reply@bayside.example"},
        {"sender": "reply+cabc@bayside.example"},
        {"sender": "portal@bayside.example"},
    ],
)
def test_what_a_machine_wrote_is_never_answered_and_opens_nothing(headers: dict[str, str]) -> None:
    PatientFactory(email=KIM)
    assert post(letter(**headers)) == 202
    assert nothing_kept()
    assert not Notice.objects.exists()


def test_auto_submitted_no_is_a_person() -> None:
    PatientFactory(email=KIM)
    post(letter(Auto_Submitted="no"))
    assert Case.objects.exists()


def test_two_machines_that_answer_each_other_come_to_an_end(sent: list[Any]) -> None:
    PatientFactory(email=KIM)
    codes = [post(letter(Message_ID=f"<{number}@loop>")) for number in range(61)]
    assert codes[-1] == 429
    notices.send_due()
    assert len(sent) == 1


# --- forged, replayed, hostile -----------------------------------------------------------------------
def test_what_is_forged_or_old_is_refused_and_nothing_of_it_kept() -> None:
    now = int(time.time())
    for wrong in ("", "t=x,v1=y", mail.signature(b"another", now), f"t={now},v1="):
        assert post(letter(), signed=wrong) == 401
    assert post(letter(), at=now - 301) == 401
    assert post(letter(), at=now + 301) == 401
    assert nothing_kept()


def test_the_same_again_changes_nothing() -> None:
    PatientFactory(email=KIM)
    assert [post(letter()), post(letter())] == [202, 202]
    assert Message.objects.filter(author_role="customer").count() == 1
    assert Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_stand_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "soon", lambda ids: None)
    PatientFactory(email=KIM)
    barrier, back = threading.Barrier(6), []

    def hand_in() -> None:
        barrier.wait()
        back.append(post(letter()))
        connection.close()

    threads = [threading.Thread(target=hand_in) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert back == [202] * 6
    assert (Case.objects.count(), Message.objects.filter(author_role="customer").count()) == (1, 1)
    assert Notice.objects.count() == 1


HEAD = b"From: kim@example.org\r\nTo: reply@bayside.example\r\nMessage-ID: <1@kim>\r\n"


def nested(depth: int) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth)
    )
    return HEAD + opened + b"\r\nHello\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        HEAD + b"\r\n",
        HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "​‌‍".encode(),
        HEAD + b"Content-Type: text/plain; charset=no-such\r\n\r\nHello",
        HEAD.replace(b"kim@example.org", b"") + b"\r\nHello",
        HEAD.replace(b"kim@example.org", b"a@b.example, c@d.example") + b"\r\nHello",
        HEAD.replace(b"kim@example.org", b"kim") + b"\r\nHello",
        HEAD.replace(b"Message-ID: <1@kim>\r\n", b"") + b"\r\nHello",
        HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\nHello",
        nested(200),
        nested(5000),
        HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000,
        HEAD + b"Subject: " + b"a@b," * 100_000 + b"\r\n\r\nHello",
    ],
)
def test_hostile_mail_is_refused_at_once_and_nothing_of_it_kept(raw: bytes) -> None:
    started = time.process_time()
    assert post(raw) == 422
    assert time.process_time() - started < 2
    assert nothing_kept()


def test_what_is_too_large_is_refused() -> None:
    assert 400 <= post(HEAD + b"\r\n" + b"x" * 10_000_000) < 500
    assert nothing_kept()


def test_headers_are_one_line_and_can_add_none(sent: list[Any]) -> None:
    PatientFactory(email=KIM)
    raw = HEAD + b"Subject: =?utf-8?q?Hello=0D=0ABcc:_all=40example=2Eorg=E2=80=8B?=\r\n\r\nHello"
    assert post(raw) == 202
    assert Case.objects.get().subject == "Hello Bcc: all@example.org"
    notices.send_due()
    assert "all@example.org" not in str(sent)


@pytest.mark.django_db(transaction=True)
def test_somebody_of_the_sandbox_writes_to_us(live_server: Any, sent: list[Any]) -> None:
    """R-INT-3: in what the provider would post."""
    PatientFactory(email=KIM)
    post_office = Inward(live_server.url, "", django_settings.MAIL_WEBHOOK_SECRET)
    back = asyncio.run(post_office.mail(KIM, "reply@bayside.example", "Äpfel", "Wo ist es?"))
    assert back.status == 202
    assert Case.objects.get().subject == "Äpfel"
    with pytest.raises(ValueError, match="linefeed"):
        asyncio.run(post_office.mail(KIM, "reply@bayside.example", "a\nBcc: x@y.example", "x"))
