"""The workshop's pages of promised calls, and of the figures they are promised by."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from cases.models import Callback, CallbackRules
from portal.workshop import WorkshopAdmin


@admin.register(CallbackRules)
class CallbackRulesAdmin(WorkshopAdmin):
    works, adds = "cases.manage", True
    list_display = ("__str__", "slot_minutes", "slot_capacity", "most_tries", "retry_minutes")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not CallbackRules.objects.exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = 1
        super().save_model(request, obj, form, change)


@admin.register(Callback)
class CallbackAdmin(WorkshopAdmin):
    sees = "cases.view"
    list_display = ("case", "starts_at", "state", "tries", "late", "made_at")
    list_filter = ("state", "late")
    list_select_related = ("case",)
    search_fields = ("=case__number",)
    raw_id_fields = ("case", "made_by")
    date_hierarchy = "starts_at"

    def whose(self, obj: Any) -> Any:
        return obj.case.patient_id
