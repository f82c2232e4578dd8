"""Records of the same person: found, decided on, merged and taken apart again (R-OPS-1)."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connections
from django.utils import timezone

from portal import duplicates, patient_merges
from portal.models import AccessEntry, LookAlike, Patient, PatientMerge, User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    CoverageFactory,
    DocumentFactory,
    OrderFactory,
    PatientFactory,
    UserFactory,
    message_in,
    patient_user,
)

pytestmark = pytest.mark.django_db
BORN = date(1950, 6, 1)


@pytest.fixture
def clerk() -> User:
    return UserFactory(roles=["intake"])


def twins(**more: Any) -> tuple[Patient, Patient]:
    same = {"first_name": "Ana", "last_name": "Lopez-Reyes", "birth_date": BORN}
    return PatientFactory(**same), PatientFactory(**(same | more))


def test_the_sweep_finds_pairs_once(clerk: User) -> None:
    twins()
    PatientFactory(first_name="Ana", last_name="Other", birth_date=BORN)
    assert duplicates.sweep() == 1
    assert duplicates.sweep() == 0
    [pair] = duplicates.to_decide(clerk)
    assert set(pair.because) >= {"born_and_named", "first_name"}
    assert AccessEntry.objects.filter(what="records alike").exists()


def test_a_family_at_one_phone_is_not_one_person() -> None:
    PatientFactory(first_name="Ana", last_name="Lopez", birth_date=BORN, phone="+13125550100")
    PatientFactory(first_name="Luis", last_name="Lopez", birth_date=date(1979, 1, 1), phone="+13125550100")
    assert duplicates.sweep() == 0


def test_two_people_stay_two(clerk: User) -> None:
    twins()
    duplicates.sweep()
    duplicates.are_two(clerk, pair=LookAlike.objects.get())
    assert duplicates.sweep() == 0
    assert duplicates.to_decide(clerk) == []


def full(patient: Patient) -> dict[str, Any]:
    case = CaseFactory(patient=patient)
    conversation = ConversationFactory(patient=patient, case=case)
    message_in(conversation)
    return {
        "order": OrderFactory(patient=patient),
        "document": DocumentFactory(patient=patient),
        "coverage": CoverageFactory(patient=patient),
        "case": case,
        "conversation": conversation,
    }


def test_everything_moves_and_comes_back(clerk: User) -> None:
    keep, fold = twins(phone="+13125550177")
    Patient.objects.filter(pk=keep.pk).update(phone="")
    mine, theirs = full(keep), full(fold)
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    for thing in theirs.values():
        thing.refresh_from_db()
        assert thing.patient_id == keep.pk
    keep.refresh_from_db()
    assert keep.phone == "+13125550177", "what was empty is filled"
    later = OrderFactory(patient=keep)
    patient_merges.undo(clerk, record=record)
    for thing in theirs.values():
        thing.refresh_from_db()
        assert thing.patient_id == fold.pk
    for thing in (*mine.values(), later):
        thing.refresh_from_db()
        assert thing.patient_id == keep.pk
    keep.refresh_from_db()
    fold.refresh_from_db()
    assert (keep.phone, fold.merged_into) == ("", None)


def test_every_model_that_names_a_patient_is_moved() -> None:
    """A reference that is forgotten would leave part of somebody's record behind."""
    named = {f"{model._meta.label}.{name}" for model, name in patient_merges.references()}
    assert {"portal.Order.patient", "cases.Case.patient", "billing.Coverage.patient"} <= named
    assert not any(name.startswith(("portal.LookAlike", "portal.PatientMerge")) for name in named)


def test_the_account_goes_along_and_back(clerk: User) -> None:
    keep, fold = twins()
    account = patient_user()
    fold.user, fold.created_at = account, timezone.now() - timedelta(days=31)
    fold.save()
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    keep.refresh_from_db()
    assert keep.user == account
    patient_merges.undo(clerk, record=record)
    keep.refresh_from_db()
    fold.refresh_from_db()
    assert (keep.user, fold.user) == (None, account)


def test_what_can_not_be_one_is_refused_and_nothing_moves(clerk: User) -> None:
    keep, fold = twins()
    order = OrderFactory(patient=fold)
    with pytest.raises(ValidationError, match="one record already"):
        patient_merges.merge(clerk, keep=keep, fold=keep)
    other = PatientFactory(birth_date=BORN + timedelta(days=1))
    with pytest.raises(ValidationError, match="dates of birth differ"):
        patient_merges.merge(clerk, keep=keep, fold=other)
    for patient in (keep, fold):
        patient.user = patient_user()
        patient.save()
    with pytest.raises(ValidationError, match="portal account"):
        patient_merges.merge(clerk, keep=keep, fold=fold)
    order.refresh_from_db()
    assert order.patient_id == fold.pk
    with pytest.raises(PermissionDenied):
        patient_merges.merge(UserFactory(roles=["agent"]), keep=keep, fold=fold)


def test_undo_ends_after_a_day(clerk: User) -> None:
    keep, fold = twins()
    record = patient_merges.merge(clerk, keep=keep, fold=fold)
    with (
        time_machine.travel(timezone.now() + timedelta(hours=25)),
        pytest.raises(ValidationError, match="one day"),
    ):
        patient_merges.undo(clerk, record=record)
    patient_merges.undo(clerk, record=record)
    with pytest.raises(ValidationError, match="undone already"):
        patient_merges.undo(clerk, record=record)


@pytest.mark.django_db(transaction=True)
def test_two_who_merge_crosswise_at_once_make_one_record(clerk: User) -> None:
    keep, fold = twins()
    said: list[str] = []

    def merging(one: Patient, other: Patient) -> None:
        try:
            patient_merges.merge(clerk, keep=one, fold=other)
            said.append("merged")
        except ValidationError:
            said.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=merging, args=pair) for pair in ((keep, fold), (fold, keep))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["merged", "refused"]
    assert PatientMerge.objects.count() == 1
