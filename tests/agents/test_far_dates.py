"""A year that nobody can mean is an error in words wherever a moment is typed, and never one of ours."""

import uuid
from datetime import timedelta

import pytest
from django.forms import Form
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import sending
from agents.forms_escalation import StandInForm
from agents.models import HeldReply
from cases import cases
from cases.defaults import clocks
from cases.forms_playbooks import PublishForm
from cases.models import Callback, Case, Clock
from portal.access import System
from tests.factories import ConversationFactory, UserFactory, patient_with_user
from tests.people import signed_in

pytestmark = pytest.mark.django_db
WHEN = ["9999-12-31T23:59", "9999-12-31", "0001-01-01T00:00", "2999-01-01T10:00", "99999-01-01T00:00", "soon"]


@pytest.fixture
def desk() -> tuple[Client, Case]:
    clocks.install()
    lead = UserFactory(roles=["lead", "agent"])
    case = cases.open_case(System("x"), channel="portal", patient=patient_with_user(), owner=lead)
    ConversationFactory(case=case, patient=case.patient)
    return signed_in(lead), case


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("page", ["snooze", "callback", "say", "clock-move"])
def test_a_moment_far_away_is_refused_in_words(desk: tuple[Client, Case], page: str, when: str) -> None:
    client, case = desk
    told = {
        "snooze": {"when": "at", "at": when, "version": case.version},
        "callback": {"starts_at": when, "phone": "+15125550143"},
        "say": {
            "kind": "reply",
            "body": "Hello there",
            "client_id": str(uuid.uuid4()),
            "at": when,
            "seen": 0,
        },
        "clock-move": {"due_at": when, "reason": "agreed with the customer"},
    }[page]
    clock = Clock.objects.get(case=case, kind="resolution")
    args = [case.number, clock.pk] if page == "clock-move" else [case.number]
    assert client.post(reverse(f"agents:case-{page}", args=args), told).status_code in (400, 422)
    case.refresh_from_db()
    assert case.snoozed_until is None
    assert not Callback.objects.exists()
    assert not HeldReply.objects.exists()
    assert Clock.objects.get(pk=clock.pk).due_at == clock.due_at


def test_a_reply_that_waits_is_not_put_off_for_ever(desk: tuple[Client, Case]) -> None:
    client, case = desk
    soon = timezone.now() + timedelta(hours=1)
    held = sending.hold(case.owner, case=case, body="Hello", client_id=uuid.uuid4(), at=soon)
    answer = client.post(
        reverse("agents:held-change", args=[held.ref]), {"body": "Hello", "at": "9999-12-31T23:59"}
    )
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(("form", "field"), [(StandInForm, "ends_at"), (PublishForm, "effective_from")])
def test_a_stand_in_and_a_version_begin_and_end_in_somebodys_time(form: type[Form], field: str) -> None:
    assert field in form({field: "9999-12-31T23:59"}).errors
    assert field not in form({field: f"{timezone.now().year + 1}-01-01T10:00"}).errors
