"""What a merge of two records must not open, mix or lose (R-OPS-1, R-CASE-3, R-SEC-4)."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents import context, search
from cases import cases
from cases.models import Calendar, SlaPolicy
from config.security import audit
from portal import (
    access_trail,
    contact_holds,
    emergency,
    invitations,
    levels,
    patient_merges,
    people,
    registration,
)
from portal.access import System
from portal.models import AccountMail, Invitation, OneTimeSecret, Patient, User
from portal.registration import Proofs
from tests import factories
from tests.factories import (
    CaseFactory,
    ContactChangeFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
SAME: dict[str, Any] = {"first_name": "Ana", "last_name": "Lopez", "birth_date": date(1950, 6, 1)}


@pytest.fixture
def clerk() -> User:
    return UserFactory(roles=["intake"])


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


def twins(**of_the_folded: Any) -> tuple[Patient, Patient]:
    return PatientFactory(**SAME), PatientFactory(**(SAME | of_the_folded))


# --- who was sure of one record is not yet sure of the other ---------------------------------------------
def test_what_was_proved_of_the_folded_record_opens_nothing_of_the_kept_one(clerk: User, agent: User) -> None:
    keep, fold = twins()
    case = CaseFactory(patient=fold)
    factories.verified(agent, case)
    emergency.break_glass(agent, patient=fold, purpose=f"case:{case.pk}", reason="Somebody needs oxygen now")
    patient_merges.merge(clerk, keep=keep, fold=fold)
    standing = levels.standing(agent, keep, purpose=f"case:{case.pk}")
    assert (standing.level, standing.emergency) == (0, None)


def test_what_was_typed_into_a_chat_of_either_record_identifies_nobody_of_both(
    clerk: User, agent: User, django_capture_on_commit_callbacks: Any
) -> None:
    keep, fold = twins()
    chats = []
    for whose in (keep, fold):
        case = CaseFactory(patient=whose)
        chats.append(
            ConversationFactory(
                case=case, patient=whose, channel="chat", customer=None, identity_level=1, state="open"
            )
        )
    assert levels.standing(agent, fold, purpose=f"case:{chats[1].case_id}").level == 1
    with django_capture_on_commit_callbacks(execute=True):
        patient_merges.merge(clerk, keep=keep, fold=fold)
    for chat in chats:
        assert levels.standing(agent, keep, purpose=f"case:{chat.case_id}").level == 0


def test_the_clocks_of_both_go_by_the_tier_that_is_left(
    clerk: User, django_capture_on_commit_callbacks: Any
) -> None:
    always = Calendar.objects.create(code="always", name="Always", always_open=True)
    for tier, hours in (("", 24), ("priority", 2)):
        policy = SlaPolicy.objects.create(name=f"Of {tier}", customer_tier=tier)
        policy.targets.create(kind="resolution", within=timedelta(hours=hours), calendar=always)
    keep, fold = PatientFactory(**SAME), PatientFactory(**SAME, tier="priority")
    with django_capture_on_commit_callbacks(execute=True):
        case = cases.open_case(System("portal"), channel="portal", patient=keep)
        record = patient_merges.merge(clerk, keep=keep, fold=fold)
    assert case.clocks.get(kind="resolution").within == timedelta(hours=2)
    with django_capture_on_commit_callbacks(execute=True):
        patient_merges.undo(clerk, record=record)
    assert case.clocks.get(kind="resolution").within == timedelta(hours=24)


def test_ways_in_that_were_sent_for_the_folded_record_are_void(clerk: User) -> None:
    keep, fold = twins()
    soon = timezone.now() + timedelta(hours=1)
    secret = OneTimeSecret.objects.create(purpose="registration", patient=fold, expires_at=soon)
    invitation = Invitation.objects.create(
        kind="patient", patient=fold, email=fold.email, token_digest="d" * 64, expires_at=soon
    )
    patient_merges.merge(clerk, keep=keep, fold=fold)
    for way_in in (secret, invitation):
        way_in.refresh_from_db()
        assert way_in.expires_at <= timezone.now()


def test_a_change_of_contact_has_to_be_decided_before(clerk: User) -> None:
    keep, fold = twins()
    ContactChangeFactory(patient=fold, field="phone", state="proposed")
    with pytest.raises(ValidationError, match="change of contact"):
        patient_merges.merge(clerk, keep=keep, fold=fold)


def test_a_contact_that_was_changed_lately_fills_nothing(clerk: User) -> None:
    keep, fold = twins(email="new@example.org")
    Patient.objects.filter(pk=keep.pk).update(email="")
    Patient.objects.filter(pk=fold.pk).update(email_since=timezone.now())
    change = ContactChangeFactory(
        patient=fold, field="email", state="accepted", delivers_from=timezone.now() + timedelta(hours=24)
    )
    patient_merges.merge(clerk, keep=keep, fold=fold)
    keep.refresh_from_db()
    change.refresh_from_db()
    assert (keep.email, change.patient_id) == ("", fold.pk)


def _long_known(**particulars: Any) -> Patient:
    return PatientFactory(**(SAME | {"created_at": timezone.now() - timedelta(days=400)} | particulars))


def test_a_newer_records_contacts_are_held_and_told_as_changes(clerk: User) -> None:
    """R-CASE-3: who gave a true name and birth date with a mail address of their own gets nothing by a merge."""
    known = _long_known(email="ana@example.org", phone="+15125550111")
    given = PatientFactory(**SAME, email="else@example.net", phone="(512) 555-0111")
    patient_merges.merge(clerk, keep=given, fold=known)
    given.refresh_from_db()
    assert contact_holds.usable_for_delivery(given, "email") == "ana@example.org"
    assert contact_holds.usable_for_proof(given, "email") == ""
    told = AccountMail.objects.filter(kind="contact_changed", via="email")
    assert {letter.to for letter in told} == {"ana@example.org", "else@example.net"}
    registration.begin(proofs=Proofs(known.account_number, "Lopez", SAME["birth_date"]), address="192.0.2.1")
    assert not OneTimeSecret.objects.filter(purpose="registration", patient=given).exists()
    with pytest.raises(ValueError, match="on file"):
        invitations.invite_patient(clerk, patient=given)
    assert given.phone_since is None, "the same number, spelt otherwise"


def test_an_undone_merge_leaves_the_contacts_as_they_stood(clerk: User) -> None:
    known, given = _long_known(email="ana@example.org"), PatientFactory(**SAME, email="else@example.net")
    record = patient_merges.merge(clerk, keep=given, fold=known)
    patient_merges.undo(clerk, record=record)
    given.refresh_from_db()
    known.refresh_from_db()
    assert (given.email_since, contact_holds.in_hold(given, "email")) == (None, None)
    assert contact_holds.usable_for_proof(known, "email") == "ana@example.org"


@pytest.mark.parametrize("keeps_known", [True, False])
def test_an_account_at_a_new_address_is_not_given_the_older_record(clerk: User, keeps_known: bool) -> None:
    """R-CASE-3: knowledge alone never gives a session, by way of a second record neither."""
    known = _long_known(email="ana@example.org")
    given = factories.patient_with_user(**SAME, email="else@example.net")
    keep, fold = (known, given) if keeps_known else (given, known)
    with pytest.raises(ValidationError, match="too new"):
        patient_merges.merge(clerk, keep=keep, fold=fold)
    Patient.objects.filter(pk=given.pk).update(created_at=timezone.now() - timedelta(days=31))
    patient_merges.merge(clerk, keep=keep, fold=fold)


def test_an_account_at_the_address_of_both_goes_along(clerk: User) -> None:
    known = _long_known(email="ana@example.org")
    again = factories.patient_with_user(**SAME, email="Ana@example.org")
    patient_merges.merge(clerk, keep=known, fold=again)
    known.refresh_from_db()
    assert known.user == again.user


# --- particulars ------------------------------------------------------------------------------------------
def test_two_addresses_are_not_mixed(clerk: User) -> None:
    keep, fold = twins(address_line1="1 Elm St", address_line2="Apt 4", city="Ames", postal_code="50010")
    Patient.objects.filter(pk=keep.pk).update(
        address_line1="9 Oak Ave", address_line2="", city="Reno", postal_code="89501"
    )
    patient_merges.merge(clerk, keep=keep, fold=fold)
    keep.refresh_from_db()
    assert (keep.address_line1, keep.address_line2, keep.city) == ("9 Oak Ave", "", "Reno")


def test_a_death_and_what_equipment_hangs_on_go_along_and_back(clerk: User) -> None:
    keep, fold = twins(deceased_on=date(2026, 1, 2), tier="life_sustaining", tty=True)
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    keep.refresh_from_db()
    assert (keep.deceased_on, keep.tier, keep.tty) == (date(2026, 1, 2), "life_sustaining", True)
    patient_merges.undo(clerk, record=record)
    keep.refresh_from_db()
    assert (keep.deceased_on, keep.tier, keep.tty) == (None, "standard", False)


# --- the folded record is not met any more ----------------------------------------------------------------
def test_a_folded_record_is_found_nowhere_but_by_its_number_as_the_kept_one(clerk: User, agent: User) -> None:
    keep, fold = twins(email="ana@example.org", phone="+15125550111", account_number="A-20042-7")
    patient_merges.merge(clerk, keep=keep, fold=fold)
    for words in ("Ana Lopez", "Lopes 1950-06-01", fold.account_number):
        assert [one.ref for one in search.find(agent, words).people] == [keep.ref], words
    assert search.find(agent, "ana@example.org").people == []
    assert people.match_sender(email="ana@example.org") is None
    assert people.match_sender(phone="+15125550111") is None


def test_who_registers_by_the_folded_number_gets_the_kept_record(clerk: User) -> None:
    keep, fold = twins()
    patient_merges.merge(clerk, keep=keep, fold=fold)
    told = Proofs(fold.account_number, "Lopez", SAME["birth_date"])
    secret = registration.begin(proofs=told, address="10.0.0.9")
    assert secret.patient == keep


def test_who_saw_tells_of_both_and_apart_again_after_the_undo(clerk: User, agent: User) -> None:
    keep, fold = twins()
    with audit.acting(agent):
        audit.read([fold], "portal.orders")
    saw = lambda: agent.display_name in {row.who for row in access_trail.who_saw(keep)}  # noqa: E731
    assert not saw()
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    assert saw()
    assert any(entry.actor == agent for entry in context._log(agent, keep, CaseFactory(patient=keep)))
    patient_merges.undo(clerk, record=record)
    assert not saw()


# --- undone -----------------------------------------------------------------------------------------------
def test_what_came_since_of_a_case_goes_back_with_it(clerk: User) -> None:
    keep, fold = twins()
    case = CaseFactory(patient=fold)
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    since = ConversationFactory(patient=keep, case=case)
    patient_merges.undo(clerk, record=record)
    since.refresh_from_db()
    assert since.patient_id == fold.pk, "a case and its threads are one patient's"


def test_it_is_not_undone_across_cases_that_became_one_since(clerk: User) -> None:
    keep, fold = twins()
    case, other = CaseFactory(patient=fold), CaseFactory(patient=keep)
    thread = ConversationFactory(patient=fold, case=case)
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    type(thread).objects.filter(pk=thread.pk).update(case=other)
    with pytest.raises(ValidationError, match="since"):
        patient_merges.undo(clerk, record=record)
    case.refresh_from_db()
    assert case.patient_id == keep.pk


def test_the_last_of_a_row_of_merges_is_undone_first(clerk: User) -> None:
    first, second = twins()
    third = PatientFactory(**SAME)
    order = OrderFactory(patient=first)
    early = patient_merges.merge(clerk, keep=second, fold=first)
    late = patient_merges.merge(clerk, keep=third, fold=second)
    assert Patient.objects.get(pk=first.pk).in_force == third
    with pytest.raises(ValidationError, match="merged further"):
        patient_merges.undo(clerk, record=early)
    patient_merges.undo(clerk, record=late)
    patient_merges.undo(clerk, record=early)
    order.refresh_from_db()
    assert order.patient_id == first.pk


def test_rows_that_went_or_moved_on_since_do_not_hold_it_up(clerk: User) -> None:
    keep, fold = twins()
    gone, elsewhere = OrderFactory(patient=fold), OrderFactory(patient=fold)
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    another = PatientFactory()
    type(elsewhere).objects.filter(pk=elsewhere.pk).update(patient=another)
    gone.delete()
    patient_merges.undo(clerk, record=record)
    elsewhere.refresh_from_db()
    assert elsewhere.patient_id == another.pk
