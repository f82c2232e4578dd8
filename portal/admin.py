"""The workshop's pages of people, products, orders and the access trail."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from config.security import audit
from portal import factors, invitations, people, sessions
from portal.access import PATIENT_REALM, ROLES, STAFF_REALM, STAFF_ROLES, allowed, may_grant, require
from portal.models import (
    AccessEntry,
    Device,
    Document,
    Order,
    OrderLine,
    Patient,
    Practitioner,
    Product,
    Shipment,
    User,
)
from portal.trail_export import MOST_ROWS, csv_of
from portal.workshop import DOTS, ReasonForm, WorkshopAdmin


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("Work e-mail"))
    name = forms.CharField(label=_("Name"), max_length=120)
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple)

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = _grantable(actor)  # type: ignore[attr-defined]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(label=_("Roles"), widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["roles"].choices = _grantable(actor)  # type: ignore[attr-defined]


def _grantable(actor: Any) -> list[tuple[str, Any]]:
    return [(role, ROLES[role]) for role in ROLES if role in STAFF_ROLES and may_grant(actor, role)]


@admin.register(User)
class UserAdmin(WorkshopAdmin):
    sees = "users.view"
    list_display = ("shown_name", "realm", "shown_roles", "is_active", "created_at", "last_login")
    list_filter = ("realm", "is_active", "role_grants__role")
    exclude = ("password", "email_index")
    actions = ("deactivate", "reactivate", "end_sessions")
    ordering = ("realm", "pk")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("role_grants")

    def whose(self, obj: User) -> Any:
        return None

    @property
    def sealed(self) -> list[str]:
        return ["email", "display_name"]

    @admin.display(description=_("Name"))
    def shown_name(self, user: User) -> str:
        """Staff go by name; a patient's is PHI."""
        return user.display_name if user.realm == STAFF_REALM else DOTS

    @admin.display(description=_("Roles"))
    def shown_roles(self, user: User) -> str:
        return ", ".join(str(ROLES[grant.role]) for grant in user.role_grants.all())

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is not None and obj.realm == STAFF_REALM and hasattr(obj, "masked_for_show"):
            obj.refresh_from_db(fields=["email", "display_name"])
            del obj.masked_for_show
        return obj

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("invite/", view(self.invite_view), name="portal_user_invite"),
            path("<path:object_id>/roles/", view(self.roles_view), name="portal_user_roles"),
            path(
                "<path:object_id>/reset-factor/",
                view(self.reset_factor_view),
                name="portal_user_reset_factor",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        tools = [{"url": reverse("admin:portal_user_invite"), "label": _("Invite somebody of the staff")}]
        shown = tools if allowed(request.user, "users.invite") else []
        return super().changelist_view(request, {"tools": shown, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        tools = []
        if allowed(request.user, "users.manage"):
            tools.append(
                {"url": reverse("admin:portal_user_roles", args=[object_id]), "label": _("Change roles")}
            )
        if allowed(request.user, "users.reset_factor"):
            address = reverse("admin:portal_user_reset_factor", args=[object_id])
            tools.append({"url": address, "label": _("Reset second factor")})
        return super().change_view(request, object_id, form_url, {"tools": tools, **(extra_context or {})})

    def invite_view(self, request: HttpRequest) -> HttpResponse:
        require(request.user, "users.invite")
        form = InviteForm(request.POST or None, actor=request.user)
        if request.method == "POST" and form.is_valid():
            invitations.invite_staff(request.user, **form.cleaned_data)
            self.message_user(
                request, _("The invitation is on its way. It is good for a few days and for one use.")
            )
            return HttpResponseRedirect(reverse("admin:portal_user_changelist"))
        return self.ask(
            request, form, title=_("Invite somebody of the staff"), button=_("Send the invitation")
        )

    def roles_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request.user, "users.manage")
        user = self._staff(request, object_id)
        held = set(user.role_grants.values_list("role", flat=True))
        form = RolesForm(request.POST or None, actor=request.user, initial={"roles": sorted(held)})
        if request.method == "POST" and form.is_valid():
            self._change_roles(request, user, held, set(form.cleaned_data["roles"]))
            return HttpResponseRedirect(reverse("admin:portal_user_change", args=[user.pk]))
        lead = _("A change ends the person's sessions at once.")
        return self.ask(request, form, title=_("Change roles"), button=_("Save"), lead=lead)

    def _change_roles(self, request: HttpRequest, user: User, held: set[str], wanted: set[str]) -> None:
        for role in sorted(wanted - held):
            people.grant_role(request.user, user=user, role=role)
        for role in sorted(role for role in held - wanted if may_grant(request.user, role)):
            people.drop_role(request.user, user=user, role=role)

    def reset_factor_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request.user, "users.reset_factor")
        if (proof := _prove_first(request)) is not None:
            return proof
        user = get_object_or_404(User, pk=object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            factors.reset(request.user, user=user, reason=form.cleaned_data["reason"])
            self.message_user(
                request, _("The factor is reset and the person was told. They set up a new one at sign-in.")
            )
            return HttpResponseRedirect(reverse("admin:portal_user_change", args=[user.pk]))
        lead = _(
            "Only after you have met the person or seen them on video. Knowing their data proves nothing."
        )
        return self.ask(request, form, title=_("Reset second factor"), button=_("Reset"), lead=lead)

    def _staff(self, request: HttpRequest, object_id: str) -> User:
        user = get_object_or_404(User, pk=object_id)
        if user.realm == PATIENT_REALM:
            raise PermissionDenied("users.manage")
        return user

    @admin.action(description=_("Close the chosen accounts"))
    def deactivate(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda user: people.deactivate(request.user, user=user), _("Accounts closed")
        )

    @admin.action(description=_("Open the chosen accounts again"))
    def reactivate(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda user: people.reactivate(request.user, user=user), _("Accounts opened")
        )

    @admin.action(description=_("End all sessions of the chosen people"))
    def end_sessions(self, request: HttpRequest, queryset: Any) -> None:
        require(request.user, "users.end_sessions")
        self.each(
            request, queryset, lambda user: sessions.end_all(user, by="supervisor"), _("Sessions ended for")
        )


def _prove_first(request: HttpRequest) -> HttpResponse | None:
    """For sensitive acts: to the step-up page where the last proof is too old."""
    if sessions.fresh(request.user_session):  # type: ignore[attr-defined]
        return None
    return HttpResponseRedirect(f"{reverse('portal:prove')}?next={request.path}")


@admin.register(Patient)
class PatientAdmin(WorkshopAdmin):
    sees = "patients.view"
    list_display = ("account_number", "language", "state", "preferred_channel", "synthetic", "created_at")
    list_filter = ("language", "preferred_channel", "state")
    search_fields = ("account_number",)
    search_help_text = _("Account number, or surname, phone or e-mail address in full.")
    ordering = ("-pk",)

    def whose(self, obj: Patient) -> Any:
        return obj.pk

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        if not search_term.strip():
            return queryset, False
        audit.event("search", what="patients in the workshop")
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if not found.exists():
            found = queryset.filter(name_tokens__matches=search_term) | queryset.filter(
                phone_index__matches=search_term
            )
            found |= queryset.filter(email_index__matches=search_term)
        return found, duplicates


@admin.register(Practitioner)
class PractitionerAdmin(WorkshopAdmin):
    works, adds = "products.manage", True
    list_display = ("npi", "name", "phone", "fax")
    search_fields = ("npi", "name")


@admin.register(Product)
class ProductAdmin(WorkshopAdmin):
    works, adds = "products.manage", True
    list_display = ("sku", "hcpcs", "name", "product_line", "category", "price", "warranty_months", "active")
    list_filter = ("product_line", "category", "consumable", "active")
    search_fields = ("sku", "hcpcs", "name", "plain_name")


class LineInline(admin.TabularInline):
    model = OrderLine
    extra = 0
    can_delete = False
    fields = readonly_fields = ("product", "quantity", "unit_price", "modifiers", "rental_month")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "orders.view")


class ShipmentInline(LineInline):
    model = Shipment
    fields = readonly_fields = (
        "carrier",
        "tracking_number",
        "state",
        "shipped_on",
        "window_start",
        "window_end",
    )


@admin.register(Order)
class OrderAdmin(WorkshopAdmin):
    sees = "orders.view"
    list_display = (
        "number",
        "state",
        "product_line",
        "placed_at",
        "expected_ship_on",
        "expected_delivery_on",
    )
    list_filter = ("state", "product_line", "placed_at")
    search_fields = ("number", "patient__account_number")
    list_select_related = ("patient",)
    inlines = (LineInline, ShipmentInline)
    raw_id_fields = ("patient", "practitioner")


@admin.register(Device)
class DeviceAdmin(WorkshopAdmin):
    sees = "orders.view"
    list_display = ("product", "lot", "delivered_on", "warranty_until", "rented", "returned_on")
    list_filter = ("product__product_line", "rented")
    list_select_related = ("product",)
    search_fields = ("lot", "patient__account_number")
    raw_id_fields = ("patient", "order")


@admin.register(Document)
class DocumentAdmin(WorkshopAdmin):
    """What files there are and how they fared. The files themselves are opened in the console."""

    sees = "documents.view"
    list_display = ("ref", "kind", "state", "content_type", "size", "created_at")
    list_filter = ("kind", "state", "created_at")
    search_fields = ("=ref", "patient__account_number")
    exclude = ("storage_name", "thumbnail_name")
    raw_id_fields = ("patient", "order", "uploaded_by")


@admin.register(AccessEntry)
class AccessEntryAdmin(WorkshopAdmin):
    """The trail, to read and to take away. Nothing of it can be changed, here or anywhere."""

    sees = "trail.view"
    list_display = (
        "timestamp",
        "kind",
        "what",
        "outcome",
        "actor",
        "actor_name",
        "purpose",
        "patients",
        "remote_addr",
    )
    list_filter = ("kind", "outcome", "realm", "timestamp")
    list_select_related = ("actor",)
    search_fields = ("=cid", "=session", "=purpose")
    search_help_text = _(
        "Request id, session or purpose (case:C-10001-4); an account number finds a patient's."
    )
    date_hierarchy = None
    ordering = ("-id",)
    exclude = ("reason", "reason_digest", "changes")
    show_full_result_count = False

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
        if (proof := _prove_first(request)) is not None:
            return proof
        queryset = self.get_changelist_instance(request).get_queryset(request)
        if queryset.count() > MOST_ROWS:
            self.message_user(
                request, _("That is more than can be taken away at once: narrow it down."), messages.ERROR
            )
            return HttpResponseRedirect(reverse("admin:portal_accessentry_changelist"))
        audit.event("export", what="access trail")
        response = HttpResponse(csv_of(queryset), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="access-trail.csv"'
        return response
