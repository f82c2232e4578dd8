"""Verification: what each level opens, its figures, who tried, what is locked, and emergencies to be reviewed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from portal import emergency, verification
from portal.access import allowed, require
from portal.models import EmergencyAccess, LevelOpens, Verification, VerificationLock, VerificationRules
from portal.workshop import WorkshopAdmin


@admin.register(VerificationRules)
class VerificationRulesAdmin(WorkshopAdmin):
    sees = "verification.manage"
    works = "verification.manage"
    list_display = ("__str__", "tries", "lock_minutes", "identified_minutes", "verified_minutes")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request) and not VerificationRules.objects.exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = 1
        super().save_model(request, obj, form, change)


@admin.register(LevelOpens)
class LevelOpensAdmin(WorkshopAdmin):
    """The one table of what a level opens. What is verified alone can't be put below level 2."""

    sees = "verification.manage"
    works = "verification.manage"
    adds = True
    list_display = ("what", "level", "playbook")
    list_filter = ("level", "what")
    search_fields = ("playbook", "what")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        require(request.user, "verification.manage")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        require(request.user, "verification.manage")
        super().delete_queryset(request, queryset)


@admin.register(Verification)
class VerificationAdmin(WorkshopAdmin):
    """Every try: how, by whom, for what, and whether it fitted. What was said is not kept."""

    sees = "trail.view"
    list_display = ("at", "how", "passed", "level", "agent", "purpose", "expires_at")
    list_filter = ("passed", "how", "level", "at")
    search_fields = ("=patient__account_number", "=purpose")
    list_select_related = ("agent",)
    raw_id_fields = ("patient", "agent", "caregiver")


@admin.register(VerificationLock)
class VerificationLockAdmin(WorkshopAdmin):
    sees = "verification.manage"
    list_display = ("locked_at", "until", "lifted_at", "lifted_by")
    list_filter = ("locked_at",)
    search_fields = ("=patient__account_number",)
    list_select_related = ("lifted_by",)
    raw_id_fields = ("patient", "lifted_by")
    actions = ("lift",)

    @admin.action(description=_("Lift the chosen locks"))
    def lift(self, request: HttpRequest, queryset: Any) -> None:
        self.each(
            request, queryset, lambda lock: verification.lift(request.user, lock=lock), _("Locks lifted")
        )


class ReviewForm(forms.Form):
    justified = forms.TypedChoiceField(
        label=_("Was it justified?"),
        choices=[("yes", _("Yes")), ("no", _("No"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    note = forms.CharField(
        label=_("What you found"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3, "cols": 60})
    )


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(WorkshopAdmin):
    """Records opened in an emergency. Each is judged by somebody other than who opened it."""

    sees = "break_glass.review"
    list_display = ("began_at", "user", "purpose", "state", "reviewed_by", "reviewed_at")
    list_filter = ("state", "began_at")
    search_fields = ("=patient__account_number", "=purpose")
    list_select_related = ("user", "reviewed_by")
    raw_id_fields = ("patient", "user", "reviewed_by")
    ordering = ("-began_at",)

    @property
    def sealed(self) -> list[str]:
        """The reason is what a reviewer reads; it is on the trail that they opened it."""
        return []

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.review_view)
        return [
            path("<int:object_id>/review/", view, name="portal_emergencyaccess_review"),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> Any:
        address = reverse("admin:portal_emergencyaccess_review", args=[object_id])
        tools = [{"url": address, "label": _("Review")}]
        shown = tools if allowed(request.user, "break_glass.review") else []
        return super().change_view(request, object_id, form_url, {"tools": shown, **(extra_context or {})})

    def review_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        require(request.user, "break_glass.review")
        access = get_object_or_404(EmergencyAccess.objects.select_related("patient"), pk=object_id)
        form = ReviewForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                emergency.review(request.user, access=access, **form.cleaned_data)  # type: ignore[arg-type]
            except (forms.ValidationError, ValueError) as refused:
                words = getattr(refused, "messages", [str(refused)])
                form.add_error(None, " ".join(words))
            else:
                self.message_user(request, _("Reviewed."))
                return HttpResponseRedirect(reverse("admin:portal_emergencyaccess_changelist"))
        lead = _("You judge what a colleague did. Your own emergencies are judged by somebody else.")
        return self.ask(request, form, title=_("Review an emergency"), button=_("Save"), lead=lead)
