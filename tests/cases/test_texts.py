"""Text messages that come in: signed, once, in their place, and answered with nothing a number does not prove."""

import asyncio
import threading
import time
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from cases import cases, stops, texts
from cases.channels import sms as channel
from cases.defaults import clocks as defaults
from cases.models import Case, Clock, Conversation, Inbound, Message
from config.integrations import sms
from config.sandbox.inward import Inward
from portal import consent
from portal.models import Consent
from tests.factories import PatientFactory, ReasonFactory, UserFactory, patient_with_user

pytestmark = pytest.mark.django_db
NUMBER = "+15125550143"


def post(
    body: str = "Where is my order?", *, at: int | None = None, signed: str | None = None, **more: Any
) -> Any:
    fields = {"MessageSid": "SM00000001", "From": NUMBER, "To": "+15125550100", "Body": body} | more
    raw = urlencode({name: value for name, value in fields.items() if value is not None}).encode()
    return posted(raw, at=at, signed=signed)


def posted(raw: bytes, *, at: int | None = None, signed: str | None = None) -> Any:
    header = sms.signature(raw, int(time.time()) if at is None else at) if signed is None else signed
    return Client().post(
        reverse("cases:sms-in"),
        raw,
        content_type="application/x-www-form-urlencoded",
        headers={"X-SMS-Signature": header},
    )


def texted_back(answer: Any) -> str:
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/xml")
    return str(answer.content.decode().partition("<Message>")[2].partition("</Message>")[0])


def nothing_kept() -> bool:
    return not (Case.objects.exists() or Message.objects.exists() or Inbound.objects.exists())


# --- in its place ------------------------------------------------------------------------------------
def test_a_text_of_a_patient_opens_a_case_of_theirs_in_which_nobody_is_known() -> None:
    """R-CHAN-1, R-CHAN-5, R-CASE-3: a number proves nothing."""
    patient = patient_with_user(phone="(512) 555-0143")
    words = texted_back(post())
    conversation = Conversation.objects.get()
    assert (conversation.channel, conversation.patient, conversation.customer) == ("sms", patient, None)
    assert (conversation.identity_level, conversation.case.patient, conversation.case.channel) == (
        0,
        patient,
        "sms",
    )
    said, told = conversation.messages.order_by("seq")
    assert (said.body, said.author_role, said.author, told.kind) == (
        "Where is my order?",
        "customer",
        None,
        "event",
    )
    assert said.sent_at.tzinfo is not None
    assert "your message came" in words
    assert told.body == words
    assert str(patient.first_name) not in words


def test_the_next_one_goes_on_in_the_same_conversation_and_is_not_answered_again() -> None:
    PatientFactory(phone=NUMBER)
    post()
    assert texted_back(post("Hello?", MessageSid="SM00000002")) == ""
    assert Conversation.objects.get().messages.filter(author_role="customer").count() == 2
    with time_machine.travel(time.time() + 25 * 3600):
        assert "your message came" in texted_back(post("Still there?", MessageSid="SM00000003"))


def test_what_is_closed_is_over_and_a_new_case_begins() -> None:
    PatientFactory(phone=NUMBER)
    post()
    agent = UserFactory(roles=["agent"])
    cases.close(
        agent, case=Case.objects.get(), disposition="answered", next_step="None", reason=ReasonFactory()
    )
    post("Something else", MessageSid="SM00000002")
    assert Case.objects.count() == 2


@pytest.mark.parametrize("having", [0, 2])
def test_a_number_of_nobody_or_of_several_is_for_the_desk_to_identify(having: int) -> None:
    for _ in range(having):
        PatientFactory(phone=NUMBER)
    post()
    post("Hello?", MessageSid="SM00000002")
    case = Case.objects.get()
    assert (case.patient, case.guest_name) == (None, NUMBER)
    assert Message.objects.filter(author_role="customer").count() == 2
    post("I am another", MessageSid="SM00000003", From="+15125550144")
    assert Case.objects.count() == 2


def test_the_clocks_of_its_case_start() -> None:
    defaults.install()
    PatientFactory(phone=NUMBER)
    post()
    running = Clock.objects.filter(case=Case.objects.get(), state="running")
    assert {"resolution", "next_response"} == set(running.values_list("kind", flat=True))


def test_what_belongs_into_the_portal_is_led_there() -> None:
    """R-CHAN-1: the number is not kept, and the customer is told where to write it."""
    patient = PatientFactory(phone=NUMBER, language="es")
    words = texted_back(post("My SSN is 123-45-6789"))
    assert "123-45-6789" not in Message.objects.get(author_role="customer").body
    assert Case.objects.get().events.filter(kind="steered").exists()
    assert "123" not in words
    assert "http" in words
    assert words != texts._in_words("portal", "en")
    assert Case.objects.get().patient == patient


def test_files_are_not_taken_and_that_is_said() -> None:
    PatientFactory(phone=NUMBER)
    words = texted_back(post("", NumMedia="2"))
    assert "not taken" in Message.objects.get(author_role="customer").body
    assert "no files" in words


# --- STOP, START, HELP -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "word", ["STOP", " stop. ", "Stop!", "ST​OP", "Unsubscribe", "ALTO", "Baja", "no más"]
)
def test_stop_ends_all_texts_and_opens_nothing(word: str) -> None:
    """R-SHIP-3"""
    patients = [PatientFactory(phone=NUMBER), PatientFactory(phone="512-555-0143")]
    spanish = word in ("ALTO", "Baja", "no más")
    assert ("INICIAR" if spanish else "START") in texted_back(post(word))
    assert all(consent.refuses(patient, "sms", "orders") for patient in patients)
    assert not consent.refuses(patients[0], "email", "orders")
    assert {row.source for row in Consent.objects.all()} == {"stop"}
    assert not Case.objects.exists()


def test_start_undoes_it_and_an_old_stop_that_comes_again_changes_nothing() -> None:
    patient = PatientFactory(phone=NUMBER)
    post("STOP")
    assert "again" in texted_back(post("START", MessageSid="SM00000002"))
    assert not consent.refuses(patient, "sms", "orders")
    assert texted_back(post("STOP")) == ""
    assert not consent.refuses(patient, "sms", "orders")


@pytest.mark.parametrize(
    ("word", "phrase"), [("HELP", "for help"), ("ayuda", "ayuda, llame"), ("info", "for help")]
)
def test_help_says_where_to_go(word: str, phrase: str) -> None:
    PatientFactory(phone=NUMBER)
    assert phrase in texted_back(post(word)).lower()
    assert not Case.objects.exists()
    assert not Consent.objects.exists()


def test_a_word_inside_of_a_sentence_is_just_said() -> None:
    patient = PatientFactory(phone=NUMBER)
    post("Please stop by at noon")
    assert Message.objects.get(author_role="customer").body == "Please stop by at noon"
    assert not consent.refuses(patient, "sms", "orders")


def test_whoever_said_stop_is_heard_and_not_texted() -> None:
    PatientFactory(phone=NUMBER)
    post("STOP")
    assert texted_back(post("Where is it?", MessageSid="SM00000002")) == ""
    assert Message.objects.get().body == "Where is it?"


def test_a_number_of_nobody_that_said_stop_is_not_texted_either() -> None:
    assert "no more" in texted_back(post("STOP"))
    assert stops.stands(NUMBER)
    assert texted_back(post("Hello?", MessageSid="SM00000002")) == ""
    post("START", MessageSid="SM00000003")
    assert not stops.stands(NUMBER)
    assert texted_back(post("Hello again", MessageSid="SM00000004")) != ""


def test_nothing_is_delivered_to_a_number_that_said_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(sms, "send", lambda to, *_, **__: sent.append(to))
    post("STOP")
    patient = PatientFactory(phone=NUMBER)
    message = Message(body="On its way")
    assert not channel.deliver(message, patient)
    post("START", MessageSid="SM00000002")
    assert channel.deliver(message, patient)
    assert sent == [NUMBER]


def test_the_dead_are_not_texted() -> None:
    PatientFactory(phone=NUMBER, deceased_on="2026-01-02")
    assert texted_back(post()) == ""
    assert Case.objects.exists()


# --- forged, replayed, malformed ---------------------------------------------------------------------
def test_what_is_forged_or_old_is_refused_and_nothing_of_it_kept(settings: Any) -> None:
    now = int(time.time())
    for wrong in ("", "t=x,v1=y", "t=²,v1=y", sms.signature(b"another", now), f"t={now},v1=", "é"):
        assert post(signed=wrong).status_code == 401
    assert post(at=now - 301).status_code == 401
    assert post(at=now + 301).status_code == 401
    settings.SMS_WEBHOOK_SECRET = ""
    assert post().status_code == 401
    assert nothing_kept()
    assert Client().get(reverse("cases:sms-in")).status_code == 405


@pytest.mark.parametrize(
    "fields",
    [
        {"From": "512 555 0143"},
        {"From": "+1"},
        {"From": "+15125550143\r\nBcc: x"},
        {"From": "12345"},
        {"From": "+15125550100"},
        {"From": None},
        {"MessageSid": None},
        {"MessageSid": "x"},
        {"MessageSid": "stop:" + "0" * 40},
        {"MessageSid": "S" * 200},
        {"Body": ""},
        {"Body": None},
        {"Body": "​‌"},
        {"Body": "a\0b"},
        {"Body": "x" * 5001},
        {"NumMedia": "many"},
        {"NumMedia": "-1"},
        {"NumMedia": "99"},
    ],
)
def test_what_is_malformed_is_refused_and_nothing_of_it_kept(fields: dict[str, Any]) -> None:
    assert (
        post(**({"body": fields.pop("Body") or ""} if "Body" in fields else {}), **fields).status_code == 422
    )
    assert nothing_kept()


def test_what_is_no_form_at_all_is_refused() -> None:
    good = "MessageSid=SM00000001&From=%2B15125550143&Body=x"
    for raw in (b"", b"\xff\xfe", b"{}", f"{good}&Body=y".encode(), good.encode() + b"%ff", b"a=1&" * 100):
        assert posted(raw).status_code == 422
    assert posted(good.encode() + b"x" * 65536).status_code == 413
    assert nothing_kept()


def test_the_same_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    PatientFactory(phone=NUMBER)
    assert [texted_back(post()) != "" for _ in range(2)] == [True, False]
    assert Message.objects.filter(author_role="customer").count() == 1
    post("HELP", MessageSid="SM00000009")
    assert post("Something", MessageSid="SM00000009").status_code == 409
    assert texted_back(post("STOP")) == ""
    assert not Consent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_one_conversation_and_each_of_them_stands_once() -> None:
    PatientFactory(phone=NUMBER)
    barrier, back = threading.Barrier(8), []

    def hand_in(number: int) -> None:
        barrier.wait()
        back.append(texted_back(post("Where?", MessageSid=f"SM0000000{number // 2}")))
        connection.close()

    threads = [threading.Thread(target=hand_in, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Case.objects.count(), Conversation.objects.count()) == (1, 1)
    assert Message.objects.filter(author_role="customer").count() == 4
    assert sum(bool(words) for words in back) == 1


def test_a_number_that_never_ends_is_put_off() -> None:
    for number in range(60):
        post(MessageSid=f"SM1000{number:04d}")
    assert post(MessageSid="SM20000000").status_code == 429
    assert post(MessageSid="SM20000000", From="+15125550199").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_somebody_of_the_sandbox_writes_to_us(live_server: Any) -> None:
    """R-INT-3: in what the company would post, and with what it would text back."""
    PatientFactory(phone=NUMBER)
    company = Inward(live_server.url, settings.SMS_WEBHOOK_SECRET, "")
    back = asyncio.run(company.text(NUMBER, "+15125550100", "Where is my order?"))
    assert (back.status, "your message came" in back.words) == (200, True)
    assert asyncio.run(company.text("nobody", "+15125550100", "x")).status == 422
    assert asyncio.run(Inward(live_server.url, "wrong", "").text(NUMBER, "+15125550100", "x")).status == 401
    assert Message.objects.get(author_role="customer").body == "Where is my order?"
