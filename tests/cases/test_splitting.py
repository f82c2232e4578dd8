"""One case becomes two (R-CASE-1)."""

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from cases import splitting
from cases.cases import Conflict
from cases.models import Case, CaseEvent, CaseLink, Message
from portal.models import User
from tests.factories import CaseFactory, ConversationFactory, ReasonFactory, UserFactory, message_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


@pytest.fixture
def case(agent: User) -> Case:
    """Two conversations: a delivery by portal, answered, and a bill by chat that nobody answered yet."""
    case = CaseFactory(state="open", owner=agent)
    first = ConversationFactory(case=case, patient=case.patient)
    message_in(first, "Where is it?", role="customer")
    message_in(first, "On its way.", role="agent")
    second = ConversationFactory(case=case, patient=case.patient, channel="chat")
    last = message_in(second, "And the bill?", role="customer")
    Case.objects.filter(pk=case.pk).update(unread=1, last_message=last)
    case.refresh_from_db()
    return case


def said(body: str) -> Message:
    return next(message for message in Message.objects.all() if message.body == body)


def test_a_conversation_goes_into_a_case_of_its_own(agent: User, case: Case) -> None:
    reason = ReasonFactory()
    bill = said("And the bill?")
    new = splitting.split(agent, case=case, messages=[bill], subject="A bill", reason=reason)
    case.refresh_from_db()
    new.refresh_from_db()
    assert (new.patient, new.owner, new.channel, new.reason, new.subject) == (
        case.patient, agent, "chat", reason, "A bill",
    )  # fmt: skip
    assert list(new.conversations.all()) == [bill.conversation]
    assert (new.unread, case.unread) == (1, 0)
    assert new.last_message == bill
    assert case.last_message == said("On its way.")
    link = CaseLink.objects.get()
    assert (link.case, link.other, link.kind) == (new, case, "split")
    assert CaseEvent.objects.get(case=case, kind="split").detail == {"to": new.number}


def test_what_a_message_says_besides_becomes_a_case_that_quotes_it(agent: User, case: Case) -> None:
    message = said("Where is it?")
    new = splitting.open_from(agent, case=case, message=message, subject="")
    assert new.subject == case.subject
    note = Message.objects.get(conversation__case=new)
    assert (note.kind, note.body) == ("note", "Where is it?")
    assert CaseLink.objects.get().message == message
    assert message.conversation.case == case


def test_what_can_not_be_split_says_why(agent: User, case: Case) -> None:
    elsewhere = message_in(ConversationFactory(case=CaseFactory()), "Hello")
    every = list(Message.objects.filter(conversation__case=case))
    for messages, words in (([], "Choose"), ([elsewhere], "no longer has"), (every, "Nothing would be left")):
        with pytest.raises(ValidationError, match=words):
            splitting.split(agent, case=case, messages=messages, subject="x")
    with pytest.raises(ValidationError, match="no longer has"):
        splitting.open_from(agent, case=case, message=elsewhere, subject="x")
    with pytest.raises(Conflict):
        splitting.split(agent, case=case, messages=every[:1], subject="x", version=99)
    with pytest.raises(PermissionDenied):
        splitting.split(UserFactory(roles=["qa"]), case=case, messages=every[:1], subject="x")
    assert Case.objects.filter(patient=case.patient).count() == 1
    assert not CaseLink.objects.exists()


def test_a_closed_case_is_not_split(agent: User, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(state="closed", closed_at=case.opened_at, disposition="answered")
    with pytest.raises(ValidationError, match="reopen"):
        splitting.split(agent, case=case, messages=[said("And the bill?")], subject="x")
