"""Notices that a message waits: once each, without its content, and never lost."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from cases import conversations, notices
from cases.models import Conversation, Notice
from config.business_day import business_day
from portal.models import Consent
from tests.factories import ConversationFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """Tasks go nowhere: what is due is found by the sweep, as after a lost task."""
    monkeypatch.setattr(notices, "soon", lambda message_ids: None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]


def answered(conversation: Conversation) -> Notice:
    conversations.reply(
        UserFactory(roles=["agent"]), conversation=conversation, body="Your CPAP mask is on its way."
    )
    return Notice.objects.get()


def test_a_reply_in_the_portal_is_announced_without_its_content() -> None:
    notice = answered(ConversationFactory(patient=PatientFactory(email="kim@example.org")))
    assert notices.due() == [notice.pk]
    assert notices.send(notice.pk)
    assert not notices.send(notice.pk), "once"
    [letter] = mail.outbox
    assert letter.to == ["kim@example.org"]
    assert "mask" not in letter.subject + letter.body
    assert notices.due() == []


@pytest.mark.parametrize("how", ["no address", "prefers sms", "said no"])
def test_who_does_not_want_mail_gets_none(how: str) -> None:
    patient = PatientFactory(
        email="" if how == "no address" else "kim@example.org",
        preferred_channel="sms" if how == "prefers sms" else "portal",
    )
    if how == "said no":
        Consent.objects.create(patient=patient, channel="email", topic="orders", granted=False)
    assert not notices.send(answered(ConversationFactory(patient=patient)).pk)
    assert Notice.objects.get().state == "skipped"
    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_tried_again(settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    notice = answered(ConversationFactory())
    assert not notices.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == ("due", 1)
    assert timezone.now() + timedelta(minutes=1) < notice.due_at
    assert notices.due() == []


def test_notes_and_chats_need_no_notice() -> None:
    agent = UserFactory(roles=["agent"])
    conversations.note(agent, conversation=ConversationFactory(), body="Note")
    conversations.reply(agent, conversation=ConversationFactory(channel="chat"), body="Here")
    assert not Notice.objects.exists()


# --- what carries the reply itself ---------------------------------------------------------------------
@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What went to the telephone company."""
    sent: list[tuple[str, str, str]] = []
    monkeypatch.setattr("config.integrations.sms.send", lambda to, text, key: sent.append((to, text, key)))
    return sent


WORDS = "Your order is on its way."


def said_on(channel: str, **patient: object) -> Notice:
    conversation = ConversationFactory(channel=channel, patient=PatientFactory(**patient))
    conversations.reply(UserFactory(roles=["agent"]), conversation=conversation, body=WORDS)
    return Notice.objects.get()


def test_a_reply_by_mail_is_carried_once() -> None:
    notice = said_on("email", email="kim@example.org", first_name="Kim")
    assert notices.send(notice.pk)
    assert not notices.send(notice.pk)
    [letter] = mail.outbox
    assert (letter.to, letter.body) == (["kim@example.org"], WORDS)
    assert "Kim" not in letter.subject
    assert f"reply-{notice.message_id}@" in letter.extra_headers["Message-ID"]


def test_a_reply_by_text_message_is_carried(texts: list[tuple[str, str, str]]) -> None:
    notice = said_on("sms", phone="+15125550143")
    assert notices.send(notice.pk)
    assert texts == [("+15125550143", WORDS, f"reply-{notice.message_id}")]


@pytest.mark.parametrize("why", ["no number", "stop", "died"])
def test_a_reply_that_nobody_gets_is_told_on_the_case(why: str, texts: list[tuple[str, str, str]]) -> None:
    notice = said_on("sms", phone="" if why == "no number" else "+15125550143")
    patient = notice.message.conversation.patient
    if why == "stop":
        Consent.objects.create(patient=patient, channel="sms", topic="orders", granted=False, source="stop")
    elif why == "died":
        patient.deceased_on = business_day()
        patient.save()
    assert not notices.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, texts) == ("skipped", [])
    note = notice.message.conversation.messages.get(kind="note")
    assert note.body.startswith("The last reply did not go out")


def test_what_is_written_on_a_call_is_announced_like_a_message_in_the_portal() -> None:
    assert notices.send(said_on("phone", email="kim@example.org").pk)
    [letter] = mail.outbox
    assert WORDS not in letter.body
