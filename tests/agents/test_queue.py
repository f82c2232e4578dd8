"""The queue: what stands in each view, in what order, and how little of whom it shows."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import queue
from cases.models import Case, Conversation
from portal.models import AccessEntry, User
from tests.factories import CaseFactory, ConversationFactory, PatientFactory, UserFactory, message_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


def numbers(actor: User, code: str) -> list[str]:
    return [row.number for row in queue.page(actor, queue.VIEWS[code]).rows]


def with_message(case: Case, body: str, **kwargs: object) -> Case:
    conversation = ConversationFactory(case=case, patient=case.patient)
    case.last_message = message_in(conversation, body, **kwargs)
    case.save()
    return case


def test_each_view_holds_its_own_cases(agent: User) -> None:
    other = UserFactory(roles=["agent"])
    mine = CaseFactory(owner=agent, state="open")
    theirs = CaseFactory(owner=other, state="open", unread=2)
    nobodys = CaseFactory()
    waiting = CaseFactory(owner=agent, state="waiting")
    done = {"state": "closed", "disposition": "answered"}
    closed = CaseFactory(owner=agent, closed_at=timezone.now(), **done)
    CaseFactory(owner=agent, closed_at=timezone.now() - timedelta(days=8), **done)
    chat = CaseFactory(owner=other, state="open", channel="chat")
    ConversationFactory(case=chat, channel="chat", state="queued", queued_at=timezone.now())

    assert set(numbers(agent, "mine")) == {mine.number, waiting.number}
    assert numbers(agent, "unassigned") == [nobodys.number]
    assert numbers(agent, "unread") == [theirs.number]
    assert numbers(agent, "waiting") == [waiting.number]
    assert numbers(agent, "chats") == [chat.number]
    assert numbers(agent, "closed") == [closed.number]
    everything = {case.number for case in (mine, theirs, nobodys, waiting, chat)}
    assert set(numbers(agent, "open")) == everything
    counts = {"mine": 2, "chats": 1, "unassigned": 1, "unread": 1, "waiting": 1, "open": 5, "closed": 1}
    assert queue.counts(agent) == counts


@pytest.mark.parametrize("code", ["mine", "unassigned", "chats", "closed"])
def test_pages_join_without_gap_or_double(agent: User, code: str) -> None:
    """Also where several cases share one moment."""
    same = timezone.now() - timedelta(hours=1)
    made = set()
    for index in range(7):
        at = same + timedelta(minutes=index // 3)
        state = {"state": "closed", "closed_at": at, "disposition": "answered"} if code == "closed" else {}
        case = CaseFactory(owner=agent if code == "mine" else None, last_contact_at=at, **state)
        if code == "chats":
            ConversationFactory(case=case, channel="chat", state="queued", queued_at=at)
        made.add(case.number)
    seen: list[str] = []
    after, pages = "", 0
    while pages < 5:
        page = queue.page(agent, queue.VIEWS[code], after=after, size=3)
        seen += [row.number for row in page.rows]
        after, pages = page.next, pages + 1
        if not after:
            break
    assert pages == 3
    assert len(seen) == 7
    assert set(seen) == made


def test_who_waits_longest_stands_first_where_nobody_has_them(agent: User) -> None:
    now = timezone.now()
    late = CaseFactory(last_contact_at=now)
    early = CaseFactory(last_contact_at=now - timedelta(hours=3))
    assert numbers(agent, "unassigned") == [early.number, late.number]
    assert numbers(agent, "open") == [late.number, early.number]


@pytest.mark.parametrize(
    "after", ["nonsense", "20260101T000000000000.x", ".", "99999999T000000000000.1", "%00.1"]
)
def test_a_place_nobody_was_given_is_refused(agent: User, after: str) -> None:
    with pytest.raises(queue.NoSuchPlace):
        queue.page(agent, queue.VIEWS["open"], after=after)


def test_a_row_shows_initials_and_one_line(agent: User) -> None:
    patient = PatientFactory(first_name="Marisol", last_name="Quintero")
    case = with_message(
        CaseFactory(patient=patient, owner=agent), "Hello,\n\n" + "word " * 80, role="customer"
    )
    [row] = queue.page(agent, queue.VIEWS["mine"]).rows
    assert (row.number, row.initials, row.owner, row.owner_is_me) == (case.number, "MQ", "DR", True)
    assert row.last_line.startswith("Hello, word word")
    assert len(row.last_line) == 140
    assert not row.last_by_us
    assert "Marisol" not in repr(row)


def test_a_guest_has_the_initials_they_gave(agent: User) -> None:
    CaseFactory(patient=None, guest_name="pat q example", channel="chat")
    CaseFactory(patient=None, guest_name="", channel="chat")
    assert {row.initials for row in queue.page(agent, queue.VIEWS["unassigned"]).rows} == {"PQ", "?"}


def test_a_list_is_one_entry_on_the_trail_with_everybody_it_showed(agent: User) -> None:
    """R-SEC-2: reads on lists count too."""
    cases = [with_message(CaseFactory(owner=agent), "Hello") for _ in range(3)]
    before = AccessEntry.objects.count()
    queue.page(agent, queue.VIEWS["mine"])
    [entry] = AccessEntry.objects.order_by("id")[before:]
    assert (entry.kind, entry.what) == ("list", "queue: mine")
    assert entry.subjects == sorted(case.patient_id for case in cases)
    assert set(entry.objects_seen) == {case.pk for case in cases}


def test_an_empty_list_and_counts_open_no_record(agent: User) -> None:
    CaseFactory()
    before = AccessEntry.objects.count()
    queue.page(agent, queue.VIEWS["mine"])
    queue.counts(agent)
    queue.changed_stamp(agent, queue.VIEWS["unassigned"])
    assert AccessEntry.objects.count() == before


def test_a_row_leaves_when_its_case_does(agent: User) -> None:
    case = CaseFactory(owner=agent)
    view = queue.VIEWS["mine"]
    assert queue.one(agent, view, case.number).number == case.number
    Case.objects.filter(pk=case.pk).update(owner=None)
    assert queue.one(agent, view, case.number) is None


def test_the_stamp_changes_with_what_the_list_would_show(agent: User) -> None:
    case = CaseFactory(owner=agent)
    view = queue.VIEWS["mine"]
    first = queue.changed_stamp(agent, view)
    assert first == queue.page(agent, view).stamp == queue.changed_stamp(agent, view)
    Case.objects.filter(pk=case.pk).update(unread=1)
    assert queue.changed_stamp(agent, view) != first


def test_counts_stop_at_most(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MOST", 2)
    CaseFactory.create_batch(3)
    assert queue.counts(agent)["unassigned"] == 2


def test_one_row_and_thirty_take_the_same_queries(agent: User) -> None:
    def taken() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            queue.page(agent, queue.VIEWS["open"])
            queue.counts(agent)
        return len(queries)

    with_message(CaseFactory(owner=agent), "Hello")
    queue.page(agent, queue.VIEWS["open"])
    one = taken()
    for _ in range(29):
        with_message(CaseFactory(owner=agent), "Hello")
    assert taken() == one


@pytest.mark.parametrize("code", list(queue.VIEWS))
def test_every_view_is_read_off_an_index(agent: User, code: str) -> None:
    """No view has to sort or scan all cases, on any page. Only the line of chats is sorted: it is short."""
    view = queue.VIEWS[code]
    case = CaseFactory(state="closed", closed_at=timezone.now(), disposition="answered")
    case.clock = timezone.now()
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    for after in ("", queue._place(case)):
        plan = queue._from(queue._ordered(agent, view), view, after)[:31].explain()
        assert "Sort" not in plan or code == "chats", plan
        assert "Seq Scan" not in plan, plan


def test_my_chats_are_those_i_serve(agent: User) -> None:
    served = CaseFactory(
        owner=agent, channel="chat", unread=3, patient=PatientFactory(first_name="Ana", last_name="Diaz")
    )
    ConversationFactory(case=served, channel="chat", state="open", agent=agent, accepted_at=timezone.now())
    other = CaseFactory(channel="chat")
    ConversationFactory(case=other, channel="chat", state="open", agent=UserFactory(roles=["agent"]))
    Conversation.objects.create(channel="chat", state="queued", case=CaseFactory(channel="chat"))
    [chat] = queue.my_chats(agent)
    assert (chat.number, chat.initials, chat.unread) == (served.number, "AD", 3)


@pytest.mark.parametrize("role", ["warehouse", "technician", "coach", "qa", "auditor", "administrator"])
def test_the_queue_is_for_the_desk_alone(role: str) -> None:
    outsider = UserFactory(roles=[role])
    for asked in (
        lambda: queue.page(outsider, queue.VIEWS["open"]),
        lambda: queue.counts(outsider),
        lambda: queue.my_chats(outsider),
    ):
        with pytest.raises(PermissionDenied):
            asked()
