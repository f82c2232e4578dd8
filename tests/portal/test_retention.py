"""Rows that have done their duty do not stay for ever, and those that still count do."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from portal import one_time, retention
from portal.models import AccessEntry, AccountMail, OneTimeSecret, UserSession
from portal.tasks import drop_old_rows
from tests.factories import UserFactory, patient_with_user

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def session_of(user: Any, last_used: timedelta) -> UserSession:
    at = timezone.now() - last_used
    return UserSession.objects.create(user=user, key_digest=str(last_used), started_at=at, last_used_at=at)


def secret_of(patient: Any, age: timedelta) -> OneTimeSecret:
    secret = one_time.issue("verify", patient=patient, bound_to=f"case:{age.days}")
    OneTimeSecret.objects.filter(pk=secret.pk).update(expires_at=timezone.now() - age)
    return secret


def letter(age: timedelta, **values: Any) -> AccountMail:
    made = AccountMail.objects.create(kind="reset", realm="patient", to="a@example.org", **values)
    AccountMail.objects.filter(pk=made.pk).update(created_at=timezone.now() - age)
    return made


def test_sessions_are_kept_while_their_address_counts_as_known() -> None:
    user = UserFactory(roles=["agent"])
    kept = [session_of(user, retention.SESSIONS_KEPT - DAY), session_of(user, timedelta(0))]
    session_of(user, retention.SESSIONS_KEPT + DAY)
    assert drop_old_rows() == 1
    assert set(UserSession.objects.all()) == set(kept)


def test_letters_and_what_they_carried_go_after_their_days() -> None:
    """Sent or given up: a letter that never went out still holds the address it was for."""
    patient = patient_with_user()
    old, young = (secret_of(patient, retention.LETTERS_KEPT + turn) for turn in (DAY, -DAY))
    letter(DAY, secret=old)
    letter(retention.LETTERS_KEPT + DAY, tries=20)
    kept = [letter(DAY), letter(retention.LETTERS_KEPT - DAY, secret=young)]
    assert drop_old_rows() == 2
    assert list(OneTimeSecret.objects.all()) == [young]
    assert set(AccountMail.objects.all()) == set(kept)


def test_the_dropping_of_a_secret_stands_on_the_trail() -> None:
    patient = patient_with_user()
    secret_of(patient, retention.LETTERS_KEPT + DAY)
    before = AccessEntry.objects.count()
    drop_old_rows()
    entry = AccessEntry.objects.latest("pk")
    assert AccessEntry.objects.count() == before + 1
    assert (entry.kind, entry.purpose, entry.subjects) == ("delete", "retention", [patient.pk])


def test_browsers_sessions_that_are_over_go() -> None:
    """Each guest who begins a chat leaves one."""
    for name, turn in (("over", -DAY), ("live", DAY)):
        Session.objects.create(session_key=name, session_data="", expire_date=timezone.now() + turn)
    drop_old_rows()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["live"]


def test_many_rows_go_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    for _ in range(5):
        letter(retention.LETTERS_KEPT + DAY)
    assert drop_old_rows() == 5
    assert not AccountMail.objects.exists()
    assert drop_old_rows() == 0
