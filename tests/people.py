"""People who are signed in, for tests: a pytest plugin.

``signed_in(user)`` gives a client past every door of the user's realm: a session on record, the second
factor given, and proof fresh enough for step-up. ``patient_client`` and ``staff_client("agent")`` are the
usual ones; the person is ``client.user``.
"""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from portal.models import Patient, User, UserSession
from tests import factories


def signed_in(user: User, *, factor: bool = True, proved: bool = True) -> Client:
    """A browser of somebody who has come through the front door. ``proved=False``: step-up is stale."""
    client = Client()
    client.force_login(user)
    client.user = user  # type: ignore[attr-defined]
    _record_session(client, user, factor, proved)
    return client


def _record_session(client: Client, user: User, factor: bool, proved: bool) -> None:
    from portal import sessions

    now = timezone.now()
    UserSession.objects.update_or_create(
        key_digest=sessions.digest_of(client.session.session_key),
        defaults={
            "user": user,
            "factor_at": now if factor else None,
            "proved_at": now if proved else None,
            "device": "Test browser",
        },
    )


@pytest.fixture
def patient(db: None) -> Patient:
    """A patient with a sign-in."""
    return factories.patient_with_user()


@pytest.fixture
def patient_client(patient: Patient) -> Client:
    return signed_in(patient.user)


@pytest.fixture
def staff_client(db: None) -> Callable[..., Client]:
    """``staff_client("agent")`` or with several roles."""

    def build(*roles: str) -> Client:
        return signed_in(factories.UserFactory(roles=list(roles)))

    return build
