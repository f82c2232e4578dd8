"""Who saw my record."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal import access_trail
from portal.records import Record
from portal.views.pages import page, seen

ROWS = 30


@page("own")
@require_safe
def who_saw(request: HttpRequest, record: Record) -> HttpResponse:
    given = request.GET.get("before", "")
    before = int(given) if given.isdecimal() and len(given) < 19 else None
    own = "everybody" in request.GET
    rows = access_trail.who_saw(record.patient, before=before, limit=ROWS + 1, own=own)
    seen(record, "portal.who_saw")
    earlier = rows[ROWS - 1].entry_id if len(rows) > ROWS else None
    shown = {"rows": rows[:ROWS], "earlier": earlier, "paged": before, "tabs": _tabs(own), "own": own}
    return render(request, "portal/record/who_saw.html", shown)


def _tabs(own: bool) -> list[dict[str, object]]:
    address = reverse("portal:record-access")
    return [
        {"href": address, "text": _("Other people"), "here": not own},
        {"href": f"{address}?everybody", "text": _("Everybody, you too"), "here": own},
    ]
