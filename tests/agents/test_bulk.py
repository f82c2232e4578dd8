"""One act on the cases marked in a list (R-CASE-1)."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents.views import bulk
from cases.models import Case, CaseRules, Conversation, Tag
from portal.models import User
from tests.factories import CaseFactory, ConversationFactory, PatientFactory, ReasonFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db
ADDRESS = reverse("agents:bulk")


@pytest.fixture
def agent() -> Client:
    return signed_in(UserFactory(roles=["agent"]))


def some(count: int = 3, **more: Any) -> list[Case]:
    return CaseFactory.create_batch(count, state="open", **more)


def named(cases: list[Case]) -> str:
    return ",".join(case.number for case in cases)


def do(client: Client, act: str, cases: list[Case], **said: Any) -> Any:
    return client.post(ADDRESS, {"act": act, "numbers": named(cases)} | said)


def test_the_acts_are_offered_and_each_has_its_form(agent: Client) -> None:
    cases = some()
    page = agent.get(ADDRESS, {"numbers": named(cases)}).content.decode()
    assert "3 cases marked" in page
    for act in bulk.ACTS:
        assert f"act={act}" in page
        form = agent.get(ADDRESS, {"act": act, "numbers": named(cases)})
        assert form.status_code == 200
        assert named(cases) in form.content.decode()
    assert agent.get(ADDRESS, {"act": "delete", "numbers": named(cases)}).status_code == 404


def test_each_act_reaches_every_case(agent: Client) -> None:
    cases, user = some(), agent.user  # type: ignore[attr-defined]
    Tag.objects.create(name="recall")
    for act, said in (
        ("assign", {"to": str(user.ref)}),
        ("tag", {"tags": ["recall"]}),
        ("priority", {"priority": "1"}),
        ("snooze", {"when": "day"}),
    ):
        assert do(agent, act, cases, **said).status_code == 204
    for case in cases:
        case.refresh_from_db()
        assert (case.owner, case.priority, [tag.name for tag in case.tags.all()]) == (user, 1, ["recall"])
        assert case.snoozed_until is not None


def test_closing_goes_through_the_gate_row_by_row(agent: Client) -> None:
    told, untold = some(1, reason=ReasonFactory()), some(1)
    answer = do(agent, "close", told + untold, disposition="answered", next_step="Nothing is left.")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Done on 1 case." in page
    assert untold[0].number in page
    assert "what it was about" in page
    states = {case.number: case.state for case in Case.objects.all()}
    assert states == {told[0].number: "closed", untold[0].number: "open"}
    assert do(agent, "close", untold, disposition="answered", next_step="").status_code == 422


def test_cases_are_merged_from_the_list_all_or_none(agent: Client) -> None:
    patient = PatientFactory()
    cases, stranger = some(patient=patient), some(1)
    for case in cases + stranger:
        ConversationFactory(case=case, patient=case.patient)
    wrong = do(agent, "merge", cases + stranger, into=cases[0].number)
    assert wrong.status_code == 422
    assert "never merged across patients" in wrong.content.decode()
    assert Conversation.objects.filter(case=cases[0]).count() == 1
    assert do(agent, "merge", cases, into=cases[0].number).status_code == 204
    assert Conversation.objects.filter(case=cases[0]).count() == 3
    assert do(agent, "merge", cases, into=stranger[0].number).status_code == 422


def test_too_many_at_once_and_none_are_told(agent: Client) -> None:
    CaseRules.objects.create(pk=1, bulk_most=2)
    cases = some()
    answer = do(agent, "priority", cases, priority="1")
    assert (answer.status_code, "at most 2" in answer.content.decode()) == (422, True)
    assert do(agent, "priority", [], priority="1").status_code == 422
    assert not Case.objects.filter(priority=1).exists()


def test_others_are_given_cases_by_leads_alone(agent: Client) -> None:
    cases, colleague = some(2), UserFactory(roles=["agent"])
    assert do(agent, "assign", cases, to=str(colleague.ref)).status_code == 422
    lead = signed_in(UserFactory(roles=["lead"]))
    assert do(lead, "assign", cases, to=str(colleague.ref)).status_code == 204
    assert set(Case.objects.values_list("owner", flat=True)) == {colleague.pk}


def test_two_hundred_are_done_in_one_go(agent: Client) -> None:
    cases = some(200, patient=PatientFactory())
    assert do(agent, "priority", cases, priority="2").status_code == 204
    assert Case.objects.filter(priority=2).count() == 200


def test_who_does_not_work_on_cases_does_nothing() -> None:
    reader: User = UserFactory(roles=["qa"])
    assert signed_in(reader).get(ADDRESS).status_code == 403
