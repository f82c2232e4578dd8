"""Following cases, naming colleagues on them, and what one is told (R-CASE-1)."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

from cases import cases, conversations, following
from cases.drafts import Author, Draft
from cases.models import Case, CaseEvent, Follower, Notification
from cases.writer import write, write_one
from portal.models import RoleGrant, User
from tests.factories import CaseFactory, ConversationFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Ana Ruiz")


@pytest.fixture
def case() -> Case:
    case = CaseFactory(state="open")
    ConversationFactory(case=case, patient=case.patient)
    return case


def told(user: User) -> list[str]:
    return [each.kind for each in following.notifications(user)]


def test_a_follower_hears_what_becomes_of_a_case(agent: User, case: Case) -> None:
    follower = UserFactory(roles=["lead"])
    assert following.follow(follower, case=case)
    assert not following.follow(follower, case=case)
    cases.transfer(agent, case=case, to=UserFactory(roles=["agent"]))
    cases.transfer(follower, case=case, to=agent)
    assert told(follower) == ["transferred"]
    assert told(agent) == []
    assert following.unfollow(follower, case=case)
    assert not following.unfollow(follower, case=case)
    cases.transfer(agent, case=case, to=follower)
    assert following.unread(follower) == 1


def test_a_colleague_who_looks_leaves_it_unread_for_its_owner(agent: User, case: Case) -> None:
    owner = UserFactory(roles=["agent"])
    Case.objects.filter(pk=case.pk).update(owner=owner)
    thread = case.conversations.get()
    write_one(Draft(thread.pk, Author("customer", "guest", "Zoe"), "Where is my oxygen?"))
    for reader, unread in ((agent, 1), (owner, 0)):
        case.refresh_from_db()
        cases.seen(reader, case=case)
        case.refresh_from_db()
        assert case.unread == unread


def test_what_one_did_oneself_is_no_news(agent: User, case: Case) -> None:
    following.follow(agent, case=case)
    cases.transfer(agent, case=case, to=UserFactory(roles=["agent"]))
    assert told(agent) == []


def test_a_customers_messages_are_one_notification_until_it_is_read(agent: User, case: Case) -> None:
    following.follow(agent, case=case)
    thread = case.conversations.get()
    said = [Draft(thread.pk, Author("customer", "guest", "Ana"), f"Line {n}") for n in range(3)]
    write(said[:2])
    write(said[2:])
    assert told(agent) == ["message"]
    assert following.mark_read(agent, case=case) == 1
    write(said[:1])
    assert (told(agent), following.unread(agent)) == (["message", "message"], 1)
    assert following.mark_read(agent) == 1
    assert following.unread(agent) == 0


def test_opening_a_case_reads_what_was_told_of_it(agent: User, case: Case) -> None:
    following.mention(UserFactory(roles=["lead"]), case=case, users=[agent])
    cases.seen(agent, case=case)
    assert following.unread(agent) == 0


def test_a_note_that_names_a_colleague_tells_them(agent: User, case: Case) -> None:
    """By the full name, or by a first name that nobody else bears; an address is no mention."""
    robin = UserFactory(roles=["billing"], display_name="Robin Reyes")
    other = UserFactory(roles=["agent"], display_name="Sam Ode")
    namesake = UserFactory(roles=["agent"], display_name="Sam Ito")
    thread = case.conversations.get()
    conversations.note(
        agent, conversation=thread, body="@robin please look, @Sam Ito too. Mail: me@ode.example, @Ana Ruiz"
    )
    assert (told(robin), told(namesake), told(other), told(agent)) == (["mentioned"], ["mentioned"], [], [])
    assert set(Follower.objects.values_list("user", flat=True)) == {robin.pk, namesake.pk}
    event = CaseEvent.objects.get(kind="mentioned")
    assert (event.actor, event.detail["to"]) == (agent, "Sam, Robin")


def test_a_reply_to_the_customer_names_nobody(agent: User, case: Case) -> None:
    robin = UserFactory(roles=["billing"], display_name="Robin Reyes")
    write_one(
        Draft(case.conversations.get().pk, Author("agent", f"u{agent.pk}", "Ana", agent.pk), "@Robin Reyes")
    )
    assert told(robin) == []


def test_who_can_not_open_cases_can_not_be_named(agent: User, case: Case) -> None:
    driver = UserFactory(roles=["technician"], display_name="Lou Driver")
    with pytest.raises(ValidationError, match="Lou"):
        following.mention(agent, case=case, users=[driver])
    conversations.note(agent, conversation=case.conversations.get(), body="@Lou Driver is on the way")
    assert not Notification.objects.exists()


def test_who_no_longer_works_at_the_desk_is_not_named(agent: User, case: Case) -> None:
    former = UserFactory(display_name="Lou Former")
    RoleGrant.objects.create(user=former, role="agent", expires_at=timezone.now() - timedelta(days=1))
    conversations.note(agent, conversation=case.conversations.get(), body="@Lou Former please look")
    assert not Notification.objects.exists()


def test_a_note_is_kept_though_nobody_it_names_can_be_told(agent: User, case: Case) -> None:
    """The author's own role may end between the note and its storing."""
    robin = UserFactory(roles=["agent"], display_name="Robin Reyes")
    thread = case.conversations.get()
    note = conversations.draft(agent, thread, kind="note", body="@Robin Reyes please look")
    RoleGrant.objects.filter(user=agent).delete()
    write_one(note)
    assert thread.messages.count() == 1
    assert told(robin) == ["mentioned"]


def test_everybody_has_their_own_notifications(agent: User, case: Case) -> None:
    other = UserFactory(roles=["agent"])
    following.mention(other, case=case, users=[agent])
    assert told(other) == []
    assert following.mark_read(other) == 0
    assert following.unread(agent) == 1
    with pytest.raises(PermissionDenied):
        following.notifications(UserFactory(roles=["warehouse"]))
    with pytest.raises(PermissionDenied):
        following.follow(UserFactory(roles=["warehouse"]), case=case)


def test_naming_somebody_many_times_at_once_leaves_one_notification(agent: User, case: Case) -> None:
    robin = UserFactory(roles=["billing"])
    failed: list[Exception] = []

    def name() -> None:
        try:
            following.mention(agent, case=case, users=[robin])
        except Exception as error:
            failed.append(error)
        connection.close()

    threads = [threading.Thread(target=name) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert told(robin) == ["mentioned"]
