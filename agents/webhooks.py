"""Mail that comes back: the provider posts it whole and signed. Whatever is not signed is refused unread."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from agents import side
from cases.channels import email
from config.integrations import mail
from portal.access import public


@csrf_exempt
@require_POST
@public
def mail_in(request: HttpRequest) -> HttpResponse:
    """202 taken, also where it came before; 401 not signed or too old; 404 nobody's; 422 not to be read."""
    if not mail.is_signed(request.body, request.headers.get("X-Mail-Signature", "")):
        return HttpResponse(status=401)
    try:
        found = side.receive(email.parse(request.body))
    except email.Unreadable:
        return HttpResponse(status=422)
    return HttpResponse(status=202 if found else 404)
