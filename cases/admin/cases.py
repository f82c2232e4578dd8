"""The workshop's pages of cases, reasons and teams."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ActionForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import cases
from cases.models import Case, CaseEvent, Team
from portal.access import STAFF_REALM, allowed, require
from portal.models import User
from portal.workshop import WorkshopAdmin


class CaseActionForm(ActionForm):
    """What a bulk action needs to know beside the chosen cases."""

    owner = forms.ModelChoiceField(label=_("To"), queryset=User.objects.none(), required=False)
    disposition = forms.ChoiceField(
        label=_("How it ended"), choices=[("", "—"), *Case.DISPOSITIONS], required=False
    )
    next_step = forms.CharField(label=_("Next step"), required=False, max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = User.objects.filter(realm=STAFF_REALM, is_active=True).prefetch_related("role_grants")
        field: Any = self.fields["owner"]
        field.queryset = staff
        field.label_from_instance = lambda user: user.display_name


class EventInline(admin.TabularInline):
    model = CaseEvent
    extra = 0
    can_delete = False
    fields = readonly_fields = ("at", "kind", "actor", "actor_name")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "cases.view")


@admin.register(Case)
class CaseAdmin(WorkshopAdmin):
    sees = "cases.view"
    list_display = (
        "number",
        "state",
        "channel",
        "reason",
        "product_line",
        "priority",
        "owner_name",
        "team",
        "opened_at",
    )
    list_filter = (
        "state",
        "channel",
        "reason__family",
        "reason",
        "product_line",
        "priority",
        "team",
        "disposition",
    )
    list_select_related = ("reason", "owner", "team")
    search_fields = ("=number", "=patient__account_number", "=order__number")
    ordering = ("-pk",)
    inlines = (EventInline,)
    raw_id_fields = ("patient", "order", "owner", "last_message")
    action_form = CaseActionForm
    actions = ("assign", "release", "close")

    @admin.display(description=_("Owner"))
    def owner_name(self, case: Case) -> str:
        return case.owner.display_name if case.owner else ""

    @admin.action(description=_("Assign to the person named"))
    def assign(self, request: HttpRequest, queryset: Any) -> None:
        require(request.user, "cases.assign_others")
        owner = User.objects.filter(pk=request.POST.get("owner") or None).first()
        if owner is None:
            self.message_user(request, _("Choose who the cases go to."), "error")
            return
        self.each(
            request, queryset, lambda case: cases.assign(request.user, case=case, to=owner), _("Assigned")
        )

    @admin.action(description=_("Put back into the queue"))
    def release(self, request: HttpRequest, queryset: Any) -> None:
        self.each(request, queryset, lambda case: cases.release(request.user, case=case), _("Put back"))

    @admin.action(description=_("Close with the disposition and next step named"))
    def close(self, request: HttpRequest, queryset: Any) -> None:
        how: dict[str, Any] = {name: request.POST.get(name, "") for name in ("disposition", "next_step")}
        self.each(request, queryset, lambda case: cases.close(request.user, case=case, **how), _("Closed"))


@admin.register(Team)
class TeamAdmin(WorkshopAdmin):
    works, adds = "cases.manage", True
    list_display = ("code", "name")
    search_fields = ("code", "name")
    filter_horizontal = ("members",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("code", "name", "members")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "members":
            kwargs["queryset"] = User.objects.filter(realm=STAFF_REALM)
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.label_from_instance = lambda user: user.display_name
        return field
