"""Lists that agents make for themselves: what stands in them, who sees them, and what is refused."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import queue, saved_views
from agents.models import SavedView
from cases.models import Case, Tag
from portal.models import User
from tests.factories import CaseFactory, OrderFactory, ReasonFactory, TeamFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


def saved(actor: User, name: str = "Late refunds", **filters: Any) -> queue.View:
    kept = saved_views.keep(actor, name=name, filters=filters or {"owner": "me"})
    return saved_views.views_of(actor)[f"saved-{kept.pk}"]


def numbers(actor: User, view: queue.View) -> set[str]:
    return {row.number for row in queue.page(actor, view, sort=queue.DUE).rows}


def test_filters_narrow_and_any_of_several_values_will_do(agent: User) -> None:
    """R-CASE-1: saved views over reason, team, priority, tag, channel, state, owner and order."""
    reason, team, order = ReasonFactory(code="refund"), TeamFactory(code="billing"), OrderFactory()
    one = CaseFactory(
        reason=reason, team=team, priority=1, channel="email", state="waiting", owner=agent, order=order,
        patient=order.patient,
    )  # fmt: skip
    one.tags.add(Tag.objects.create(name="vip"))
    two = CaseFactory(priority=2, channel="sms", state="open")
    CaseFactory(reason=reason, state="closed", closed_at=timezone.now(), disposition="answered")
    for filters in (
        {"reason": ["refund"]}, {"team": ["billing"]}, {"priority": [1]}, {"tag": ["vip"]}, {"channel": ["email"]},
        {"state": ["waiting"]}, {"owner": "me"}, {"owner": str(agent.ref)}, {"order": order.number},
    ):  # fmt: skip
        assert numbers(agent, saved(agent, str(filters)[:40], **filters)) == {one.number}, filters
    assert numbers(agent, saved(agent, "any", priority=[1, 2])) == {one.number, two.number}
    assert numbers(agent, saved(agent, "both", priority=[1, 2], channel=["sms"])) == {two.number}
    assert numbers(agent, saved(agent, "nobody's", owner="none")) == {two.number}


@pytest.mark.parametrize(
    "filters",
    [
        {"reason": ["refund"]},
        {"team": ["billing"]},
        {"priority": [1]},
        {"channel": ["email"]},
        {"owner": "me"},
    ],
)
@pytest.mark.parametrize("sort", [queue.DUE, queue.CONTACT])
def test_a_list_of_one_filter_is_read_off_an_index(agent: User, filters: dict[str, Any], sort: str) -> None:
    reason, team = ReasonFactory(code="refund"), TeamFactory(code="billing")
    CaseFactory(reason=reason, team=team)
    view = saved(agent, **filters)
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "incremental_sort"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
    cases = view.narrow(Case.objects.visible_to(agent), agent)
    found = queue._with_clock(cases, "", "") if sort == queue.DUE else queue._ordered(agent, view)
    assert "Seq Scan on cases_case" not in found[:51].explain()


def test_a_list_is_ones_own_until_a_lead_shares_it(agent: User) -> None:
    lead = UserFactory(roles=["lead"])
    own, shared = (
        saved(agent),
        saved_views.keep(lead, name="Everybody", filters={"owner": "none"}, shared=True),
    )
    assert own.code not in saved_views.views_of(lead)
    assert f"saved-{shared.pk}" in saved_views.views_of(agent)
    with pytest.raises(PermissionDenied):
        saved_views.keep(agent, name="Mine for all", filters={"owner": "me"}, shared=True)
    with pytest.raises(PermissionDenied):
        saved_views.keep(agent, view=shared, name="Taken over", filters={"owner": "me"})
    with pytest.raises(PermissionDenied):
        saved_views.drop(agent, view=shared)


def test_a_name_or_a_letter_stands_once(agent: User) -> None:
    saved(agent, "Refunds")
    with pytest.raises(ValidationError, match="list of this name"):
        saved(agent, "Refunds")
    with pytest.raises(ValidationError, match="Mine"):
        saved_views.keep(agent, name="Other", key="m", filters={"owner": "me"})


# --- the dialog --------------------------------------------------------------------------------------
def asked(**more: Any) -> dict[str, Any]:
    return {"name": "Refunds", "key": "r", "sort": "due", "owner": "me"} | more


def test_the_dialog_makes_changes_and_deletes_a_list(agent: User) -> None:
    client = signed_in(agent)
    assert client.get(reverse("agents:saved-view-new")).status_code == 200
    answer = client.post(reverse("agents:saved-view-new"), asked())
    assert answer.status_code == 204
    kept = SavedView.objects.get()
    assert f"saved-{kept.pk}" in answer.headers["HX-Trigger"]
    assert b"Refunds" in client.get(reverse("agents:rail")).content
    assert client.get(reverse("agents:view", args=[f"saved-{kept.pk}"])).status_code == 200
    client.post(reverse("agents:saved-view", args=[kept.pk]), asked(name="Refunds now", priority=["1"]))
    kept.refresh_from_db()
    assert (kept.name, kept.filters) == ("Refunds now", {"owner": "me", "priority": [1]})
    client.post(reverse("agents:saved-view-delete", args=[kept.pk]))
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"owner": ""}, "at least one thing"),
        ({"key": "!"}, "A letter"),
        ({"key": "m"}, "Mine"),
        ({"reason": "no-such"}, "not one of"),
    ],
)
def test_the_dialog_says_what_is_wrong(agent: User, wrong: dict[str, str], words: str) -> None:
    answer = signed_in(agent).post(reverse("agents:saved-view-new"), asked(**wrong))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not SavedView.objects.exists()


def test_somebody_elses_list_is_not_there(agent: User) -> None:
    view = saved(UserFactory(roles=["agent"]))
    client: Client = signed_in(agent)
    for address in (
        reverse("agents:saved-view", args=[view.saved.pk]),
        reverse("agents:view", args=[view.code]),
        reverse("agents:rows", args=[view.code]),
    ):
        assert client.get(address).status_code == 404
    assert client.post(reverse("agents:saved-view-delete", args=[view.saved.pk])).status_code == 404


def test_the_order_of_lists_is_remembered(agent: User) -> None:
    client = signed_in(agent)
    page = client.post(reverse("agents:sort", args=["mine"]), {"sort": "contact"})
    assert b"Last contact" in page.content
    assert b"Last contact" in client.get(reverse("agents:rows", args=["open"])).content
    assert client.post(reverse("agents:sort", args=["mine"]), {"sort": "owner; drop"}).status_code == 422
