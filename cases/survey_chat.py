"""The survey inside of a chat: a form that comes with its end, and what is done with the answer."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cases import surveys
from cases.drafts import SYSTEM, Draft
from cases.models import Conversation, Survey, SurveyInvitation
from cases.writer import write_one
from config.security import audit

FORM = "survey"


def ask(conversation: Conversation, context: audit.Context) -> None:
    """At the end of a chat that a person served; in the caller's transaction, before it is closed."""
    survey = surveys.in_force()
    if survey is None or not _may_ask(conversation, survey):
        return
    if _invited(conversation, survey):
        text = survey.said("question", conversation.language)
        form = {"form": offered(survey, conversation.language)}
        write_one(Draft(conversation.pk, SYSTEM, text, "event", extra=form, context=context))


def _may_ask(conversation: Conversation, survey: Survey) -> bool:
    case, patient = conversation.case, conversation.patient
    if conversation.channel != "chat" or conversation.accepted_at is None or case is None:
        return False
    if not surveys.fits(case):
        return False
    return patient is None or not (surveys.refuses(patient) or surveys.asked_lately(patient, survey))


def _invited(conversation: Conversation, survey: Survey) -> bool:
    """Whether the case was not asked about before."""
    case, now = conversation.case, timezone.now()
    if case is None:
        return False
    invitation = surveys.invitation_for(survey, case)
    invitation.agent = case.owner or conversation.agent
    invitation.conversation, invitation.language = conversation, conversation.language
    invitation.way, invitation.state, invitation.sent_at = "chat", "sent", now
    invitation.expires_at = now + timedelta(days=survey.open_days)
    try:
        with transaction.atomic():
            invitation.save()
    except IntegrityError:
        return False
    return True


def offered(survey: Survey, language: str) -> dict[str, Any]:
    """The form as the message carries it."""
    with translation.override(language):
        labels = {
            "question": survey.said("question", language),
            "low": survey.said("low_label", language),
            "high": survey.said("high_label", language),
            "scale": survey.scale,
        }
        label = _("%(question)s (1: %(low)s, %(scale)d: %(high)s)") % labels
        send = _("Send")
    score = {
        "name": "score",
        "label": label,
        "type": "number",
        "required": True,
        "min": 1,
        "max": survey.scale,
    }
    second = survey.said("second_question", language) if survey.second_question else ""
    comment = {"name": "comment", "label": second, "type": "text", "required": False}
    return {"form": FORM, "title": label, "fields": [score, *([comment] if second else [])], "submit": send}


def answer(conversation: Conversation, values: dict[str, str]) -> tuple[bool, str]:
    """Keep what came back; whether it was kept, and words for whoever answered."""
    asked = SurveyInvitation.objects.filter(conversation=conversation).select_related("survey").first()
    score = values.get("score", "")
    with translation.override(conversation.language):
        if asked is None:
            return False, _("Nothing is asked here any more.")
        try:
            number = int(score) if score.isdecimal() and len(score) < 4 else 0
            surveys.answer(asked, score=number, comment=values.get("comment", ""))
        except surveys.TooLate:
            return False, _("Thank you. Your first answer stands: it can be changed for an hour.")
        except ValidationError as error:
            return False, " ".join(error.messages)
        return True, _("Thank you for telling us.")
