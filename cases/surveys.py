"""What customers think of a closed case: one or two questions, once a case, by consent (R-KPI-1).

The invitation is written with the close; a task sends it when its time has come and asks then again whether
it may.
"""

from datetime import timedelta

from django.utils import timezone

from cases.models import Case, Survey, SurveyInvitation

NEVER_ASKED = frozenset({"abuse", "duplicate"})


def in_force() -> Survey | None:
    """The survey that is asked now."""
    return Survey.objects.filter(active=True).first()


def asked_after_close(case: Case) -> None:
    """Have a case that closes in the caller's transaction asked about, once, when the delay is over."""
    survey = in_force()
    if survey is None or not fits(case):
        return
    SurveyInvitation.objects.bulk_create([_invitation(survey, case)], ignore_conflicts=True)


def fits(case: Case) -> bool:
    """Whether one asks after a case like this at all: of somebody alive, of what was a matter of its own."""
    if case.merged_into_id is not None or case.disposition in NEVER_ASKED:
        return False
    return case.patient is not None and case.patient.deceased_on is None


def _invitation(survey: Survey, case: Case) -> SurveyInvitation:
    return SurveyInvitation(
        survey=survey,
        version=survey.version,
        case=case,
        patient=case.patient,
        language=case.patient.language if case.patient else "en",
        case_channel=case.channel,
        agent=case.owner,
        team=case.team,
        reason=case.reason,
        due_at=timezone.now() + timedelta(minutes=survey.delay_minutes),
    )
