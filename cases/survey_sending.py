"""Sending surveys that are due: once each, to whoever still allows it, on the way they chose."""

from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cases import surveys
from cases.models import SurveyInvitation
from config.integrations import mail, sms
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal import consent, contact_holds, one_time
from portal.models import Patient

AT_ONCE = 50
MOST_TRIES = 12
FIRST_WAIT = timedelta(minutes=1)
LOCK_OF_SURVEYS = 0x5EAD  # first key of the advisory locks taken here; the second is the patient's id


def due() -> list[int]:
    """Invitations whose time has come."""
    waiting = SurveyInvitation.objects.filter(state="due", due_at__lte=timezone.now()).order_by("due_at")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def send(invitation_id: int) -> bool:
    """Send one that is due; a second run finds it settled. Whether it went out."""
    with transaction.atomic():
        rows = SurveyInvitation.objects.select_for_update(skip_locked=True, of=("self",))
        rows = rows.select_related("case", "patient", "survey").filter(pk=invitation_id, state="due")
        asked: SurveyInvitation | None = rows.first()
        if asked is None:
            return False
        _alone_with(asked.patient)
        _settle(asked)
        asked.save()
    return asked.state == "sent"


def _alone_with(patient: Patient | None) -> None:
    """Of two cases of one patient the second sees that the first was asked about."""
    if patient is not None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_OF_SURVEYS, patient.pk])


def _settle(asked: SurveyInvitation) -> None:
    asked.tries += 1
    asked.way = _way(asked.patient) if asked.patient else ""
    asked.why = _why_not(asked)
    if asked.why:
        asked.state = "skipped"
        return
    try:
        _go_out(asked)
    except PartnerRefuses:
        asked.state = "failed"
    except PartnerDown:
        asked.state = "failed" if asked.tries >= MOST_TRIES else "due"
        asked.due_at = timezone.now() + FIRST_WAIT * min(2**asked.tries, 60)


def _why_not(asked: SurveyInvitation) -> str:
    patient = asked.patient
    if asked.case.state != "closed":
        return "reopened"
    if patient is None or not surveys.fits(asked.case) or patient.merged_into_id is not None:
        return "not_asked_of"
    if asked.due_at < timezone.now() - timedelta(days=asked.survey.open_days):
        return "expired"
    if surveys.refuses(patient):
        return "no_consent"
    if surveys.asked_lately(patient, asked.survey, but=asked):
        return "quiet"
    return "" if asked.way else "nowhere"


def _way(patient: Patient) -> str:
    """The way that the patient prefers, of those they allow; else another that they allow."""
    wanted = sorted(("email", "sms", "portal"), key=lambda way: way != patient.preferred_channel)
    return next((way for way in wanted if _reaches(patient, way)), "")


def _reaches(patient: Patient, way: str) -> bool:
    if way == "portal":
        return patient.user_id is not None
    return bool(_address(patient, way)) and consent.allows(patient, way, surveys.TOPIC)


def _address(patient: Patient, way: str) -> str:
    """Where it goes now: a new contact waits out its hold first (R-CASE-3)."""
    return contact_holds.usable_for_delivery(patient, "email" if way == "email" else "phone")


def _go_out(asked: SurveyInvitation) -> None:
    now, token = timezone.now(), one_time.token()
    if asked.patient is not None and asked.way != "portal":
        _write(asked, asked.patient, token)
        asked.token_digest = one_time.digest_of(token)
    asked.state, asked.sent_at = "sent", now
    asked.expires_at = now + timedelta(days=asked.survey.open_days)


def _write(asked: SurveyInvitation, patient: Patient, token: str) -> None:
    """Nothing of what the case was about: that somebody of the supplier spoke with them is all."""
    filled = {
        "supplier": settings.SUPPLIER_NAME,
        "link": f"{settings.PUBLIC_URL}{reverse('cases:survey')}?token={token}",
    }
    with translation.override(asked.language):
        subject = _("How did we do?")
        text = _("%(supplier)s would like to know how we did. One or two questions: %(link)s") % filled
        stop = _("Reply STOP to get no more texts.")
    if asked.way == "email":
        mail.send(_address(patient, "email"), subject, text)
    else:
        sms.send(_address(patient, "sms"), f"{text} {stop}", key=f"survey-{asked.ref}")
