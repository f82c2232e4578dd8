"""The workshop's pages of calendars, SLA policies and how they were kept."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from cases import opening, promises
from cases.clock_words import in_full
from cases.models import Attainment, Calendar, OpenHours, SlaPolicy, SlaTarget, SpecialDay
from portal.access import allowed
from portal.workshop import WorkshopAdmin

MANAGES = "clocks.manage"


class Rows(admin.TabularInline):
    """Rows of a rule, changed and taken away with it."""

    extra = 0
    manages = MANAGES

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, "workshop.view") or allowed(request.user, self.manages)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, self.manages)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, self.manages)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return allowed(request.user, self.manages)


class _Checked(BaseInlineFormSet):
    """Rows that are looked at together, once each is right by itself."""

    def clean(self) -> None:
        super().clean()
        if not any(self.errors):
            kept = (form.cleaned_data for form in self.forms if form.cleaned_data)
            self.check([row for row in kept if not row.get("DELETE")])

    def check(self, rows: list[dict[str, Any]]) -> None:
        raise NotImplementedError


class HoursTogether(_Checked):
    def check(self, rows: list[dict[str, Any]]) -> None:
        if not rows and not self.instance.always_open:
            raise ValidationError(
                _("A calendar without hours would never be open: add some, or say always open.")
            )
        opening.refuse_overlap([(row["weekday"], row["opens"], row["closes"]) for row in rows])


class DaysTogether(_Checked):
    def check(self, rows: list[dict[str, Any]]) -> None:
        opening.refuse_odd_days([(row["date"], row["opens"], row["closes"]) for row in rows])


class TargetsTogether(_Checked):
    def check(self, rows: list[dict[str, Any]]) -> None:
        if not rows:
            raise ValidationError(_("A policy promises something: add a target."))


class HoursInline(Rows):
    model, formset = OpenHours, HoursTogether
    fields = ("weekday", "opens", "closes")


class DaysInline(Rows):
    model, formset = SpecialDay, DaysTogether
    fields = ("date", "name", "opens", "closes")


class TargetsInline(Rows):
    model, formset = SlaTarget, TargetsTogether
    fields = ("kind", "within", "calendar", "warn_at_percent", "pauses")


@admin.register(Calendar)
class CalendarAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = ("name", "code", "time_zone", "always_open", "holiday_country", "is_default")
    list_filter = ("always_open", "time_zone", "is_default")
    search_fields = ("name", "code", "time_zone")
    inlines = (HoursInline, DaysInline)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What was saved is kept; which promises can't be counted by it is said."""
        super().save_related(request, form, formsets, change)
        for target in promises.uncounted(form.instance):
            words = {
                "policy": target.policy.name,
                "kind": target.get_kind_display(),
                "calendar": form.instance.name,
            }
            messages.error(
                request,
                _("%(policy)s, %(kind)s: it cannot be counted, calendar %(calendar)s is never open so long.")
                % words,
            )


@admin.register(SlaPolicy)
class SlaPolicyAdmin(WorkshopAdmin):
    works, adds = MANAGES, True
    list_display = (
        *("name", "reason", "reason_family", "customer_tier", "priority", "channel"),
        *("weight", "promised", "effective_from", "effective_until", "active"),
    )
    list_filter = ("active", "channel", "reason_family", "customer_tier", "priority", "effective_from")
    list_select_related = ("reason",)
    search_fields = ("name", "reason__code", "reason__label")
    inlines = (TargetsInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("targets")

    @admin.display(description=_("Weight"))
    def weight(self, policy: SlaPolicy) -> int:
        """Of the policies that fit a case, the heaviest makes the promise."""
        return promises.weight(policy)

    @admin.display(description=_("Promises"))
    def promised(self, policy: SlaPolicy) -> str:
        return ", ".join(
            f"{target.get_kind_display()}: {in_full(target.within)}" for target in policy.targets.all()
        )


@admin.register(Attainment)
class AttainmentAdmin(WorkshopAdmin):
    list_display = ("begins_at", "span", "channel", "kind", "kept", "missed", "percent")
    list_filter = ("span", "channel", "kind", "begins_at")
    search_fields = ("channel", "kind")
    ordering = ("-begins_at", "channel", "kind")

    @admin.display(description=_("Kept"))
    def percent(self, row: Attainment) -> str:
        return f"{row.share:.0%}"
