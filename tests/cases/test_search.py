"""Finding cases: words as digests, quoted words, operators, places, and what each costs."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases import search
from cases.models import Case, Message, Tag
from portal.models import User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    message_in,
)

pytestmark = pytest.mark.django_db

SUPPLIER = ZoneInfo("America/Chicago")


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


def case_saying(*bodies: str, **kwargs: Any) -> Case:
    case = CaseFactory(**({"subject": ""} | kwargs))
    thread = ConversationFactory(case=case, patient=case.patient)
    for body in bodies:
        message_in(thread, body, role="customer")
    return case


def found(actor: User, typed: str) -> set[str]:
    return {case.number for case in search.page(actor, search.parse(actor, typed)).cases}


def test_words_are_found_in_messages_subjects_and_names(agent: User) -> None:
    """R-CASE-1: full-text search, over text that is encrypted."""
    said = case_saying("My mask leaks at night", "Still leaking")
    about = case_saying("Hello", subject="Mask leaks again")
    whose = case_saying("Hi", patient=PatientFactory(first_name="Mask", last_name="Leaks"))
    case_saying("My mask fits", "it leaks no more, but in another message")
    assert found(agent, "mask leaks") == {said.number, about.number, whose.number}
    assert found(agent, "LEAKS máský") == set()
    assert found(agent, "leaking") == {said.number}


def test_quoted_words_stand_in_their_order(agent: User) -> None:
    right = case_saying("The return label came torn.")
    case_saying("Label the return, please")
    assert found(agent, '"return label"') == {right.number}
    assert found(agent, '"return label" torn') == {right.number}
    assert found(agent, '"label return"') == set()


def test_numbers_of_ours_find_their_case(agent: User) -> None:
    order = OrderFactory(number="DME-10001-4")
    case = CaseFactory(number="C-10007-1", patient=order.patient, order=order)
    assert found(agent, "c-10007-1") == found(agent, "dme-10001-4") == {case.number}


@pytest.fixture
def some(agent: User) -> dict[str, Case]:
    order = OrderFactory(number="DME-10002-2")
    old = timezone.now() - timedelta(days=40)
    cases = {
        "mine": CaseFactory(owner=agent, state="open"),
        "from": CaseFactory(
            patient=PatientFactory(first_name="Ana", last_name="Diaz", email="ana@example.org")
        ),
        "reason": CaseFactory(reason=ReasonFactory(code="refund", label="Refund status", family="billing")),
        "tagged": CaseFactory(),
        "order": CaseFactory(order=order, patient=order.patient),
        "sms": CaseFactory(channel="sms"),
        "old": CaseFactory(last_contact_at=old),
        "closed": CaseFactory(state="closed", closed_at=timezone.now(), disposition="answered"),
        "unread": CaseFactory(unread=2),
        "escalated": CaseFactory(tier=3),
    }
    cases["tagged"].tags.add(Tag.objects.create(name="vip"))
    return cases


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("is:mine", "mine"),
        ("owner:me", "mine"),
        ("owner:dana", "mine"),
        ('owner:"Dana Ruiz"', "mine"),
        ("from:diaz", "from"),
        ('from:"ana diaz"', "from"),
        ("from:ana@example.org", "from"),
        ("reason:refund", "reason"),
        ('reason:"refund status"', "reason"),
        ("reason:billing", "reason"),
        ("tag:vip", "tagged"),
        ("order:dme-10002-2", "order"),
        ("channel:sms", "sms"),
        ("before:30d", "old"),
        ("before:4w", "old"),
        ("before:1M", "old"),
        ("is:closed", "closed"),
        ("IS:unread", "unread"),
        ("is:escalated", "escalated"),
        ("is:open is:escalated owner:none", "escalated"),
    ],
)
def test_operators_narrow(agent: User, some: dict[str, Case], typed: str, name: str) -> None:
    assert found(agent, typed) == {some[name].number}


def test_operators_and_words_go_together(agent: User) -> None:
    diaz = PatientFactory(first_name="Ana", last_name="Diaz")
    right = case_saying("The refund is late", patient=diaz)
    case_saying("The refund is late")
    case_saying("The mask is late", patient=diaz)
    assert found(agent, "from:diaz refund") == {right.number}
    assert found(agent, "refund after:yesterday from:diaz") == {right.number}
    assert found(agent, "refund before:yesterday from:diaz") == set()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("color:red", "There is no color: to search by. There are from:, is:, reason:, before:"),
        ("is:green", "is: can be breached, closed, escalated"),
        ("before:soon", "before: wants a date like 2026-03-31"),
        ("before:5h", "today, yesterday, or how long ago: 30d, 6w, 3m or 2y"),
        ("before:99999d", "before: wants a date"),
        ("after:9999y", "after: wants a date"),
        ("after:2026-02-30", "after: wants a date"),
        ("order:x", "order: wants an order number"),
        ("from:!!", "from: wants a name"),
        ("channel:fax", "channel: can be chat, email, phone"),
    ],
)
def test_a_wrong_search_says_what_there_is(agent: User, typed: str, words: str) -> None:
    with pytest.raises(search.WrongSearch, match=words):
        search.parse(agent, typed)


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("3650d", date(2014, 4, 2)),
        ("0d", date(2024, 3, 30)),
        ("2w", date(2024, 3, 16)),
        ("1m", date(2024, 2, 29)),
        ("25m", date(2022, 2, 28)),
        ("10y", date(2014, 3, 30)),
        ("today", date(2024, 3, 30)),
        ("yesterday", date(2024, 3, 29)),
    ],
)
def test_how_long_ago_is_said_in_days_weeks_months_or_years(agent: User, typed: str, day: date) -> None:
    """By the supplier's day, also in an evening that is tomorrow by UTC."""
    with time_machine.travel(datetime(2024, 3, 31, 2, tzinfo=UTC), tick=False):
        [told] = search.parse(agent, f"before:{typed}").narrow
    assert told.children == [("last_contact_at__lt", datetime.combine(day, time(), SUPPLIER))]


@pytest.mark.parametrize("typed", ['"??"', '"…"', '"-" "!"', 'is:open "…"', '"refund" "??"', "!!!", "-"])
def test_quotes_without_a_word_are_said_by_nobody(agent: User, typed: str) -> None:
    """What holds no letter and no number stands in no text that is searched; it does not mean everything."""
    case_saying("Where is my refund??")
    assert found(agent, typed) == set()


@pytest.mark.parametrize("typed", ["", "   ", '""', ":", "is:", "%", "' or 1=1 --", "\x00x"])
def test_odd_words_find_nothing(agent: User, typed: str) -> None:
    case_saying("Hello")
    assert found(agent, typed) == set()


@pytest.mark.parametrize(("recent", "rare"), [(500, 5000), (2, 5000), (2, 0), (1, 1)])
def test_pages_join_without_gap_or_double(
    agent: User, recent: int, rare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where cases share one moment, and where the words stand in several places."""
    monkeypatch.setattr(search, "RECENT", recent)
    monkeypatch.setattr(search, "MOST_RARE", rare)
    same = timezone.now().replace(microsecond=0)
    made = set()
    for index in range(7):
        at = same - timedelta(hours=index // 3)
        case = case_saying("refund", subject="refund" if index % 2 else "", last_contact_at=at)
        made.add(case.number)
    query, seen, after = search.parse(agent, "refund"), [], ""
    for _page in range(3):
        page = search.page(agent, query, after=after, size=3)
        seen += [case.number for case in page.cases]
        after = page.next
    assert (len(seen), set(seen), after) == (7, made, "")


@pytest.mark.parametrize("after", ["nonsense", "20260101T000000000000.x", "99999999T000000000000.1"])
def test_a_place_nobody_was_given_is_refused(agent: User, after: str) -> None:
    with pytest.raises(search.NoSuchPlace):
        search.page(agent, search.parse(agent, "refund"), after=after)


def test_what_is_typed_never_reaches_the_database_in_plain(agent: User) -> None:
    """R-SEC-1: not the words, not a name, not what somebody takes for a number."""
    for typed in (
        "quintero refund",
        "from:quintero",
        '"quintero refund"',
        "W123quintero9",
        "owner:quintero",
        "tag:quintero",
    ):
        with CaptureQueriesContext(connection) as queries:
            try:
                found(agent, typed)
            except search.WrongSearch:
                continue
        assert not [query for query in queries if "quintero" in query["sql"].lower()], typed


@pytest.mark.parametrize(
    "typed",
    [
        "mask leaks",
        "from:diaz mask",
        "from:diaz",
        "C-10007-1",
        "is:closed",
        "tag:vip",
        "before:30d",
        "is:urgent",
        "channel:sms",
    ],
)
def test_every_search_is_read_off_indexes(agent: User, typed: str) -> None:
    Tag.objects.create(name="vip")
    case_saying("mask")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for plan in plans(agent, typed):
        assert "Seq Scan on cases_case " not in plan, plan
        assert "Seq Scan on cases_message" not in plan, plan
        assert "Seq Scan on portal_patient" not in plan, plan


def plans(agent: User, typed: str) -> list[str]:
    """How the database reads what a search asks of it."""
    with CaptureQueriesContext(connection) as made:
        search.page(agent, search.parse(agent, typed))
    asked = [query["sql"] for query in made if "cases_" in query["sql"] and query["sql"].startswith("SELECT")]
    found = []
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            found.append("\n".join(row[0] for row in cursor.fetchall()))
    return found


KEYS = 'SELECT "cases_conversation"."case_id"'


@pytest.mark.django_db(transaction=True)
def test_a_common_word_is_not_gathered_to_its_last_message(
    agent: User, owner_db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a word stands in nearly every message, its first page reads a page of cases, whatever there is."""
    monkeypatch.setattr(search, "RECENT", 100)
    cases = [case_saying("refund") for _ in range(300)]
    owner_db.execute("ANALYZE cases_case, cases_message, cases_conversation")
    with CaptureQueriesContext(connection) as made:
        assert len(search.page(agent, search.parse(agent, "refund")).cases) == search.PAGE
    assert not [query for query in made if query["sql"].startswith(KEYS)]
    assert len(cases) == Message.objects.count()


@pytest.mark.django_db(transaction=True)
def test_words_that_few_say_cost_no_walk_over_the_latest_cases(
    agent: User, owner_db: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RECENT", 100)
    rare = case_saying("quartz")
    for _ in range(300):
        case_saying("refund")
    owner_db.execute("ANALYZE cases_case, cases_message, cases_conversation")
    with CaptureQueriesContext(connection) as made:
        assert [case.pk for case in search.page(agent, search.parse(agent, "quartz")).cases] == [rare.pk]
    assert not [query for query in made if "EXISTS" in query["sql"]]


def test_a_rare_word_is_looked_up_and_not_walked_to(agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cases came after the one that says it, and whatever the database guesses of it."""
    monkeypatch.setattr(search, "RECENT", 3)
    ago = timezone.now() - timedelta(days=40)
    old, subject = (
        case_saying("quartz", last_contact_at=ago),
        case_saying("x", subject="Quartz", last_contact_at=ago),
    )
    for _ in range(6):
        case_saying("refund")
    assert found(agent, "quartz") == {old.number, subject.number}
    assert found(agent, '"quartz"') == {old.number, subject.number}
    assert found(agent, "quartz before:30d") == {old.number, subject.number}
    assert found(agent, "quartz after:30d") == set()
    monkeypatch.setattr(search, "MOST_RARE", 0)
    assert found(agent, "quartz") == {old.number, subject.number}, "too many to look up one by one"


def test_words_that_many_say_and_nobody_together_are_kept_to_the_index(agent: User) -> None:
    """The table is not read from end to end to learn that no message has both."""
    for word in ("refund", "mask") * 15:
        case_saying(word)

    def read_whole() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_get_xact_numscans('cases_message'::regclass)")
            return int(cursor.fetchone()[0])

    before = read_whole()
    assert search._first_keys(search._message("refund mask"), search.MOST_RARE) == []
    assert read_whole() == before
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",), "nothing else is held to it"


@pytest.mark.parametrize("role", ["warehouse", "technician", "administrator", "patient"])
def test_only_those_who_may_see_cases_search_them(role: str) -> None:
    outsider = UserFactory(roles=[role])
    with pytest.raises(PermissionDenied):
        search.page(outsider, search.parse(outsider, "refund"))
