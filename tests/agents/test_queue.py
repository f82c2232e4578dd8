"""The queue: what stands in each view, in what order, and how little of whom it shows."""

from datetime import timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import queue, rows
from cases.models import Callback, Case, Conversation, Notification
from portal.models import AccessEntry, User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    message_in,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


def numbers(actor: User, code: str) -> list[str]:
    return [row.number for row in queue.page(actor, queue.VIEWS[code]).rows]


def counted(actor: User) -> dict[str, int]:
    return queue.counts(actor, queue.VIEWS.values())


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
    assert {code: count for code, count in counted(agent).items() if count} == counts


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


def test_the_trail_says_a_message_was_read_of_the_rows_that_showed_it_alone(agent: User) -> None:
    """R-SEC-2: who was masked was not read."""
    own = with_message(CaseFactory(owner=agent), "Hello")
    masked = with_message(CaseFactory(owner=UserFactory(roles=["agent"])), "Hello")
    silent = CaseFactory(owner=agent)
    before = AccessEntry.objects.count()
    queue._record(list(rows.shown(Case.objects.order_by("pk"), agent)), "queue: any")
    quoted, bare = AccessEntry.objects.order_by("id")[before:]
    assert (quoted.fields, quoted.subjects) == (["initials", "last message"], [own.patient_id])
    assert (bare.fields, bare.subjects) == (["initials"], sorted([masked.patient_id, silent.patient_id]))


def test_an_empty_list_and_counts_open_no_record(agent: User) -> None:
    CaseFactory()
    before = AccessEntry.objects.count()
    queue.page(agent, queue.VIEWS["mine"])
    counted(agent)
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
    assert counted(agent)["unassigned"] == 2


def test_one_row_and_thirty_take_the_same_queries(agent: User) -> None:
    def taken() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            queue.page(agent, queue.VIEWS["open"])
            counted(agent)
        return len(queries)

    with_message(CaseFactory(owner=agent), "Hello")
    queue.page(agent, queue.VIEWS["open"])
    one = taken()
    for _ in range(29):
        with_message(CaseFactory(owner=agent), "Hello")
    assert taken() == one


SHORT = {"chats", "callbacks", "equipment_down", "mentions"}  # sorted: what stands in them is of one day


def no_other_way() -> None:
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")


@pytest.mark.parametrize("code", list(queue.VIEWS))
def test_every_view_is_read_off_an_index(agent: User, code: str) -> None:
    """No view has to sort or scan all cases, on any page."""
    view = queue.VIEWS[code]
    case = CaseFactory(state="closed", closed_at=timezone.now(), disposition="answered")
    case.clock = timezone.now()
    no_other_way()
    for after in ("", queue._place(case)):
        plan = queue._from(queue._ordered(agent, view), view, after)[:31].explain()
        assert "Sort" not in plan or code in SHORT, plan
        assert "Seq Scan on cases_case" not in plan, plan


@pytest.mark.parametrize("code", [code for code, view in queue.VIEWS.items() if view.by_breach])
def test_every_order_by_breach_is_read_off_an_index(agent: User, code: str) -> None:
    view, case = queue.VIEWS[code], CaseFactory(next_due_at=timezone.now())
    no_other_way()
    cases = view.narrow(Case.objects.visible_to(agent), agent)
    place, endless = queue._place(case, queue.DUE), f"{queue.ENDLESS}.7"
    for found in (
        queue._with_clock(cases, "", ""),
        queue._with_clock(cases, place, place),
        queue._without_clock(cases, endless, endless),
    ):
        plan = found[:31].explain()
        assert "Sort" not in plan, plan
        assert "Seq Scan on cases_case" not in plan, plan


# --- clocks ------------------------------------------------------------------------------------------
def test_views_by_the_clock(agent: User) -> None:
    now = timezone.now()
    late = CaseFactory(next_due_at=now - timedelta(minutes=1))
    soon = CaseFactory(next_due_at=now + timedelta(minutes=9))
    CaseFactory(next_due_at=now + timedelta(minutes=11))
    CaseFactory(next_due_at=now, state="closed", closed_at=now, disposition="answered")
    assert numbers(agent, "breached") == [late.number]
    assert numbers(agent, "due") == [soon.number]


def test_the_next_breach_stands_first_and_cases_without_a_clock_last(agent: User) -> None:
    now = timezone.now()
    endless = CaseFactory(owner=agent)
    later = CaseFactory(owner=agent, next_due_at=now + timedelta(hours=5))
    first = CaseFactory(owner=agent, next_due_at=now + timedelta(hours=1))
    found = queue.page(agent, queue.VIEWS["mine"], sort=queue.DUE)
    assert [row.number for row in found.rows] == [first.number, later.number, endless.number]


@pytest.mark.parametrize("sort", [queue.DUE, queue.CONTACT])
def test_pages_of_either_order_partition_the_list(agent: User, sort: str) -> None:
    """What lies between two places is asked for again without gap or double."""
    now = timezone.now().replace(microsecond=0)
    for index in range(11):
        due = now + timedelta(hours=index // 3) if index < 7 else None
        CaseFactory(owner=agent, next_due_at=due, last_contact_at=now - timedelta(hours=index // 2))
    view, seen, places = queue.VIEWS["mine"], [], [""]
    while places[-1] or len(places) == 1:
        found = queue.page(agent, view, after=places[-1], sort=sort, size=3)
        seen.append([row.number for row in found.rows])
        places.append(found.next)
    assert [len(page) for page in seen] == [3, 3, 3, 2]
    assert len({number for page in seen for number in page}) == 11
    for page, (after, until) in zip(seen, pairwise(places), strict=True):
        again = queue.page(agent, view, after=after, until=until, sort=sort)
        assert [row.number for row in again.rows] == page


@time_machine.travel("2026-11-23 15:00:00+00:00", tick=False)  # a Monday, 9 in Austin
@pytest.mark.parametrize(
    ("minutes", "tone", "said"),
    [(-30, "bad", "30 min late"), (9, "bad", "9 min"), (45, "warn", "45 min"), (180, "good", "3 h")],
)
def test_a_chip_tells_the_business_time_that_is_left(agent: User, minutes: int, tone: str, said: str) -> None:
    """R-SLA-1: green, amber, red; on the hover by the wall."""
    CaseFactory(owner=agent, next_due_at=timezone.now() + timedelta(minutes=minutes))
    [row] = queue.page(agent, queue.VIEWS["mine"]).rows
    assert (row.due.tone, row.due.said, row.due.runs) == (tone, said, True)
    assert row.due.wall.startswith("By ")


@time_machine.travel("2026-11-23 23:50:00+00:00", tick=False)  # ten to six in Austin, on a Monday
def test_time_left_does_not_count_the_night(agent: User) -> None:
    CaseFactory(owner=agent, next_due_at=timezone.now() + timedelta(hours=15))
    [row] = queue.page(agent, queue.VIEWS["mine"]).rows
    assert row.due.left == 10 + 50


def test_the_other_views_hold_their_own(agent: User) -> None:
    now = timezone.now()
    down = CaseFactory(reason=ReasonFactory(lane="equipment_down"))
    prescriber = CaseFactory(state="waiting", waiting_on="prescriber")
    customer = CaseFactory(state="waiting", waiting_on="customer")
    snoozed = CaseFactory(owner=agent, snoozed_until=now + timedelta(hours=2))
    escalated = CaseFactory(tier=2)
    called = CaseFactory()
    Callback.objects.create(
        case=called, phone="+15125550143", starts_at=now, ends_at=now + timedelta(minutes=30)
    )
    named = CaseFactory()
    Notification.objects.create(user=agent, case=named, kind="mentioned")
    Notification.objects.create(user=UserFactory(), case=called, kind="mentioned")
    views = {
        "equipment_down": down,
        "prescriber": prescriber,
        "waiting": customer,
        "snoozed": snoozed,
        "escalated": escalated,
        "callbacks": called,
        "mentions": named,
    }
    assert {code: numbers(agent, code) for code in views} == {
        code: [case.number] for code, case in views.items()
    }
    assert numbers(agent, "mine") == []


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
        lambda: queue.counts(outsider, queue.VIEWS.values()),
        lambda: queue.my_chats(outsider),
    ):
        with pytest.raises(PermissionDenied):
            asked()
