"""What customers think of a closed case: one or two questions, once a case, by consent (R-KPI-1).

The invitation is written with the close; cases.survey_sending sends it when its time has come, and asks then
again whether it may. Here is what may be asked, and what becomes of an answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Avg, Count, F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import telling, wording
from cases.models import (
    Case,
    CaseEvent,
    Survey,
    SurveyAnswer,
    SurveyFollowUp,
    SurveyInvitation,
)
from config.security import audit
from config.security.normal import is_blank
from config.security.redaction import redact
from portal import consent, one_time
from portal.access import FLOOR, System, require
from portal.models import Patient, User

NEVER_ASKED = frozenset({"abuse", "duplicate"})
TOPIC = "surveys"
MAY_CHANGE = timedelta(hours=1)
LONGEST_COMMENT = 1000
SATISFIED = 0.8  # of the scale: 4 of 5, as everybody counts CSAT
ANSWERER = System("survey")
GROUPS = {
    "agent": "agent",
    "team": "team__name",
    "channel": "case_channel",
    "reason": "reason__label",
}


class TooLate(Exception):
    """The time to answer, or to change an answer, is over."""


# --- what is asked -----------------------------------------------------------------------------------
def keep(actor: Any, survey: Survey) -> Survey:
    """Save a survey as its next version. Raises ValidationError, by field."""
    wording.keep(actor, survey, permission="surveys.manage")
    return survey


def check(survey: Survey) -> None:
    other = (
        Survey.objects.filter(active=True).exclude(pk=survey.pk) if survey.active else Survey.objects.none()
    )
    wording.refuse(
        scale=None if 2 <= survey.scale <= 10 else _("A scale goes from 1 to between 2 and 10."),
        low_score=None if survey.low_score < survey.scale else _("A low score lies below the highest."),
        second_question_es=_("Say it in Spanish too.")
        if survey.second_question and not survey.second_question_es
        else None,
        active=_("Another survey is in force: take it out of force first.") if other.exists() else None,
    )


def in_force() -> Survey | None:
    """The survey that is asked now."""
    return Survey.objects.filter(active=True).first()


# --- whom --------------------------------------------------------------------------------------------
def asked_after_close(case: Case) -> None:
    """Have a case that closes in the caller's transaction asked about, once, when the delay is over.

    One that was opened again before it was asked is asked about after this close.
    """
    survey = in_force()
    if survey is None or case.patient is None or not fits(case):
        return
    invitation = invitation_for(survey, case)
    invitation.due_at = timezone.now() + timedelta(minutes=survey.delay_minutes)
    SurveyInvitation.objects.bulk_create([invitation], ignore_conflicts=True)
    SurveyInvitation.objects.filter(case=case, state="skipped", why="reopened").update(
        state="due", why="", due_at=invitation.due_at, agent=case.owner, team=case.team, reason=case.reason
    )


def invitation_for(survey: Survey, case: Case) -> SurveyInvitation:
    """A new invitation, unsaved, with whose score it will be."""
    return SurveyInvitation(
        survey=survey,
        version=survey.version,
        case=case,
        patient=case.patient,
        language=wording.language_of(case),
        case_channel=case.channel,
        agent=case.owner,
        team=case.team,
        reason=case.reason,
    )


def fits(case: Case) -> bool:
    """Whether one asks after a case like this at all: of somebody alive, of what was a matter of its own."""
    if case.merged_into_id is not None or case.disposition in NEVER_ASKED:
        return False
    return case.patient is None or case.patient.deceased_on is None


def refuses(patient: Patient) -> bool:
    """Whether a patient spoke about surveys and allows them nowhere."""
    said = [row.granted for (_channel, topic), row in consent.standing(patient).items() if topic == TOPIC]
    return bool(said) and not any(said)


def asked_lately(patient: Patient, survey: Survey, *, but: SurveyInvitation | None = None) -> bool:
    since = timezone.now() - timedelta(days=survey.quiet_days)
    found = SurveyInvitation.objects.filter(patient=patient, sent_at__gte=since)
    return bool(found.exclude(pk=but.pk if but else None).exists())


# --- answering ---------------------------------------------------------------------------------------
def by_token(token: str) -> SurveyInvitation | None:
    """The invitation a link belongs to, in time or not."""
    found = SurveyInvitation.objects.filter(token_digest=one_time.digest_of(token)).exclude(state="due")
    invitation: SurveyInvitation | None = found.select_related("survey").first() if token else None
    return invitation


def mine(user: Any) -> Any:
    """What waits for the signed-in patient's answer."""
    asked = SurveyInvitation.objects.visible_to(user).filter(state="sent", expires_at__gt=timezone.now())
    return asked.select_related("survey").order_by("-sent_at")


def is_open(invitation: SurveyInvitation) -> bool:
    return invitation.state in {"sent", "answered"} and bool(
        invitation.expires_at and invitation.expires_at > timezone.now()
    )


def answer(invitation: SurveyInvitation, *, score: int, comment: str = "") -> SurveyAnswer:
    """Keep an answer; a second one within the hour changes it. Raises TooLate, and ValidationError by field.

    Whoever calls has asked for the token, the session or the place in the conversation.
    """
    with transaction.atomic():
        held = SurveyInvitation.objects.select_for_update(of=("self",)).select_related("survey", "case")
        asked = held.get(pk=invitation.pk)
        if not is_open(asked):
            raise TooLate
        _refuse_wrong(asked.survey, score, comment)
        with audit.acting(ANSWERER, purpose=f"case:{asked.case_id}"):
            return _answered(asked, score, comment)


def _refuse_wrong(survey: Survey, score: int, comment: str) -> None:
    too_long = _("At most %(most)d letters.") % {"most": LONGEST_COMMENT}
    wording.refuse(
        score=None
        if 1 <= score <= survey.scale
        else _("Choose a number from 1 to %(most)d.") % {"most": survey.scale},
        comment=too_long if len(comment) > LONGEST_COMMENT else None,
    )


def _answered(asked: SurveyInvitation, score: int, comment: str) -> SurveyAnswer:
    now, said = timezone.now(), redact(comment.strip())
    given = SurveyAnswer.objects.filter(invitation=asked).first()
    if given is not None and given.answered_at < now - MAY_CHANGE:
        raise TooLate
    kept = given or SurveyAnswer(invitation=asked, answered_at=now)
    kept.score, kept.scale, kept.comment, kept.redactions = score, asked.survey.scale, said.text, said.total
    kept.changed_at = now if given is not None else None
    kept.save()
    asked.state = "answered"
    asked.save(update_fields=["state"])
    _follow_up(asked, kept)
    return kept


# --- low scores --------------------------------------------------------------------------------------
def _follow_up(asked: SurveyInvitation, given: SurveyAnswer) -> None:
    """A low score waits for a lead; one that was changed for the better waits no more."""
    open_ones = SurveyFollowUp.objects.filter(answer=given, done_at=None)
    if given.score > asked.survey.low_score:
        open_ones.update(done_at=timezone.now())
        return
    _row, new = SurveyFollowUp.objects.get_or_create(answer=given)
    if new:
        CaseEvent.objects.create(
            case_id=asked.case_id, kind="survey", actor_name=ANSWERER.name, detail={"low": True}
        )
        telling.tell(_leads(asked), case_id=asked.case_id, kind="low_score")


def _leads(asked: SurveyInvitation) -> list[int]:
    """Those of the case's team; where it has none, all of them."""
    every = User.objects.holding(FLOOR).values_list("pk", flat=True)
    own = list(every.filter(teams=asked.team_id)) if asked.team_id else []
    return own or list(every)


def waits_for_lead(case: Case) -> SurveyFollowUp | None:
    """The low score of a case that nobody has seen to yet."""
    rows = SurveyFollowUp.objects.filter(answer__invitation__case=case, done_at=None)
    found: SurveyFollowUp | None = rows.select_related("answer__invitation__survey").first()
    return found


def see_to(actor: Any, *, case: Case, note: str) -> SurveyFollowUp:
    """A lead has followed up on a case's low score; ``note`` says what came of it."""
    require(actor, "floor.manage", case)
    if is_blank(note):
        raise ValidationError({"note": _("Say what came of it.")})
    with transaction.atomic():
        rows = SurveyFollowUp.objects.select_for_update(of=("self",))
        found: SurveyFollowUp | None = rows.filter(answer__invitation__case=case, done_at=None).first()
        if found is None:
            raise ValidationError(_("Somebody has seen to it already."))
        found.done_at, found.done_by, found.note = timezone.now(), actor, redact(note.strip()).text
        found.save()
        CaseEvent.objects.create(case=case, kind="survey", actor=actor, detail={"followed_up": True})
    return found


# --- what came of it ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Line:
    """Answers of one group: how many were asked and answered, how many were satisfied, and the mean score.

    ``share`` and ``returned`` are parts of one; None where nobody answered.
    """

    group: Any
    asked: int
    answered: int
    satisfied: int
    mean: float | None

    @property
    def share(self) -> float | None:
        return self.satisfied / self.answered if self.answered else None

    @property
    def returned(self) -> float:
        return self.answered / self.asked

    @property
    def share_percent(self) -> int | None:
        return None if self.share is None else round(100 * self.share)

    @property
    def returned_percent(self) -> int:
        return round(100 * self.returned)


def results(actor: Any, *, by: str, since: datetime, until: datetime | None = None) -> list[Line]:
    """CSAT by ``agent`` (ids), ``team``, ``channel`` or ``reason``, of what was asked in that time."""
    require(actor, "surveys.manage")
    asked = SurveyInvitation.objects.filter(sent_at__gte=since, sent_at__lt=until or timezone.now())
    satisfied = Q(answer__score__gte=F("answer__scale") * SATISFIED)
    rows = (
        asked.order_by()
        .values_list(GROUPS[by])
        .annotate(
            asked=Count("pk"),
            answered=Count("answer"),
            satisfied=Count("answer", filter=satisfied),
            mean=Avg("answer__score"),
        )
    )
    return sorted((Line(*row) for row in rows), key=lambda line: -line.asked)


wording.CHECKS[Survey] = check
