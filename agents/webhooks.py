"""E-mail that comes in: the provider posts it whole and signed. Whatever is not signed is refused unread."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from agents import side
from cases import letters
from cases.channels import email
from cases.drafts import Refused
from config.integrations import mail
from portal.access import public


@csrf_exempt
@require_POST
@public
def mail_in(request: HttpRequest) -> HttpResponse:
    """202 taken, also where it came before or no person wrote it; 401 not signed or too old; 409 something else
    under a known id; 422 not to be read; 429 too many from one address. A third party's answer goes to its thread.
    """
    if not mail.is_signed(request.body, request.headers.get("X-Mail-Signature", "")):
        return HttpResponse(status=401)
    try:
        found = email.parse(request.body)
        if side.receive(found) is None:
            letters.receive(found)
    except email.Unreadable:
        return HttpResponse(status=422)
    except Refused as refused:
        return HttpResponse(status=409 if refused.code == "conflict" else 422)
    return HttpResponse(status=202)
