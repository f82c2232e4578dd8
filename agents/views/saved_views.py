"""The dialog in which agents make, change and delete lists of their own."""

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from agents import saved_views as rules
from agents.forms_lists import SavedViewForm
from agents.models import SavedView
from agents.queue import FIRST
from agents.views.answers import StaffRequest, closes_dialog
from portal.access import allowed, door


def own_or_404(request: StaffRequest, pk: int) -> SavedView:
    found = SavedView.objects.filter(pk=pk).first()
    if found is None or f"{rules.NAME}{pk}" not in rules.views_of(request.user):
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@door("console.use", realm="staff")
def make(request: StaffRequest) -> HttpResponseBase:
    return _through(request, None)


@require_http_methods(["GET", "POST"])
@door("console.use", realm="staff")
def change(request: StaffRequest, pk: int) -> HttpResponseBase:
    found = own_or_404(request, pk)
    if found.owner_id != request.user.pk:
        raise PermissionDenied("console.use")
    return _through(request, found)


@require_POST
@door("console.use", realm="staff")
def delete(request: StaffRequest, pk: int) -> HttpResponseBase:
    rules.drop(request.user, view=own_or_404(request, pk))
    return closes_dialog("lists-changed", view=FIRST)


def _through(request: StaffRequest, view: SavedView | None) -> HttpResponseBase:
    may_share = allowed(request.user, "floor.manage")
    initial = view.filters if view else {}
    if request.method != "POST":
        return _shown(request, SavedViewForm(instance=view, initial=initial, may_share=may_share), view)
    form = SavedViewForm(request.POST, may_share=may_share)
    if form.is_valid():
        filters, said = form.split()
        try:
            kept = rules.keep(request.user, view=view, filters=filters, **said)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return closes_dialog("lists-changed", view=f"{rules.NAME}{kept.pk}")
    return _shown(request, form, view, status=422)


def _shown(
    request: StaffRequest, form: SavedViewForm, view: SavedView | None, status: int = 200
) -> HttpResponseBase:
    title = _("Change this list") if view else _("Make a list")
    shown = {"form": form, "view": view, "title": title, "action": request.path}
    return render(request, "agents/queue/saved_view.html", shown, status=status)
