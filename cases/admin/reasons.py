"""The workshop's pages of what cases are told apart by, and of the figures they are kept together by."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases.admin.clocks import Rows
from cases.models import CaseLink, CaseRules, CloseRule, Merge, Reason, Tag
from portal.access import allowed
from portal.workshop import WorkshopAdmin

MANAGES = "cases.manage"


class CloseRulesInline(Rows):
    model = CloseRule
    verbose_name_plural = _("what a case of this reason must have before it closes")
    fields = ("asks",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, MANAGES)

    has_add_permission = has_delete_permission = has_change_permission


@admin.register(Reason)
class ReasonAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = (
        *("code", "family", "label", "customer_label", "offered"),
        *("team", "priority", "lane", "active"),
    )
    list_filter = ("family", "lane", "offered", "active", "team")
    list_select_related = ("team",)
    search_fields = ("code", "label", "customer_label")
    inlines = (CloseRulesInline,)


@admin.register(Tag)
class TagAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = ("name", "active")
    list_filter = ("active",)
    search_fields = ("name",)


@admin.register(CaseRules)
class CaseRulesAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = ("__str__", "reopen_days", "repeat_days", "merge_undo_hours", "bulk_most")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and not CaseRules.objects.exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = 1
        super().save_model(request, obj, form, change)


@admin.register(Merge)
class MergeAdmin(WorkshopAdmin):
    sees = "cases.manage"
    list_display = ("case", "into", "by", "at", "until", "undone_at")
    list_filter = ("undone_at",)
    list_select_related = ("case", "into", "by")
    search_fields = ("=case__number", "=into__number")
    raw_id_fields = ("case", "into", "by")

    def whose(self, obj: Any) -> Any:
        return obj.case.patient_id


@admin.register(CaseLink)
class CaseLinkAdmin(WorkshopAdmin):
    sees = "cases.manage"
    list_display = ("case", "kind", "other", "at")
    list_filter = ("kind",)
    list_select_related = ("case", "other")
    search_fields = ("=case__number", "=other__number")
    raw_id_fields = ("case", "other", "message")

    def whose(self, obj: Any) -> Any:
        return obj.case.patient_id
