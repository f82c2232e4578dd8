"""The workshop's pages of rotas, escalation policies, and what was escalated."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import chain_check, escalation_ratios, rota
from cases.admin.clocks import Rows, _Checked
from cases.models import (
    Escalation,
    EscalationPolicy,
    Page,
    PolicyStep,
    Rota,
    RotaLayer,
    RotaMember,
    RotaOverride,
    RotaRestriction,
)
from cases.models.escalation import PAGED_BY
from cases.models.sla import CLOCKS
from portal.access import STAFF_REALM
from portal.models import User
from portal.workshop import WorkshopAdmin

MANAGES = "rota.manage"
RATIO_DAYS = 30


class DutyRows(Rows):
    """Rows of a rota or a chain; people are named, not numbered."""

    manages = MANAGES

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is not User:
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        staff = User.objects.filter(realm=STAFF_REALM, is_active=True).order_by("pk")
        field: Any = super().formfield_for_foreignkey(db_field, request, queryset=staff, **kwargs)
        field.label_from_instance = lambda user: user.display_name
        return field


class LayersInline(DutyRows):
    model = RotaLayer
    fields = ("rank", "name", "turn_days", "begins_on", "hand_over_at", "time_zone")
    show_change_link = True


class OverridesInline(DutyRows):
    model = RotaOverride
    fields = ("user", "starts_at", "ends_at")


class MembersInline(DutyRows):
    model = RotaMember
    fields = ("place", "user")


class RestrictionsInline(DutyRows):
    model = RotaRestriction
    fields = ("weekday", "from_time", "until_time")


def tell_gaps(request: HttpRequest, of: Rota) -> None:
    """What was saved is kept; when nobody will be on duty by it is said."""
    gaps = rota.gaps_ahead(rota.plan(of))
    if gaps:
        words = {"rota": of.name, "gaps": chain_check.named_gaps(of, gaps)}
        messages.warning(request, _("Nobody is on duty in %(rota)s: %(gaps)s") % words)


@admin.register(Rota)
class RotaAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = ("name", "code", "time_zone", "on_duty_now", "gaps_ahead", "active")
    list_filter = ("active", "around_the_clock", "time_zone")
    search_fields = ("name", "code")
    inlines = (LayersInline, OverridesInline)

    @admin.display(description=_("On duty now"))
    def on_duty_now(self, of: Rota) -> str:
        return ", ".join(user.display_name for user in rota.on_duty(of, timezone.now())) or str(_("Nobody"))

    @admin.display(description=_("Gaps ahead"))
    def gaps_ahead(self, of: Rota) -> str:
        gaps = rota.gaps_ahead(rota.plan(of))
        return chain_check.named_gaps(of, gaps) if gaps else str(_("None"))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        tell_gaps(request, form.instance)


@admin.register(RotaLayer)
class RotaLayerAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = ("rota", "rank", "name", "turn_days", "hand_over_at", "time_zone")
    list_filter = ("rota",)
    list_select_related = ("rota",)
    search_fields = ("name", "rota__name")
    inlines = (MembersInline, RestrictionsInline)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        tell_gaps(request, form.instance.rota)


class StepForm(forms.ModelForm):
    channels = forms.MultipleChoiceField(
        label=_("Paged by"),
        choices=PAGED_BY,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("The console at once; the others one after the other, in this order."),
    )

    class Meta:
        model = PolicyStep
        fields = ("place", "who", "person", "channels", "between_minutes", "wait_minutes")


class StepsTogether(_Checked):
    def check(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            raise ValidationError(_("A chain without steps would call nobody: add one."))


class StepsInline(DutyRows):
    model, form, formset = PolicyStep, StepForm, StepsTogether


class PolicyForm(forms.ModelForm):
    climbs_on = forms.MultipleChoiceField(
        label=_("Climbs on"),
        choices=CLOCKS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("A case comes here by itself when one of these clocks runs out."),
    )


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    form = PolicyForm
    list_display = (
        *("name", "lane", "family", "rota", "acknowledge_minutes", "resolve_minutes"),
        *("around_the_clock", "active"),
    )
    list_filter = ("lane", "family", "active")
    list_select_related = ("rota",)
    search_fields = ("name", "code")
    inlines = (StepsInline,)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for words in chain_check.weak_points(form.instance):
            messages.warning(request, words)


@admin.register(Escalation)
class EscalationAdmin(WorkshopAdmin):
    sees = "cases.view"
    list_display = (
        "case",
        "lane",
        "tier",
        "state",
        "opened_at",
        "acknowledged_at",
        "due_at",
        "overdue_at",
        "ended_at",
    )
    list_filter = ("lane", "state", "policy", "opened_at")
    list_select_related = ("case",)
    search_fields = ("=case__number",)
    ordering = ("-pk",)
    raw_id_fields = ("case", "opened_by", "acknowledged_by", "ended_by")

    def whose(self, obj: Escalation) -> Any:
        return obj.case.patient_id

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Above the list, the two ratios of the last days, apart (R-SLA-5)."""
        now = timezone.now()
        ratios = escalation_ratios.ratios(now - timedelta(days=RATIO_DAYS), now)
        shown = {"ratios": ratios, "ratio_days": RATIO_DAYS, **(extra_context or {})}
        return super().changelist_view(request, shown)


@admin.register(Page)
class PageAdmin(WorkshopAdmin):
    sees = "cases.view"
    list_display = (
        *("escalation", "round", "step", "person_name", "channel", "state", "fault"),
        *("due_at", "sent_at", "acknowledged_at", "provider_id"),
    )
    list_filter = ("channel", "state", "fault", "as_stand_in", "due_at")
    list_select_related = ("escalation__case", "person")
    search_fields = ("=escalation__case__number", "=provider_id")
    ordering = ("-pk",)
    raw_id_fields = ("escalation", "person")

    def whose(self, obj: Page) -> Any:
        return obj.escalation.case.patient_id

    @admin.display(description=_("Person"))
    def person_name(self, page: Page) -> str:
        return str(page.person.display_name)
