"""The customer's home, and the choice of whose record it is."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from portal import home, records
from portal.access import PATIENT_REALM, door
from portal.records import Record
from portal.views.pages import CHOSEN, page, seen


@page(without="portal/home/no_record.html")
@require_safe
def home_page(request: HttpRequest, record: Record) -> HttpResponse:
    shown = home.home_of(request.user, record)
    seen(record, "portal.home")
    return render(request, "portal/home/home.html", {"home": shown})


@door("portal.use", realm=PATIENT_REALM)
@require_POST
def choose_record(request: HttpRequest) -> HttpResponseBase:
    """Look at another record from now on. A key that is none of theirs changes nothing."""
    known = records.of(request.user)  # type: ignore[arg-type]
    chosen = records.choose(known, request.POST.get("record", ""))
    if chosen is not None:
        request.session[CHOSEN] = chosen.key
    return redirect("portal:home")
