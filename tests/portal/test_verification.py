"""Who is it we speak with: what counts as proof, what never does, and when nobody may try any more (R-CASE-3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.models import CaseEvent
from portal import levels, verification
from portal.models import (
    AccessEntry,
    AccountMail,
    LevelOpens,
    Patient,
    User,
    UserSession,
    Verification,
    VerificationRules,
)
from portal.models.verification import WHATS
from portal.verification import Locked, NotVerified
from tests import factories
from tests.callers import RIGHT, WRONG, Line

pytestmark = pytest.mark.django_db


@pytest.fixture
def line() -> Line:
    return Line()


# --- two identifiers -----------------------------------------------------------------------------------
def test_two_right_answers_identify_and_no_more(line: Line) -> None:
    outcome = line.says(RIGHT)
    assert (outcome.passed, line.standing.level, line.standing.by) == (True, 1, "identifiers")
    assert {what for what, _ in WHATS if line.standing.opens(what)} == {
        "orders",
        "appointments",
        "asked",
    }


@pytest.mark.parametrize(
    "given_",
    [
        {"account_id": "{account}", "birth_date": "1961-04-12"},
        {"order_number": "{order}", "last4": "4321"},
        {"order_number": " {order_loose} ", "account_id": "{account_loose}"},
        {"birth_date": "04-12-1961", "last4": "4321", "account_id": "{account}"},
    ],
)
def test_any_two_of_the_four_however_they_are_spelt(line: Line, given_: dict[str, str]) -> None:
    order = factories.OrderFactory(patient=line.patient)
    known = {
        "account": line.patient.account_number,
        "account_loose": f"{line.patient.account_number[:3].lower()}-{line.patient.account_number[3:]}",
        "order": order.number,
        "order_loose": order.number.lower().replace("-", " "),
    }
    assert line.says({code: text.format(**known) for code, text in given_.items()}).passed


@pytest.mark.parametrize(
    "given_",
    [
        WRONG,
        {"birth_date": "4/12/1961", "last4": "0000"},
        {"birth_date": "4/12/1961", "account_id": "A9999999"},
        {"birth_date": "4/12/1961", "last4": "4321", "account_id": "A9999999"},
        {"order_number": "SO-1", "last4": "4321"},
    ],
)
def test_one_wrong_answer_is_a_failure(line: Line, given_: dict[str, str]) -> None:
    outcome = line.says(given_)
    assert (outcome.passed, outcome.tries_left, line.standing.level) == (False, 2, 0)


def test_what_is_not_on_file_never_fits() -> None:
    line = Line(factories.PatientFactory(ssn_last4=""))
    assert not line.says({"last4": "0000", "birth_date": "4/12/1961"}).passed
    with pytest.raises(ValidationError):
        line.says({"last4": "", "birth_date": "4/12/1961"})


def test_somebody_elses_order_does_not_identify(line: Line) -> None:
    other = factories.OrderFactory()
    assert not line.says({"order_number": other.number, "birth_date": "4/12/1961"}).passed


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"last4": "4321"},
        {"zip": "78701", "birth_date": "4/12/1961"},
        {"birth_date": "once", "last4": "1"},
    ],
)
def test_too_little_or_unreadable_is_told_and_counts_as_no_try(line: Line, given_: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        line.says(given_)
    assert not Verification.objects.exists()


@settings(max_examples=30, deadline=None)
@given(
    born=st.dates(min_value=date(1900, 1, 1), max_value=date(2026, 1, 1)),
    last4=st.from_regex(r"[0-9]{4}", fullmatch=True),
)
def test_nothing_but_the_stored_answers_fits(born: date, last4: str) -> None:
    patient = Patient(birth_date=date(1961, 4, 12), ssn_last4="4321")
    typed = verification.spelt({"birth_date": f"{born.month}/{born.day}/{born.year}", "last4": last4})
    assert verification.fits(patient, typed) is ((born, last4) == (date(1961, 4, 12), "4321"))


def test_nothing_that_was_said_is_kept(line: Line) -> None:
    line.says(WRONG)
    row = Verification.objects.get()
    kept = str({field.name: getattr(row, field.name) for field in row._meta.concrete_fields})
    assert "1961" not in kept
    assert "4321" not in kept
    entry = AccessEntry.objects.get(kind="verify")
    assert (entry.outcome, entry.what, entry.purpose) == ("failed", "identifiers", line.on["purpose"])
    assert "birth_date" not in entry.fields


# --- for whom and how long ---------------------------------------------------------------------------
def test_a_standing_is_of_one_agent_one_case_and_one_patient(line: Line) -> None:
    line.says(RIGHT)
    other_case = factories.CaseFactory(patient=line.patient)
    others = factories.PatientFactory()
    assert line.colleague().standing.level == 0
    for patient, purpose in [
        (line.patient, f"case:{other_case.pk}"),
        (others, line.on["purpose"]),
        (line.patient, ""),
        (line.patient, "case:0"),
        (line.patient, "case:x"),
    ]:
        assert verification.standing(line.agent, patient, purpose=purpose).level == 0


def test_nobody_is_verified_as_somebody_the_case_is_not_about(line: Line) -> None:
    other = factories.PatientFactory()
    with pytest.raises(PermissionDenied):
        verification.attempt(line.agent, patient=other, purpose=line.on["purpose"], given=RIGHT)
    for role in ("qa", "auditor", "warehouse"):
        with pytest.raises(PermissionDenied):
            verification.attempt(factories.UserFactory(roles=[role]), given=RIGHT, **line.on)


def test_a_standing_ends_by_itself(line: Line) -> None:
    line.says(RIGHT)
    with time_machine.travel(timezone.now() + timedelta(minutes=31)):
        assert line.standing.level == 0


def test_what_a_level_opens_is_a_table_that_a_playbook_narrows(line: Line) -> None:
    LevelOpens.objects.create(what="orders", level=1)
    LevelOpens.objects.create(what="clinical", level=2)
    LevelOpens.objects.create(what="asked", level=1, playbook="appeal")
    assert verification.opens(1, "orders")
    assert not verification.opens(1, "orders", "appeal")
    assert verification.opens(1, "asked", "appeal")
    assert not verification.opens(1, "clinical", "appeal")
    assert verification.opens(2, "clinical", "appeal")
    assert not verification.opens(2, "insurance")
    assert not verification.opens(0, "orders")


@pytest.mark.parametrize("what", ["clinical", "insurance", "documents", "contact_change", "payment_change"])
def test_no_table_lets_knowledge_open_what_takes_a_proof(what: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        LevelOpens.objects.create(what=what, level=1)


def test_no_row_gives_knowledge_more_than_level_one(line: Line) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        factories.verified(line.agent, line.case, 2, how="identifiers")


def test_defaults_are_put_in_once() -> None:
    from portal.defaults import INSTALL

    assert INSTALL["verification"]() == len(levels.BEGIN_WITH) + 1
    LevelOpens.objects.filter(what="orders").delete()
    assert INSTALL["verification"]() == 0


def test_require_opened_says_no_on_the_trail(line: Line) -> None:
    line.says(RIGHT)
    verification.require_opened(line.agent, line.patient, purpose=line.on["purpose"], what="orders")
    with pytest.raises(NotVerified):
        verification.require_opened(line.agent, line.patient, purpose=line.on["purpose"], what="insurance")
    denied = AccessEntry.objects.get(kind="denied")
    assert (denied.what, denied.subjects) == ("not verified: insurance", [line.patient.pk])


# --- the lock ------------------------------------------------------------------------------------------
def test_three_failures_lock_the_patient_on_every_channel_and_tell_them(line: Line) -> None:
    for _ in range(3):
        outcome = line.says(WRONG)
    assert (outcome.tries_left, outcome.standing.locked_until is not None) == (0, True)
    elsewhere = line.colleague()
    for attempt in (
        lambda: line.says(RIGHT),
        lambda: elsewhere.says(RIGHT),
        lambda: Line(line.patient).says(RIGHT),
        lambda: verification.check_portal_code(line.agent, code="000000", **line.on),
        lambda: verification.send_code(line.agent, via="sms", **line.on),
    ):
        with pytest.raises(Locked):
            attempt()
    letters = AccountMail.objects.filter(kind="verification_locked")
    assert {(letter.via, letter.to) for letter in letters} == {
        ("email", line.patient.email),
        ("sms", line.patient.phone),
    }


def test_failures_of_several_agents_and_ways_add_up(line: Line) -> None:
    line.says(WRONG)
    verification.check_portal_code(line.agent, code="000000", **line.on)
    Line(line.patient).says(WRONG)
    with pytest.raises(Locked):
        line.says(RIGHT)


def test_a_success_between_wins_no_further_tries(line: Line) -> None:
    for _ in range(2):
        line.says(WRONG)
        assert line.says(RIGHT).passed
    line.says(WRONG)
    assert line.standing.level == 0, "what had been proved ends with the lock"


def test_a_lock_ends_by_itself_and_the_count_begins_anew(line: Line) -> None:
    for _ in range(3):
        line.says(WRONG)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert line.says(WRONG).tries_left == 2
        assert line.says(RIGHT).passed


def test_a_supervisor_changes_the_figures_and_lifts_a_lock(line: Line) -> None:
    VerificationRules.objects.create(pk=1, tries=1, lock_minutes=600)
    line.says(WRONG)
    [lock] = line.patient.verification_locks.all()
    with pytest.raises(PermissionDenied):
        verification.lift(line.agent, lock=lock)
    verification.lift(factories.UserFactory(roles=["supervisor"]), lock=lock)
    assert line.says(RIGHT).passed


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_get_past_the_lock_no_more_than_one_after_another(line: Line) -> None:
    def guess(_: int) -> str:
        try:
            return str(line.says(WRONG).passed)
        except Locked:
            return "locked"
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(8)))
    assert sorted(answers) == ["False"] * 3 + ["locked"] * 5


# --- what the case tells -------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_each_try_stands_on_the_case(line: Line) -> None:
    line.says(WRONG)
    line.says(RIGHT)
    told = [event.detail for event in CaseEvent.objects.filter(case=line.case, kind="verification")]
    assert told == [
        {"passed": False, "level": 0, "how": "identifiers"},
        {"passed": True, "level": 1, "how": "identifiers"},
    ]


def test_no_way_of_verification_signs_anybody_in(line: Line) -> None:
    """A9: knowledge never gives a session."""
    users, sessions = User.objects.count(), UserSession.objects.count()
    line.says(RIGHT)
    shown = verification.issue_portal_code(line.patient.user, patient=line.patient)
    verification.check_portal_code(line.agent, code=shown.code, **line.on)
    assert (User.objects.count(), UserSession.objects.count()) == (users, sessions)
