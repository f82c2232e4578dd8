"""Finding a record, and taking down a contact so that it may be opened."""

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from agents import forms
from agents import search as directory
from agents.views.answers import StaffRequest
from cases import cases as case_rules
from cases import search as by_words
from portal.access import door
from portal.models import Patient


@require_POST
@door("patients.search", realm="staff")
def search(request: StaffRequest) -> HttpResponseBase:
    """Posted, so that no name ever stands in an address."""
    form = forms.SearchForm(request.POST)
    words = form.cleaned_data["words"] if form.is_valid() else ""
    found = directory.find(request.user, words)
    shown = {"found": found, "words": words, "asked": len(words) >= directory.SHORTEST}
    return render(request, "agents/search/found.html", shown)


@require_POST
@door("patients.search", realm="staff")
def more(request: StaffRequest) -> HttpResponseBase:
    """Further cases of a search; posted too."""
    form = forms.SearchForm(request.POST)
    if not form.is_valid():
        raise Http404
    words = form.cleaned_data["words"]
    try:
        found = directory.more_cases(request.user, words, request.POST.get("after", ""))
    except (by_words.WrongSearch, by_words.NoSuchPlace):
        raise Http404 from None
    return render(request, "agents/search/cases.html", {"found": found, "words": words})


@require_GET
@door("patients.search", realm="staff")
def person(request: StaffRequest, ref: str) -> HttpResponseBase:
    """Somebody found: still masked, with the numbers of their cases."""
    patient = get_object_or_404(Patient.objects.visible_to(request.user).in_force(), ref=ref)
    shown = {
        "person": directory.person(patient),
        "cases": directory.cases_of(request.user, patient),
        "form": forms.NewCaseForm(patient=patient),
    }
    return render(request, "agents/search/person.html", shown)


@require_http_methods(["POST"])
@door("cases.work", realm="staff")
def new_case(request: StaffRequest, ref: str) -> HttpResponseBase:
    """A call or another contact taken down by hand: the purpose for which the record then opens."""
    patient = get_object_or_404(Patient.objects.visible_to(request.user).in_force(), ref=ref)
    form = forms.NewCaseForm(request.POST, patient=patient)
    if not form.is_valid():
        shown = {
            "person": directory.person(patient),
            "cases": directory.cases_of(request.user, patient),
            "form": form,
        }
        return render(request, "agents/search/person.html", shown, status=422)
    case = case_rules.open_case(request.user, patient=patient, owner=request.user, **form.cleaned_data)
    address = reverse("agents:case", args=[case.number])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
