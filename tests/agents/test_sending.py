"""Replies on their way: taken back, sent later, held back, sent once, and no word lost (R-CASE, R-CHAT-6)."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import sending, workspace
from agents.models import Draft, HeldReply
from cases import merging, splitting
from cases.drafts import Refused
from cases.models import Case, Message, Notification
from portal.models import RoleGrant, User
from tests.factories import CaseFactory, ConversationFactory, DocumentFactory, UserFactory, message_in
from tests.people import signed_in

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 30, 18, tzinfo=UTC)  # a Monday, 12 in Austin


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


@pytest.fixture
def case() -> Case:
    made = CaseFactory(state="open")
    message_in(ConversationFactory(case=made, patient=made.patient), "Hello", role="customer")
    return made


@pytest.fixture
def noon() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def held(actor: User, case: Case, body: str = "It ships tomorrow.", **kwargs: Any) -> HeldReply:
    seen = Message.objects.order_by("pk").last()
    said = {"client_id": uuid4(), "seen": seen.pk if seen else 0}
    return sending.hold(actor, case=case, body=body, **(said | kwargs))


def said_by(actor: User) -> list[str]:
    return [message.body for message in Message.objects.filter(author=actor).order_by("pk")]


def test_a_reply_waits_ten_seconds_and_leaves_once(agent: User, case: Case, noon: Any) -> None:
    reply = held(agent, case)
    assert (sending.release(reply.pk), said_by(agent)) == (False, [])
    noon.shift(timedelta(seconds=10))
    assert sending.due() == [reply.pk]
    assert [sending.release(reply.pk), sending.release(reply.pk)] == [True, False]
    assert said_by(agent) == ["It ships tomorrow."]
    assert sending.due() == []


def test_what_is_taken_back_is_a_draft_again_before_what_was_begun(agent: User, case: Case) -> None:
    reply = held(agent, case)
    workspace.save_draft(agent, case=case, kind="reply", body="And one more thing", seen=0)
    assert sending.undo(agent, held=reply).state == "undone"
    assert Draft.objects.get().body == "It ships tomorrow.\n\nAnd one more thing"
    sending.release(reply.pk)
    assert said_by(agent) == []
    with pytest.raises(HeldReply.DoesNotExist):
        sending.undo(agent, held=reply)


def test_files_come_back_with_the_words(agent: User, case: Case) -> None:
    first, second = (DocumentFactory(patient=case.patient, uploaded_by=agent) for _ in range(2))
    reply = held(agent, case, "See the form.", attachments=[first.ref])
    workspace.save_draft(agent, case=case, kind="reply", body="", seen=0, attachments=[second.ref])
    sending.undo(agent, held=reply)
    draft = Draft.objects.get()
    assert (draft.body, draft.attachments) == ("See the form.", [str(first.ref), str(second.ref)])


def test_what_is_written_on_behind_a_reply_stays(agent: User, case: Case) -> None:
    """The page saves what is typed while the reply is still on its way to us."""
    workspace.save_draft(agent, case=case, kind="reply", body="It ships tomorrow. And", seen=0)
    held(agent, case)
    assert Draft.objects.get().body == "And"
    workspace.save_draft(agent, case=case, kind="reply", body="It ships", seen=0)
    held(agent, case)
    assert not Draft.objects.exists()


def test_the_same_sent_twice_is_one_reply(agent: User, case: Case) -> None:
    name = uuid4()
    reply = held(agent, case, client_id=name)
    assert held(agent, case, client_id=name) == reply
    sending.send_now(agent, held=reply)
    assert held(agent, case, client_id=name).state == "sent"
    assert said_by(agent) == ["It ships tomorrow."]


def test_other_words_under_the_same_id_are_refused_and_kept(agent: User, case: Case) -> None:
    name, file = uuid4(), DocumentFactory(patient=case.patient)
    later = timezone.now() + timedelta(hours=2)
    reply = held(agent, case, client_id=name)
    workspace.save_draft(agent, case=case, kind="reply", body="On Tuesday", seen=0)
    for other in ({"body": "On Tuesday"}, {"attachments": [file.ref]}, {"at": later}):
        with pytest.raises(Refused) as refused:
            held(agent, case, **({"client_id": name} | other))
        assert refused.value.code == "conflict"
    assert Draft.objects.get().body == "On Tuesday"
    sending.undo(agent, held=reply)
    with pytest.raises(Refused):
        held(agent, case, client_id=name)
    assert "It ships tomorrow." in Draft.objects.get().body


def test_words_taken_back_into_a_note_stay_a_note(agent: User, case: Case) -> None:
    """What was meant for colleagues is not made a reply by an undo."""
    reply = held(agent, case)
    workspace.save_draft(agent, case=case, kind="note", body="She is upset", seen=0)
    sending.undo(agent, held=reply)
    assert Draft.objects.get().kind == "note"


def test_a_reply_sent_later_leaves_at_its_minute(agent: User, case: Case, noon: Any) -> None:
    reply = held(agent, case, at=NOON + timedelta(hours=20))
    noon.shift(timedelta(hours=19, minutes=59))
    assert sending.due() == []
    noon.shift(timedelta(minutes=1))
    assert sending.release(reply.pk)


@pytest.mark.parametrize(("anyway", "state"), [(False, "cancelled"), (True, "sent")])
def test_the_customer_writes_first(agent: User, case: Case, noon: Any, anyway: bool, state: str) -> None:
    reply = held(agent, case, at=NOON + timedelta(hours=1), anyway=anyway)
    noon.shift(timedelta(minutes=5))
    message_in(case.conversations.get(), "Never mind!", role="customer", sent_at=timezone.now())
    noon.shift(timedelta(hours=1))
    sending.release(reply.pk)
    reply.refresh_from_db()
    assert reply.state == state
    kept = [draft.body for draft in Draft.objects.all()]
    words = ["It ships tomorrow."]
    assert (kept, said_by(agent)) == (([], words) if anyway else (words, []))


def test_what_the_customer_says_holds_back_at_once(agent: User, case: Case) -> None:
    """It shows on the case, without waiting for the minute it was to leave."""
    held(agent, case, at=timezone.now() + timedelta(hours=1))
    assert sending.customer_wrote(case.pk) == 1
    assert sending.of(agent, case) == []
    assert [one.state for one in sending.came_back(agent, case)] == ["cancelled"]


def test_a_reply_on_its_way_may_be_changed_by_its_author_alone(agent: User, case: Case, noon: Any) -> None:
    reply = held(agent, case, at=NOON + timedelta(hours=1))
    changed = {"body": "On Tuesday.", "at": NOON + timedelta(hours=2), "anyway": True}
    with pytest.raises(HeldReply.DoesNotExist):
        sending.change(UserFactory(roles=["agent"]), held=reply, **changed)
    assert sending.change(agent, held=reply, **changed).body == "On Tuesday."
    with pytest.raises(ValidationError):
        sending.change(agent, held=reply, **(changed | {"at": NOON - timedelta(minutes=1)}))
    noon.shift(timedelta(hours=2))
    sending.release(reply.pk)
    assert said_by(agent) == ["On Tuesday."]


@pytest.mark.parametrize("days", [-1, 91])
def test_a_time_that_is_past_or_far_is_refused(agent: User, case: Case, days: int) -> None:
    with pytest.raises(ValidationError, match="from now to 90 days"):
        held(agent, case, at=timezone.now() + timedelta(days=days))


def test_what_could_not_be_sent_is_refused_while_its_author_is_there(agent: User, case: Case) -> None:
    for body in ("", "Hello {patient_first_name}"):
        with pytest.raises(Refused):
            held(agent, case, body)
    case.conversations.update(state="closed", channel="chat")
    with pytest.raises(Refused, match="closed"):
        held(agent, case)
    assert not HeldReply.objects.exists()


def test_it_leaves_with_the_rights_its_author_has_then(agent: User, case: Case) -> None:
    """Tasks act with the initiator's rights, asked for again."""
    reply = held(agent, case)
    RoleGrant.objects.filter(user=agent).delete()
    HeldReply.objects.update(release_at=timezone.now())
    assert not sending.release(reply.pk)
    reply.refresh_from_db()
    assert (reply.state, reply.refused_for, said_by(agent)) == ("refused", "forbidden", [])
    assert Draft.objects.get(user=agent).body == "It ships tomorrow."


@pytest.mark.parametrize("owned", [True, False])
@pytest.mark.parametrize("customer_wrote", [True, False])
def test_words_of_an_author_who_left_go_to_whoever_answers_for_the_case(
    agent: User, case: Case, owned: bool, customer_wrote: bool
) -> None:
    lead, owner = UserFactory(roles=["lead"]), UserFactory(roles=["agent"])
    heir = owner if owned else lead
    reply = held(agent, case, at=timezone.now() + timedelta(hours=1))
    Case.objects.filter(pk=case.pk).update(owner=owner if owned else None)
    User.objects.filter(pk=agent.pk).update(is_active=False)
    workspace.save_draft(heir, case=case, kind="reply", body="Good morning", seen=0)
    if customer_wrote:
        sending.customer_wrote(case.pk)
    else:
        HeldReply.objects.update(release_at=timezone.now())
        assert not sending.release(reply.pk)
    assert Draft.objects.get().body == "It ships tomorrow.\n\nGood morning"
    assert Draft.objects.get().user == heir
    assert [(one.user, one.kind) for one in Notification.objects.all()] == [(heir, "unsent")]


def test_it_follows_its_case_into_another(agent: User, case: Case) -> None:
    into = CaseFactory(patient=case.patient, state="open")
    reply = held(agent, case)
    case.conversations.update(case=into)
    Case.objects.filter(pk=case.pk).update(
        merged_into=into, state="closed", closed_at=timezone.now(), disposition="duplicate"
    )
    assert [one.pk for one in sending.of(agent, into)] == [reply.pk]
    assert sending.send_now(agent, held=reply).state == "sent"
    assert Message.objects.get(author=agent).conversation.case == into


@pytest.mark.parametrize("rules_hear_of_it", [True, False])
def test_it_goes_with_its_conversation_into_a_case_of_its_own(
    agent: User, case: Case, noon: Any, rules_hear_of_it: bool
) -> None:
    """Shown there, and held back there when the customer writes before it leaves."""
    thread = ConversationFactory(case=case, patient=case.patient)
    asked = message_in(thread, "And the old machine?", role="customer")
    reply = held(agent, case, "We collect it tomorrow.", at=NOON + timedelta(hours=5))
    assert reply.conversation == thread
    new = splitting.split(agent, case=case, messages=[asked], subject="The old machine")
    assert (sending.of(agent, new), sending.of(agent, case)) == ([reply], [])
    noon.shift(timedelta(hours=1))
    message_in(thread, "Stop, do not come.", role="customer")
    if rules_hear_of_it:
        assert (sending.customer_wrote(case.pk), sending.customer_wrote(new.pk)) == (0, 1)
    noon.shift(timedelta(hours=5))
    assert sending.release(reply.pk) is False
    reply.refresh_from_db()
    assert (reply.state, said_by(agent)) == ("cancelled", [])
    assert Draft.objects.get().case == new


def test_one_written_after_a_merge_goes_back_with_its_conversation(agent: User, case: Case) -> None:
    other = CaseFactory(state="open", patient=case.patient)
    message_in(ConversationFactory(case=other, patient=case.patient), "And the bill?", role="customer")
    merging.merge(agent, into=case, cases=[other])
    reply = held(agent, case, "Here it is.", at=timezone.now() + timedelta(hours=5))
    merging.unmerge(agent, case=other)
    assert (sending.of(agent, other), sending.of(agent, case)) == ([reply], [])


def test_nobody_else_sends_or_sees_the_draft_of_another(agent: User, case: Case) -> None:
    reply = held(agent, case)
    with pytest.raises(HeldReply.DoesNotExist):
        sending.send_now(UserFactory(roles=["lead"]), held=reply)
    with pytest.raises(PermissionDenied):
        sending.of(UserFactory(roles=["qa"]), case)


@pytest.mark.django_db(transaction=True)
def test_task_sweep_and_impatience_send_it_once(agent: User, case: Case) -> None:
    reply = held(agent, case)
    HeldReply.objects.update(release_at=timezone.now())
    gate = threading.Barrier(4)

    def run() -> None:
        gate.wait()
        try:
            sending.release(reply.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert said_by(agent) == ["It ships tomorrow."]


# --- the console -------------------------------------------------------------------------------------
@pytest.fixture
def desk(agent: User) -> Client:
    return signed_in(agent)


def reply_to(case: Case, **more: Any) -> dict[str, Any]:
    return {"kind": "reply", "body": "It ships tomorrow.", "client_id": uuid4(), "seen": 0} | more


def test_the_page_shows_what_is_on_its_way_and_takes_it_back(desk: Client, case: Case) -> None:
    address = reverse("agents:case-say", args=[case.number])
    answer = desk.post(address, reply_to(case))
    assert answer.status_code == 202
    assert "It ships tomorrow." in answer.content.decode()
    assert "It ships tomorrow." in desk.get(reverse("agents:case-held", args=[case.number])).content.decode()
    reply = HeldReply.objects.get()
    stranger = signed_in(UserFactory(roles=["agent"]))
    assert stranger.post(reverse("agents:held-undo", args=[reply.ref])).status_code == 404
    back = desk.post(reverse("agents:held-undo", args=[reply.ref])).json()
    assert back == {"body": "It ships tomorrow.", "files": [], "made_from": ""}
    assert desk.post(reverse("agents:held-undo", args=[reply.ref])).status_code == 404


def test_a_note_and_a_live_chat_wait_for_nothing(desk: Client, case: Case) -> None:
    address = reverse("agents:case-say", args=[case.number])
    assert desk.post(address, reply_to(case, kind="note")).status_code == 201
    case.conversations.update(channel="chat", state="open")
    assert desk.post(address, reply_to(case)).status_code == 201


def test_whoever_wants_no_delay_has_none(desk: Client, case: Case) -> None:
    workspace.save_preferences(desk.user, undo_seconds=0)  # type: ignore[attr-defined]
    assert desk.post(reverse("agents:case-say", args=[case.number]), reply_to(case)).status_code == 201


def test_sent_later_by_the_suppliers_clock(noon: Any, desk: Client, case: Case) -> None:
    answer = desk.post(
        reverse("agents:case-say", args=[case.number]), reply_to(case, at="2026-12-01T09:00", even_if="on")
    )
    assert answer.status_code == 202
    reply = HeldReply.objects.get()
    assert (reply.release_at, reply.anyway) == (datetime(2026, 12, 1, 15, tzinfo=UTC), True)
    page = desk.get(reverse("agents:held-change", args=[reply.ref])).content.decode()
    assert 'value="2026-12-01T09:00"' in page
    wrong = desk.post(reverse("agents:held-change", args=[reply.ref]), {"body": "x", "at": "yesterday"})
    assert wrong.status_code == 422
    right = {"body": "Other words.", "at": "2026-12-01T10:30"}
    assert desk.post(reverse("agents:held-change", args=[reply.ref]), right).status_code == 204
    reply.refresh_from_db()
    assert (reply.body, reply.anyway) == ("Other words.", False)


@pytest.mark.parametrize("at", ["2020-01-01T09:00", "2026-02-30T09:00", "now"])
def test_a_wrong_time_keeps_the_words(desk: Client, case: Case, at: str) -> None:
    answer = desk.post(reverse("agents:case-say", args=[case.number]), reply_to(case, at=at))
    assert answer.status_code == 422
    assert not HeldReply.objects.exists()


def test_what_is_refused_is_kept_whoever_still_looks(desk: Client, case: Case) -> None:
    """The page may be gone before it hears that its reply was not sent."""
    file = DocumentFactory(patient=case.patient)
    words = reply_to(case, body="Hello {patient_first_name}", attachments=str(file.ref))
    assert desk.post(reverse("agents:case-say", args=[case.number]), words).status_code == 422
    draft = Draft.objects.get()
    assert (draft.body, draft.attachments) == ("Hello {patient_first_name}", [str(file.ref)])
    page = desk.get(reverse("agents:case", args=[case.number])).content.decode()
    assert f'data-file="{file.ref}"' in page


def test_another_version_under_one_id_is_told(desk: Client, case: Case) -> None:
    address = reverse("agents:case-say", args=[case.number])
    for more in ({}, {"now": "on"}):
        words = reply_to(case, **more)
        assert desk.post(address, words).status_code in (201, 202)
        other = desk.post(address, words | {"body": "On Tuesday."})
        assert (other.status_code, "data-twice" in other.content.decode()) == (422, True)


def test_send_now(desk: Client, case: Case) -> None:
    desk.post(reverse("agents:case-say", args=[case.number]), reply_to(case))
    assert desk.post(reverse("agents:held-now", args=[HeldReply.objects.get().ref])).status_code == 204
    assert Message.objects.filter(author=desk.user).count() == 1  # type: ignore[attr-defined]
