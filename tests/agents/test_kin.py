"""How agents merge, split, link, snooze, follow and tag cases from the console."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import cases as rules
from cases import kin, merging, snoozing
from cases.models import Case, CaseLink, Conversation, Follower, Tag
from portal.models import AccessEntry, User
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    OrderFactory,
    PatientFactory,
    ReasonFactory,
    UserFactory,
    message_in,
    patient_user,
    verified,
)
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Client:
    return signed_in(UserFactory(roles=["agent"]))


def at(name: str, *args: Any) -> str:
    return reverse(f"agents:{name}", args=args)


def twins(count: int = 2) -> list[Case]:
    patient, reason = PatientFactory(), ReasonFactory()
    cases = CaseFactory.create_batch(count, patient=patient, reason=reason, state="open")
    for case in cases:
        message_in(ConversationFactory(case=case, patient=patient), f"Of {case.number}", role="customer")
    return cases


def post(client: Client, name: str, case: Case, **said: Any) -> Any:
    return client.post(at(name, case.number), {"version": case.version} | said)


def test_the_panel_shows_what_belongs_to_a_case_and_is_on_the_trail(agent: Client) -> None:
    case, parent, double = twins(3)
    user: User = agent.user  # type: ignore[attr-defined]
    kin.set_parent(user, case=case, parent=parent)
    kin.link(user, case=case, other=CaseFactory(), kind="caused")
    before = AccessEntry.objects.count()
    page = agent.get(at("case-kin", case.number)).content.decode()
    assert "Stands under" in page
    assert "Caused by" in page
    assert "May be the same matter" in page
    assert double.number in page
    entries = AccessEntry.objects.order_by("id")[before:]
    assert [(entry.what, entry.subjects) for entry in entries] == [("case kin", [case.patient_id])]


def test_cases_are_merged_from_a_dialog_that_offers_the_patients_own(agent: Client) -> None:
    case, other = twins()
    stranger = CaseFactory()
    form = agent.get(at("case-merge", case.number), {"alike": other.number}).content.decode()
    assert f'value="{other.number}" id' in form
    assert "checked" in form
    assert stranger.number not in form
    answer = post(agent, "case-merge", case, cases=[other.number])
    assert answer.status_code == 204
    assert Conversation.objects.filter(case=case).count() == 2
    panel = agent.get(at("case-kin", case.number)).content.decode()
    assert at("case-unmerge", other.number) in panel
    undone = post(agent, "case-unmerge", other, shown=case.number)
    assert undone.status_code == 204
    assert case.number in undone.headers["HX-Trigger"]
    assert Conversation.objects.filter(case=case).count() == 1


def test_a_merge_that_can_not_be_keeps_the_dialog_and_says_why(agent: Client) -> None:
    case, _other = twins()
    stranger = CaseFactory()
    answer = post(agent, "case-merge", case, other=stranger.number)
    assert answer.status_code == 422
    assert "never merged across patients" in answer.content.decode()
    assert post(agent, "case-merge", case, other="C-0").status_code == 422
    assert post(agent, "case-merge", case).status_code == 422
    late = post(agent, "case-unmerge", case)
    assert late.status_code == 409
    assert "not merged" in late.headers["HX-Trigger"]


def test_a_case_is_split_by_the_message_it_begins_with(agent: Client) -> None:
    [case] = twins(1)
    second = message_in(ConversationFactory(case=case, patient=case.patient), "The bill", role="customer")
    assert "The bill" in agent.get(at("case-split", case.number)).content.decode()
    assert post(agent, "case-split", case, message=second.pk, whole="yes", subject="Bill").status_code == 204
    new = Case.objects.get(links__other=case)
    assert new.conversations.get() == second.conversation
    case.refresh_from_db()
    only = case.conversations.get().messages.get()
    refused = post(agent, "case-split", case, message=only.pk, whole="yes", subject="Rest")
    assert (refused.status_code, "Nothing would be left" in refused.content.decode()) == (422, True)
    assert post(agent, "case-split", case, message=only.pk, whole="", subject="Rest").status_code == 204
    assert CaseLink.objects.filter(other=case).count() == 2
    assert post(agent, "case-split", case, message=second.pk, whole="", subject="x").status_code == 422


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"when": "at", "at": "2020-01-01T09:00"}, "past"),
        ({"when": "at", "at": ""}, "Write a day"),
        ({"when": "at", "at": "tomorrow"}, "Write a day"),
        ({"when": "at", "at": "2027-03-14T02:30", "zone": "America/New_York"}, "put forward"),
        ({"when": "never"}, "valid choice"),
    ],
)
def test_a_snooze_that_makes_no_sense_keeps_the_dialog(
    agent: Client, said: dict[str, str], wrong: str
) -> None:
    [case] = twins(1)
    answer = post(agent, "case-snooze", case, **said)
    assert answer.status_code == 422
    assert wrong in answer.content.decode()


def test_a_case_is_snoozed_by_the_clock_of_a_zone_and_woken(agent: Client) -> None:
    [case] = twins(1)
    day = (timezone.now() + timedelta(days=20)).date()
    said = {"when": "at", "at": f"{day}T09:00", "zone": "Pacific/Honolulu", "only_then": "on"}
    assert post(agent, "case-snooze", case, **said).status_code == 204
    case.refresh_from_db()
    assert case.snoozed_until is not None
    assert (case.snoozed_until.hour, case.wake_only_then) == (19, True)
    assert "wakes only then" in agent.get(at("case-kin", case.number)).content.decode()
    assert post(agent, "case-wake", case).status_code == 204
    assert post(agent, "case-wake", case).status_code == 409
    for when in ("hour", "opening", "day", "week"):
        case.refresh_from_db()
        assert post(agent, "case-snooze", case, when=when).status_code == 204


def test_following_is_asked_and_taken_back_in_one_place(agent: Client) -> None:
    [case] = twins(1)
    assert "Follow this case?" in agent.get(at("case-follow", case.number)).content.decode()
    post(agent, "case-follow", case)
    assert Follower.objects.get().user == agent.user  # type: ignore[attr-defined]
    assert "Stop following" in agent.get(at("case-follow", case.number)).content.decode()
    post(agent, "case-follow", case)
    assert not Follower.objects.exists()


def test_tags_links_parents_and_waiting_have_their_dialogs(agent: Client) -> None:
    case, other = twins()
    Tag.objects.create(name="recall")
    assert post(agent, "case-tags", case, tags=["recall"]).status_code == 204
    assert "checked" in agent.get(at("case-tags", case.number)).content.decode()
    assert post(agent, "case-link", case, kind="related", other=other.number.lower()).status_code == 204
    tie = CaseLink.objects.get()
    assert agent.post(at("case-unlink", other.number, tie.pk)).status_code == 404
    assert agent.post(at("case-unlink", case.number, tie.pk)).status_code == 204
    case.refresh_from_db()
    assert post(agent, "case-parent", case, parent=other.number).status_code == 204
    circle = post(agent, "case-parent", other, parent=case.number)
    assert (circle.status_code, "circle" in circle.content.decode()) == (422, True)
    case.refresh_from_db()
    assert post(agent, "case-wait-on", case, on="payer").status_code == 204
    case.refresh_from_db()
    assert (case.parent, case.waiting_on, case.state) == (other, "payer", "open")


def test_what_a_case_is_about_is_changed_in_one_dialog(agent: Client) -> None:
    """R-CASE-1: reason, priority, product line, order and subject; only what is new is an event."""
    order = OrderFactory()
    case = CaseFactory(patient=order.patient, state="open")
    foreign, down = OrderFactory(), ReasonFactory(lane="equipment_down", priority=1)
    assert order.number not in agent.get(at("case-change", case.number)).content.decode()
    verified(agent.user, case, 1)  # type: ignore[attr-defined]
    assert foreign.number not in agent.get(at("case-change", case.number)).content.decode()
    said = {"subject": case.subject, "priority": "3", "product_line": "cpap", "order": order.number}
    assert post(agent, "case-change", case, **said, reason=down.code).status_code == 204
    case.refresh_from_db()
    assert (case.order, case.product_line, case.reason, case.priority) == (order, "cpap", down, 1)
    event = case.events.get(kind="changed")
    assert event.detail == {"fields": ["order", "priority", "product_line", "reason"]}
    assert post(agent, "case-change", case, **said, reason="nonsense").status_code == 422
    with pytest.raises(ValidationError):
        rules.change(agent.user, case=case, order=foreign)  # type: ignore[attr-defined]


def test_the_line_of_time_says_what_became_of_a_case(agent: Client) -> None:
    case, other = twins()
    user: User = agent.user  # type: ignore[attr-defined]
    merging.merge(user, into=case, cases=[other])
    snoozing.snooze(user, case=case, until=timezone.now() + timedelta(days=1), only_then=True)
    page = agent.get(at("case", case.number)).content.decode()
    assert f"from {other.number}" in page
    assert "wakes only then" in page


def test_somebody_who_was_slower_keeps_what_they_chose(agent: Client) -> None:
    [case] = twins(1)
    Tag.objects.create(name="recall")
    stale = case.version
    post(agent, "case-tags", case, tags=["recall"])
    answer = agent.post(at("case-snooze", case.number), {"version": stale, "when": "day"})
    assert answer.status_code == 409
    assert "meanwhile" in answer.content.decode()


def test_closing_asks_about_open_cases_under_it(agent: Client) -> None:
    case, child = twins()
    kin.set_parent(agent.user, case=child, parent=case)  # type: ignore[attr-defined]
    ending = {"disposition": "answered", "next_step": "None.", "reason": case.reason.code}  # type: ignore[union-attr]
    assert "Close them too" in agent.get(at("case-close", case.number)).content.decode()
    assert post(agent, "case-close", case, **ending).status_code == 422
    assert post(agent, "case-close", case, **ending, children="close").status_code == 204
    child.refresh_from_db()
    assert child.state == "closed"


def test_a_case_that_nobody_sees_is_not_there(agent: Client) -> None:
    for name in (
        "case-kin",
        "case-merge",
        "case-split",
        "case-snooze",
        "case-follow",
        "case-tags",
        "case-link",
    ):
        assert agent.get(at(name, "C-0")).status_code == 404
    stranger = signed_in(patient_user())
    assert stranger.get(at("case-kin", twins()[0].number)).status_code in {302, 403, 404}


def test_an_undo_that_is_too_late_is_not_offered(agent: Client) -> None:
    case, other = twins()
    merging.merge(agent.user, into=case, cases=[other])  # type: ignore[attr-defined]
    other.refresh_from_db()
    other.merges.update(until=timezone.now())
    panel = agent.get(at("case-kin", case.number)).content.decode()
    assert "Merged in" in panel
    assert at("case-unmerge", other.number) not in panel
    assert snoozing.wake_due() == 0
