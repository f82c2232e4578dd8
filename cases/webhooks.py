"""What the telephone company asks and tells of a page's call. Signed by it, or refused before anything is read.

The company has no time-stamp in its signature: what comes twice finds the page settled and changes nothing.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cases import escalation, paging, texts
from cases.cases import Conflict
from cases.channels import sms
from cases.drafts import Refused
from cases.models import Page
from config.integrations import sms as messages
from config.integrations import telephony
from config.security import audit
from portal.access import public

ACKNOWLEDGES = "1"


def _page(request: HttpRequest, ref: Any) -> Page:
    """The page a signed request is about; Http404 where the call is not the one that was made for it."""
    pages = Page.objects.select_related("escalation__case", "person").filter(ref=ref, channel="call")
    page: Page | None = pages.first()
    if page is None or page.provider_id not in ("", request.POST.get("CallSid", "")):
        raise Http404
    return page


def _forged(request: HttpRequest) -> bool:
    address = f"{settings.PUBLIC_URL}{request.get_full_path()}"
    given = request.headers.get("X-Twilio-Signature", "")
    return not telephony.is_signed(address, request.POST.dict(), given)


def _refused() -> HttpResponse:
    return HttpResponse(status=401)


def _twiml(words: str) -> HttpResponse:
    return HttpResponse(words, content_type="text/xml; charset=utf-8")


@csrf_exempt
@require_POST
@public
def voice(request: HttpRequest, ref: Any) -> HttpResponse:
    """Somebody picked up: say what it is about, and ask for the key."""
    if _forged(request):
        return _refused()
    page = _page(request, ref)
    words = f"{settings.SUPPLIER_NAME}. {paging.in_short(page)} " + _("Press 1 to acknowledge.")
    address = f"{settings.PUBLIC_URL}{reverse('cases:voice-digits', args=[page.ref])}"
    return _twiml(
        telephony.ask_for_digit(words, address, _("No key was pressed. Somebody else will be called."))
    )


@csrf_exempt
@require_POST
@public
def voice_digits(request: HttpRequest, ref: Any) -> HttpResponse:
    """A key was pressed: 1 acknowledges for whoever was called."""
    if _forged(request):
        return _refused()
    page = _page(request, ref)
    if request.POST.get("Digits") != ACKNOWLEDGES:
        return _twiml(telephony.say(_("Not acknowledged. Somebody else will be called.")))
    with audit.acting(actor=page.person, purpose=f"case:{page.escalation.case_id}"):
        return _twiml(telephony.say(_acknowledged(page)))


def _acknowledged(page: Page) -> str:
    if page.state == "acknowledged" and page.escalation.state == "paging":
        return _goes_on()  # a key that comes twice is no answer to what was called anew
    try:
        held = escalation.acknowledge(page.person, escalation=page.escalation, through="call", page=page)
    except Conflict as conflict:
        return _("%(who)s has it already. Thank you.") % {"who": conflict.by or _("A colleague")}
    except PermissionDenied:
        return _("This is no longer yours to acknowledge. Somebody else will be called.")
    if held.state == "paging":
        return _goes_on()
    return _("Acknowledged. Sign in to the console now. Thank you.")


def _goes_on() -> str:
    return _("Acknowledged. Clinicians are still being called. Sign in to the console to take it over.")


@csrf_exempt
@require_POST
@public
def voice_status(request: HttpRequest, ref: Any) -> HttpResponse:
    """How the call ended."""
    if _forged(request):
        return _refused()
    paging.call_ended(_page(request, ref), outcome=request.POST.get("CallStatus", ""))
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
@public
def sms_in(request: HttpRequest) -> HttpResponse:
    """A text that came in: 200 with what to text back, also where it came before (then nothing); 401 not signed or
    too old; 409 something else under a known id; 413 too long; 422 not to be read; 429 too many of one number.
    """
    if len(request.body) > sms.LARGEST:
        return HttpResponse(status=413)
    if not messages.is_signed(request.body, request.headers.get("X-SMS-Signature", "")):
        return _refused()
    try:
        words = texts.receive(sms.parse(request.body))
    except sms.Unreadable:
        return HttpResponse(status=422)
    except Refused as refused:
        return HttpResponse(status=409 if refused.code == "conflict" else 422)
    return _twiml(messages.text_back(words))
