"""Patients and what they have: products, orders, devices, documents, changes they ask for."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from config.security import audit
from portal import invitations, profile, tiers
from portal.access import allowed, require
from portal.models import (
    ContactChange,
    Device,
    Document,
    Order,
    OrderLine,
    Patient,
    Practitioner,
    Product,
    Shipment,
)
from portal.workshop import REASON_LENGTH, WorkshopAdmin


class FindForm(forms.Form):
    words = forms.CharField(label=_("Surname, phone or e-mail address in full"), max_length=120)


class FoundFilter(admin.SimpleListFilter):
    """The rows that a search by name, phone or e-mail address found; offered while they are shown."""

    title, parameter_name = _("search"), "pk__in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(self.value() or "", _("Found"))] if self.value() else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        found = [int(pk) for pk in (self.value() or "").split(",") if pk.isdecimal() and len(pk) < 19]
        return queryset.filter(pk__in=found)


class TierForm(forms.Form):
    tier = forms.ChoiceField(label=_("Tier"), choices=Patient.TIERS)
    reason = forms.CharField(
        label=_("Why?"),
        help_text=_("It goes on the access trail."),
        min_length=REASON_LENGTH,
        max_length=400,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )


@admin.register(Patient)
class PatientAdmin(WorkshopAdmin):
    sees = "patients.view"
    list_display = ("account_number", "language", "state", "preferred_channel", "synthetic", "created_at")
    list_filter = (FoundFilter, "language", "preferred_channel", "state")
    search_fields = ("account_number",)
    search_help_text = _("Account number. By name, phone or e-mail address: Find a patient.")
    ordering = ("-pk",)
    actions = ("invite",)

    def whose(self, obj: Patient) -> Any:
        return obj.pk

    @admin.action(description=_("Invite to the portal, at the address on file"))
    def invite(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request,
            queryset,
            lambda patient: invitations.invite_patient(request.user, patient=patient),
            _("Invitations on their way"),
        )

    def get_urls(self) -> list[Any]:
        find = self.admin_site.admin_view(self.find_view)
        tier = self.admin_site.admin_view(self.tier_view)
        return [
            path("find/", find, name="portal_patient_find"),
            path("<int:pk>/tier/", tier, name="portal_patient_tier"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        address = reverse("admin:portal_patient_tier", args=[object_id])
        tools = [{"url": address, "label": _("Tier")}] if allowed(request.user, "cases.manage") else []
        return super().change_view(request, object_id, form_url, {"tools": tools, **(extra_context or {})})

    def tier_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What is promised to this patient goes by their tier."""
        require(request.user, "cases.manage")
        patient = get_object_or_404(Patient, pk=pk)
        form = TierForm(request.POST or None, initial={"tier": patient.tier})
        if request.method == "POST" and form.is_valid():
            tiers.choose(request.user, patient=patient, **form.cleaned_data)
            return HttpResponseRedirect(reverse("admin:portal_patient_change", args=[pk]))
        lead = _("Whoever has life-sustaining equipment at home is on that tier, whatever stands here.")
        return self.ask(request, form, title=_("Tier"), button=_("Save"), lead=lead)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        tools = [{"url": reverse("admin:portal_patient_find"), "label": _("Find a patient")}]
        return super().changelist_view(request, {"tools": tools, **(extra_context or {})})

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Posted, so that no name ever stands in an address; who was found stands there by row number."""
        if not self.has_view_permission(request):
            raise PermissionDenied(self.sees)
        form = FindForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            found = self._found(form.cleaned_data["words"])
            audit.event("search", subjects=found, what="patients in the workshop")
            chosen = ",".join(map(str, found)) or "0"
            return HttpResponseRedirect(f"{reverse('admin:portal_patient_changelist')}?pk__in={chosen}")
        return self.ask(request, form, title=_("Find a patient"), button=_("Find"))

    def _found(self, words: str) -> list[int]:
        asked = [
            {"name_tokens__matches": words},
            {"phone_index__matches": words},
            {"email_index__matches": words},
        ]
        rows = [
            Patient.objects.in_force().filter(**narrow).values_list("pk", flat=True)[: self.list_per_page]
            for narrow in asked
        ]
        return sorted({pk for found in rows for pk in found})


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


class ToLookAt(admin.TabularInline):
    """Rows of an order, shown with it."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "orders.view")


class LineInline(ToLookAt):
    model = OrderLine
    fields = readonly_fields = ("product", "quantity", "unit_price", "modifiers", "rental_month")


class ShipmentInline(ToLookAt):
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
    behind_reason = ("lines", "shipments")
    raw_id_fields = ("patient", "practitioner")

    def get_inline_instances(self, request: HttpRequest, obj: Any = None) -> Any:
        """What equipment somebody gets and where it travels stands behind the reason, as sealed fields do."""
        if obj is None or hasattr(obj, "masked_for_show"):
            return []
        return super().get_inline_instances(request, obj)


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


@admin.register(ContactChange)
class ContactChangeAdmin(WorkshopAdmin):
    """What patients want changed on their record. Old and new stand behind dots until unmasked."""

    sees = "patients.change"
    list_display = ("proposed_at", "field", "state", "decided_at")
    list_filter = ("state", "field")
    search_fields = ("=patient__account_number",)
    raw_id_fields = ("patient", "proposed_by", "decided_by")
    ordering = ("-proposed_at",)
    actions = ("accept", "refuse")

    @admin.action(description=_("Accept the chosen changes"))
    def accept(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, True, _("Accepted"))

    @admin.action(description=_("Refuse the chosen changes"))
    def refuse(self, request: HttpRequest, queryset: Any) -> None:
        self._decide(request, queryset, False, _("Refused"))

    def _decide(self, request: HttpRequest, queryset: Any, accept: bool, done: Any) -> None:
        chosen = queryset.select_related("patient")
        self.each(request, chosen, lambda row: profile.decide(request.user, change=row, accept=accept), done)
