"""Who holds a role now: the one question behind lists, mentions, alarms, rotas and pages."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import RoleGrant, User
from tests.factories import PatientUserFactory, UserFactory

pytestmark = pytest.mark.django_db


def holder(role: str, *, runs_out: timedelta | None = None) -> User:
    user = UserFactory()
    ends = None if runs_out is None else timezone.now() + runs_out
    RoleGrant.objects.create(user=user, role=role, expires_at=ends)
    return user


def test_roles_in_force_alone_count() -> None:
    endless, for_now = holder("agent"), holder("agent", runs_out=timedelta(hours=1))
    holder("agent", runs_out=-timedelta(minutes=1))
    holder("auditor")
    assert list(User.objects.holding(["agent"])) == [endless, for_now]


def test_closed_accounts_and_patients_hold_nothing() -> None:
    closed = holder("agent")
    User.objects.filter(pk=closed.pk).update(is_active=False)
    RoleGrant.objects.create(user=PatientUserFactory(), role="agent")
    assert not User.objects.holding(["agent"]).exists()


def test_who_holds_two_of_them_stands_once() -> None:
    both = UserFactory(roles=["agent", "lead"])
    assert list(User.objects.holding(["agent", "lead"])) == [both]
    assert not User.objects.holding([]).exists()
