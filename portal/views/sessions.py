"""One's sessions: their clock, and their end."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal import sessions
from portal.access import door


@never_cache
@require_safe
@door("account.manage", factor=False, extends_session=False)
def clock(request: HttpRequest) -> HttpResponse:
    """Seconds that are left, for the warning. Asking does not extend them."""
    return JsonResponse(sessions.clock(request.user_session))  # type: ignore[attr-defined]


@require_POST
@door("account.manage", factor=False)
def stay(request: HttpRequest) -> HttpResponse:
    """The page was really used: the door has extended the session."""
    return HttpResponse(status=204)


@require_POST
@door("account.manage")
def end(request: HttpRequest, ref: Any) -> HttpResponse:
    user: Any = request.user
    if not sessions.end_own(user, ref=ref):
        raise Http404
    messages.success(request, _("That session is ended."))
    return redirect("portal:security")


@require_POST
@door("account.manage")
def end_others(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    sessions.end_others(user, keep=request.user_session)  # type: ignore[attr-defined]
    messages.success(request, _("All other sessions are ended."))
    return redirect("portal:security")
