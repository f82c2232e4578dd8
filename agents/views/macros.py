"""Macros at the case: choosing one, seeing what it would do, letting it."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from agents.forms_words import MacroForm
from agents.views.answers import StaffRequest, told
from agents.views.cases import opened, reached
from agents.views.work import done, in_words
from cases import macros
from cases.cases import Conflict
from cases.models import Case, Macro
from portal.access import door


@require_GET
@door("macros.use", realm="staff")
def picker(request: StaffRequest, number: str) -> HttpResponseBase:
    """The macros that fit the case; with ``?q=`` those that it names."""
    return _listed(request, number, "agents/case/macros.html")


@require_GET
@door("macros.use", realm="staff")
def items(request: StaffRequest, number: str) -> HttpResponseBase:
    """The same, as lines of the palette."""
    return _listed(request, number, "agents/case/macro_items.html")


def _listed(request: StaffRequest, number: str, template: str) -> HttpResponseBase:
    found, asked = reached(request, number), request.GET.get("q", "")
    shown = {"case": found, "macros": macros.offered(request.user, found, query=asked), "asked": asked}
    if request.htmx and request.htmx.target == "macro-list":
        template = "agents/case/macro_list.html"
    return render(request, template, shown)


@require_http_methods(["GET", "POST"])
@door("macros.use", realm="staff")
def macro(request: StaffRequest, number: str, code: str) -> HttpResponseBase:
    """What a macro would do on this case, step by step; posted, it does so."""
    found = opened(request, number, "case: macro")
    chosen = get_object_or_404(Macro, code=code, active=True)
    ahead = macros.ahead(request.user, case=found, macro=chosen)
    if request.method != "POST":
        form = MacroForm(ahead=ahead, initial={"version": found.version})
        return _shown(request, found, chosen, ahead, form)
    return _run(request, found, chosen, ahead)


def _run(request: StaffRequest, case: Case, chosen: Macro, ahead: list[macros.Ahead]) -> HttpResponseBase:
    form = MacroForm(request.POST, ahead=ahead)
    if not form.is_valid():
        return _shown(request, case, chosen, ahead, form, status=422)
    texts, version = form.texts(), form.cleaned_data["version"]
    try:
        did = macros.run(request.user, case=case, macro=chosen, texts=texts, version=version)
    except macros.MacroFailed as failed:
        form.add_error(None, failed.in_words())
        ahead = macros.ahead(request.user, case=case, macro=chosen, texts=texts)
        return _shown(request, case, chosen, ahead, form, status=422)
    except Conflict as conflict:
        fresh = MacroForm(request.POST | {"version": str(_version(case))}, ahead=ahead)
        return _shown(request, case, chosen, ahead, fresh, status=409, conflict=in_words(conflict))
    return told(done(case), _("%(name)s: %(count)d done.") % {"name": chosen.name, "count": len(did)})


def _version(case: Case) -> int:
    case.refresh_from_db(fields=["version"])
    return case.version


def _shown(
    request: StaffRequest,
    case: Case,
    chosen: Macro,
    ahead: list[macros.Ahead],
    form: MacroForm,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponseBase:
    shown = {"case": case, "macro": chosen, "ahead": ahead, "form": form, "action": request.path}
    return render(request, "agents/case/macro.html", shown | more, status=status)
