"""Where a survey is answered: behind the link of an e-mail or text message, and in the patient's own portal.

Neither page tells what the case was about: whoever holds a link learns that somebody spoke with the supplier.
"""

import uuid

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from cases import surveys
from cases.forms_surveys import SurveyForm
from cases.models import SurveyInvitation
from config.security import throttle
from portal import home
from portal.access import PATIENT_REALM, door, public

STRANGE_LINKS = throttle.Limit("survey links", 30, 60)


@public
@never_cache
@require_http_methods(["GET", "POST"])
def survey(request: HttpRequest) -> HttpResponse:
    """By the link's token, without sign-in. Whoever tries many that are none has to wait (TooMany)."""
    token = request.POST.get("token") or request.GET.get("token", "")
    invitation = surveys.by_token(token)
    if invitation is None:
        throttle.take((STRANGE_LINKS, request.META.get("REMOTE_ADDR", "")))
        return render(request, "cases/survey/over.html", {"unknown": True}, status=410)
    with translation.override(invitation.language):
        return _asked(request, invitation, token)


@door("portal.use", realm=PATIENT_REALM, extends_session=False)
@require_safe
def waiting(request: HttpRequest) -> HttpResponse:
    """The card of the patient's home: what waits for their answer."""
    asked = list(surveys.mine(request.user)[: home.SHOWN])
    return (
        render(request, "cases/survey/waiting.html", {"asked": asked}) if asked else HttpResponse(status=204)
    )


@door("portal.use", realm=PATIENT_REALM)
@require_http_methods(["GET", "POST"])
def mine(request: HttpRequest, ref: uuid.UUID) -> HttpResponse:
    """Of the signed-in patient; somebody else's is not there."""
    own = SurveyInvitation.objects.visible_to(request.user).exclude(state="due").select_related("survey")
    return _asked(request, get_object_or_404(own, ref=ref))


def _asked(request: HttpRequest, invitation: SurveyInvitation, token: str = "") -> HttpResponse:
    if not surveys.is_open(invitation):
        return render(request, "cases/survey/over.html", status=410)
    form = SurveyForm(request.POST or None, invitation=invitation)
    if request.method == "POST" and form.is_valid():
        return _answered(request, invitation, form, token)
    shown = {"form": form, "token": token, "asked": _words(invitation)}
    return render(request, "cases/survey/ask.html", shown, status=422 if form.errors else 200)


def _answered(
    request: HttpRequest, invitation: SurveyInvitation, form: SurveyForm, token: str
) -> HttpResponse:
    try:
        given = surveys.answer(invitation, **form.cleaned_data)
    except surveys.TooLate:
        return render(request, "cases/survey/over.html", {"stands": True}, status=409)
    except ValidationError as error:
        form.add_error(None, error)
        shown = {"form": form, "token": token, "asked": _words(invitation)}
        return render(request, "cases/survey/ask.html", shown, status=422)
    return render(request, "cases/survey/thanks.html", {"changed": given.changed_at is not None})


def _words(invitation: SurveyInvitation) -> dict[str, str]:
    survey, language = invitation.survey, invitation.language
    return {name: survey.said(name, language) for name in ("question", "low_label", "high_label")}
