"""What becomes of survey answers: low scores call a lead, all of them add up by group (R-KPI-1)."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from cases import cases, surveys
from cases.models import CaseEvent, Notification, Survey, SurveyFollowUp
from portal.models import User
from tests.cases.test_surveys import DESK, asked_of, in_force
from tests.factories import TeamFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey(db: None) -> Survey:
    return in_force()


def test_a_low_score_calls_the_teams_lead_until_they_saw_to_it(survey: Survey) -> None:
    team = TeamFactory()
    lead, other = UserFactory(roles=["lead"]), UserFactory(roles=["lead"])
    team.members.add(lead)
    asked = asked_of(team=team)
    surveys.answer(asked, score=2)
    told = Notification.objects.get(kind="low_score")
    assert (told.user, told.case) == (lead, asked.case)
    assert CaseEvent.objects.filter(case=asked.case, kind="survey").count() == 1
    with pytest.raises(PermissionDenied):
        surveys.see_to(UserFactory(roles=["agent"]), case=asked.case, note="Called.")
    with pytest.raises(ValidationError):
        surveys.see_to(other, case=asked.case, note="\N{ZERO WIDTH SPACE}")
    surveys.see_to(other, case=asked.case, note="Called, it is solved.")
    assert surveys.waits_for_lead(asked.case) is None
    with pytest.raises(ValidationError):
        surveys.see_to(lead, case=asked.case, note="Again.")


def test_a_low_score_changed_for_the_better_waits_no_more(survey: Survey) -> None:
    asked = asked_of()
    surveys.answer(asked, score=1)
    surveys.answer(asked, score=5)
    assert SurveyFollowUp.objects.get().done_at is not None


def test_results_by_group_with_how_many_and_share(survey: Survey) -> None:
    """CSAT counts for its case: whose it was when it closed."""
    agent: User = UserFactory(roles=["agent"])
    for score in (5, 4, 2, None):
        asked = asked_of(owner=agent, channel="portal")
        if score:
            surveys.answer(asked, score=score)
    again = cases.reopen(DESK, case=asked.case)
    cases.assign(DESK, case=again, to=UserFactory(roles=["agent"]))
    chief, since = UserFactory(roles=["supervisor"]), timezone.now() - timedelta(days=1)
    until = timezone.now() + timedelta(days=1)
    for by, group in (("agent", agent.pk), ("channel", "portal"), ("team", None)):
        [line] = surveys.results(chief, by=by, since=since, until=until)
        assert (line.group, line.asked, line.answered, line.satisfied) == (group, 4, 3, 2)
        assert line.share == pytest.approx(2 / 3)
        assert line.returned == pytest.approx(3 / 4)
    with pytest.raises(PermissionDenied):
        surveys.results(UserFactory(roles=["agent"]), by="agent", since=since)
