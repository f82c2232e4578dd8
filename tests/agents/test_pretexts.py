"""Callers with a story, scripted: what they know gets them to level 1 and not a word further (R-CASE-3, I-2).

Each caller knows what was in a breach: birth date, ZIP code and the last four. After every line of the script
the page, the HTTP chat and the frames are read for what they came for.
"""

import json
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import context
from cases import cases as case_rules
from cases import chat_forms, conversations, frames, history
from cases.models import Case, Conversation
from cases.people import Guest
from portal import profile, registration, verification
from portal.models import ContactChange, OneTimeSecret, User, UserSession
from portal.verification import Locked, NotVerified
from tests import factories
from tests.callers import LONG_AGO
from tests.people import signed_in

pytestmark = pytest.mark.django_db

KNOWN = {"birth_date": "2/3/1944", "last4": "6406"}
PRIZES = (
    "victim@example.org",
    "5125550177",
    "77 Hidden Lane",
    "Canary Health Plan",
    "W987654321",
    "Feb 1944",
)
THIEFS = "+15125550666"


class Pretext:
    """A victim, an agent who means well, and a caller who is somebody else."""

    def __init__(self) -> None:
        self.victim = factories.PatientFactory(
            user=factories.patient_user(),
            email=PRIZES[0],
            phone="+15125550177",
            address_line1=PRIZES[2],
            birth_date=date(1944, 2, 3),
            ssn_last4="6406",
            created_at=timezone.now() - LONG_AGO,
        )
        payer = factories.PayerFactory(name=PRIZES[3])
        factories.CoverageFactory(patient=self.victim, payer=payer, member_id=PRIZES[4])
        self.document = factories.DocumentFactory(patient=self.victim)
        self.order = factories.OrderFactory(patient=self.victim)
        self.agent = factories.UserFactory(roles=["agent"])
        self.case = self.call()

    def call(self, channel: str = "phone") -> Case:
        case: Case = factories.CaseFactory(
            patient=self.victim, channel=channel, state="open", owner=self.agent
        )
        talk = factories.ConversationFactory(
            case=case, patient=self.victim, customer=None, channel=channel, agent=self.agent
        )
        factories.message_in(talk, "I am the patient.", role="customer", author_name="")
        return case

    def on(self, case: Case | None = None) -> dict[str, Any]:
        return {"patient": self.victim, "purpose": f"case:{(case or self.case).pk}"}

    def says_what_they_know(self, agent: User | None = None, case: Case | None = None) -> bool:
        return verification.attempt(agent or self.agent, given=KNOWN, **self.on(case)).passed

    def level(self, agent: User | None = None, case: Case | None = None) -> int:
        return context.standing(agent or self.agent, case or self.case).level

    def gets_nothing(self, agent: User | None = None, case: Case | None = None) -> None:
        """Neither by page, nor by HTTP, nor by frame, nor by a rule."""
        agent, case = agent or self.agent, case or self.case
        sent = reads(signed_in(agent), case)
        assert [prize for prize in PRIZES if prize in sent] == []
        for what in ("clinical", "insurance", "documents", "contact", "contact_change", "payment_change"):
            with pytest.raises(NotVerified):
                verification.require_opened(agent, what=what, **self.on(case))
        file = reverse("portal:document", args=[self.document.ref])
        assert signed_in(agent).get(f"{file}?for=case:{case.pk}").status_code == 403


def reads(client: Client, case: Case) -> str:
    beside = ("case-beside", "case-more", "case-rest")
    pages = ("case", "case-head", *beside, "case-customer", "case-customer-said")
    sent = [client.get(reverse(f"agents:{name}", args=[case.number])).content.decode() for name in pages]
    sent.append(client.post(reverse("agents:case-unmask", args=[case.number])).content.decode())
    for talk in case.conversations.all():
        sent.append(client.get(f"/chat/{talk.pk}/messages").content.decode())
        sent += [frames.line(frames.for_desk(each)) for each in history.since([(talk.pk, 0, 0)])]
    return "\n".join(sent)


@pytest.fixture
def pretext() -> Pretext:
    return Pretext()


def test_what_was_in_the_breach_identifies_and_then_nothing_more_is_to_be_had(pretext: Pretext) -> None:
    """Right date of birth, ZIP and last four; then a new phone; then what is on file."""
    assert pretext.says_what_they_know()
    assert pretext.level() == 1
    with pytest.raises(NotVerified):
        profile.propose(pretext.agent, field="phone", value=THIEFS, **pretext.on())
    pretext.gets_nothing()
    assert not ContactChange.objects.exists()


def test_a_zip_code_is_no_identifier(pretext: Pretext) -> None:
    client = signed_in(pretext.agent)
    address = reverse("agents:case-verify", args=[pretext.case.number])
    assert client.post(address, {"zip": "78701", "birth_date": "2/3/1944"}).status_code == 422
    assert pretext.level() == 0
    pretext.gets_nothing()


def test_handed_on_to_somebody_else_they_begin_at_nothing(pretext: Pretext) -> None:
    pretext.says_what_they_know()
    second = factories.UserFactory(roles=["billing"])
    case_rules.transfer(pretext.agent, case=pretext.case, to=second, note="She is verified, please help.")
    assert pretext.level(second) == 0
    pretext.gets_nothing(second)
    assert pretext.says_what_they_know(second)
    pretext.gets_nothing(second)


@pytest.mark.parametrize("channel", ["chat", "email", "sms", "phone"])
def test_on_another_channel_they_begin_at_nothing(pretext: Pretext, channel: str) -> None:
    pretext.says_what_they_know()
    again = pretext.call(channel)
    assert pretext.level(case=again) == 0
    pretext.gets_nothing(case=again)


def test_while_the_patient_chats_the_caller_is_still_a_stranger(pretext: Pretext) -> None:
    """A caller rings about the case on which the patient is writing at this moment, signed in."""
    factories.ConversationFactory(
        case=pretext.case, patient=pretext.victim, customer=pretext.victim.user, channel="chat"
    )
    assert pretext.level() == 0, "both spoke just now"
    pretext.gets_nothing()


def test_an_agent_who_verified_a_caller_has_verified_no_chat(pretext: Pretext) -> None:
    chat: Conversation = pretext.call("chat").conversations.get()
    factories.verified(pretext.agent, pretext.case)
    chat.refresh_from_db()
    assert (chat.identity_level, pretext.level(case=chat.case)) == (0, 0)
    guest = Guest(chat.pk)
    said = json.dumps(conversations.messages(guest, conversation=chat))
    assert not any(prize in said for prize in PRIZES)


def test_by_the_chats_form_they_come_no_further(pretext: Pretext) -> None:
    chat = factories.ConversationFactory(
        patient=None, customer=None, channel="chat", case=factories.CaseFactory(patient=None, channel="chat")
    )
    values = {"order_number": pretext.order.number, "last4": "6406"}
    assert chat_forms.submit(Guest(chat.pk), conversation=chat, form="identify", values=values).ok
    chat.case.refresh_from_db()
    assert pretext.level(case=chat.case) == 1
    pretext.gets_nothing(case=chat.case)


def test_guesses_are_counted_over_phone_chat_and_registration(pretext: Pretext) -> None:
    verification.attempt(pretext.agent, given=KNOWN | {"last4": "0000"}, **pretext.on())
    chat = factories.ConversationFactory(patient=None, customer=None, channel="chat", case=None)
    values = {"order_number": pretext.order.number, "last4": "1111"}
    assert not chat_forms.submit(Guest(chat.pk), conversation=chat, form="identify", values=values).ok
    proofs = registration.Proofs(pretext.victim.account_number, pretext.victim.last_name, date(1950, 1, 1))
    registration.begin(proofs=proofs, address="10.9.9.9")
    with pytest.raises(Locked):
        pretext.says_what_they_know()
    right = {"order_number": pretext.order.number, "last4": "6406"}
    assert not chat_forms.submit(Guest(chat.pk), conversation=chat, form="identify", values=right).ok
    proofs = registration.Proofs(
        pretext.victim.account_number, pretext.victim.last_name, pretext.victim.birth_date
    )
    registration.begin(proofs=proofs, address="10.9.9.8")
    assert not OneTimeSecret.objects.filter(patient=pretext.victim).exists()


@pytest.mark.parametrize(
    "story",
    [
        lambda one: verification.check_portal_code(one.agent, code="123456", **one.on()).passed,
        lambda one: verification.check_sent_code(one.agent, code="12345678", **one.on()).passed,
        lambda one: verification.called_back(one.agent, answered=False, **one.on()).passed,
    ],
)
def test_a_code_they_do_not_have_gives_nothing(pretext: Pretext, story: Callable[[Pretext], bool]) -> None:
    pretext.says_what_they_know()
    assert not story(pretext)
    assert pretext.level() == 1
    pretext.gets_nothing()


def test_a_code_of_an_account_of_their_own_is_not_the_victims(pretext: Pretext) -> None:
    thief = factories.patient_with_user()
    shown = verification.issue_portal_code(thief.user, patient=thief)
    assert not verification.check_portal_code(pretext.agent, code=shown.code, **pretext.on()).passed
    pretext.gets_nothing()


def test_a_new_phone_is_of_no_use_to_who_put_it_there(pretext: Pretext) -> None:
    """Even a change that slipped through proves nothing for a month, and the victim hears of it at once."""
    pretext.victim.phone = THIEFS
    pretext.victim.save()
    pretext.says_what_they_know()
    for use in (verification.send_code, verification.number_to_call):
        extra = {"via": "sms"} if use is verification.send_code else {}
        with pytest.raises(verification.CannotReach):
            use(pretext.agent, **pretext.on(), **extra)
    pretext.gets_nothing()


def test_an_agent_in_haste_cannot_post_their_way_past_it(pretext: Pretext) -> None:
    client = signed_in(pretext.agent)
    pretext.says_what_they_know()
    posted = {"level": "2", "standing": "2", "verified": "yes", "how": "portal_code", "purpose": "case:1"}
    for name in ("case-verify", "case-portal-code", "case-sent-code", "case-call-back", "case-unmask"):
        client.post(
            reverse(f"agents:{name}", args=[pretext.case.number]), posted | {"code": str(uuid.uuid4())[:6]}
        )
    assert pretext.level() <= 1
    pretext.gets_nothing()


def test_nothing_of_it_ever_made_a_session(pretext: Pretext) -> None:
    before = UserSession.objects.filter(user=pretext.victim.user).count()
    pretext.says_what_they_know()
    factories.verified(pretext.agent, pretext.case)
    assert UserSession.objects.filter(user=pretext.victim.user).count() == before


def test_an_hour_later_they_may_try_three_times_and_no_more(pretext: Pretext) -> None:
    for hour in range(3):
        with time_machine.travel(timezone.now() + timedelta(minutes=61 * hour)):
            for _ in range(3):
                verification.attempt(pretext.agent, given=KNOWN | {"last4": "0000"}, **pretext.on())
            with pytest.raises(Locked):
                pretext.says_what_they_know()
