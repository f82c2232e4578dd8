"""The access trail, to read and to take away."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from config.security import audit
from portal.access import STAFF_REALM, allowed, require
from portal.models import (
    AccessEntry,
    Patient,
    User,
)
from portal.trail_export import MOST_ROWS, csv_of
from portal.workshop import WorkshopAdmin, prove_first


class RealmFilter(admin.SimpleListFilter):
    """Named here, so that nothing asks the whole trail which realms stand in it."""

    title, parameter_name = _("realm"), "realm"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("patient", _("Patients")),
            ("staff", _("Staff")),
            ("guest", _("Guests")),
            ("system", _("System")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(realm=self.value()) if self.value() else queryset


class ActorFilter(admin.SimpleListFilter):
    """Staff by name, as the list shows them; everybody else's number can be put in the address as well."""

    title, parameter_name = _("who"), "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        staff = User.objects.filter(realm=STAFF_REALM)
        return sorted(((str(user.pk), user.display_name) for user in staff), key=lambda one: one[1].lower())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        asked = self.value()
        if asked is None:
            return queryset
        return (
            queryset.filter(actor_id=int(asked)) if asked.isdecimal() and len(asked) < 19 else queryset.none()
        )


@admin.register(AccessEntry)
class AccessEntryAdmin(WorkshopAdmin):
    """The trail, to read and to take away. Nothing of it can be changed, here or anywhere."""

    sees = "trail.view"
    list_display = (
        "timestamp",
        "kind",
        "what",
        "outcome",
        "who",
        "purpose",
        "patients",
        "remote_addr",
    )
    list_filter = ("kind", "outcome", RealmFilter, ActorFilter, "timestamp")
    list_select_related = ("actor",)
    search_fields = ("=cid", "=session", "=purpose")
    search_help_text = _(
        "Request id, session or purpose (case:81, as it stands in the list); an account number finds a patient's."
    )
    date_hierarchy = None
    ordering = ("-id",)
    exclude = ("reason", "reason_digest", "changes")
    show_full_result_count = False

    @admin.display(description=_("Who"))
    def who(self, entry: AccessEntry) -> str:
        """Staff by name. A patient's name is health information here: their number stands for it."""
        if entry.actor is None:
            return str(entry.actor_name) or "-"
        return str(entry.actor.display_name if entry.actor.realm == STAFF_REALM else entry.actor)

    @admin.display(description=_("Patients"))
    def patients(self, entry: AccessEntry) -> int:
        return len(entry.subjects)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        patient = Patient.objects.filter(account_number__iexact=search_term.strip()).only("pk").first()
        if patient is not None:
            return queryset.filter(subjects__contains=[patient.pk]), False
        return super().get_search_results(request, queryset, search_term)

    def get_urls(self) -> list[Any]:
        export = self.admin_site.admin_view(self.export_view)
        return [path("export/", export, name="portal_accessentry_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        address = f"{reverse('admin:portal_accessentry_export')}?{request.GET.urlencode()}"
        tools = [{"url": address, "label": _("Take these entries away as CSV")}]
        shown = tools if allowed(request.user, "trail.export") else []
        return super().changelist_view(request, {"tools": shown, **(extra_context or {})})

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """The filtered list as CSV, after a fresh proof; the newest 50,000 at a time."""
        require(request.user, "trail.export")
        if (proof := prove_first(request)) is not None:
            return proof
        try:
            queryset = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:portal_accessentry_changelist"))
        if queryset.count() > MOST_ROWS:
            self.message_user(
                request, _("That is more than can be taken away at once: narrow it down."), messages.ERROR
            )
            return HttpResponseRedirect(reverse("admin:portal_accessentry_changelist"))
        audit.event("export", what="access trail")
        response = HttpResponse(csv_of(queryset), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="access-trail.csv"'
        return response
