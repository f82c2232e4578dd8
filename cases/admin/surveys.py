"""The workshop's pages of surveys: what is asked, who was asked, what they answered and what it adds up to."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import surveys
from cases.admin.words import WordsAdmin, WordsForm
from cases.models import Case, Survey, SurveyAnswer, SurveyFollowUp, SurveyInvitation
from portal.access import allowed, require
from portal.models import User
from portal.workshop import WorkshopAdmin

LONGEST_DAYS = 366


class ResultsForm(forms.Form):
    by = forms.ChoiceField(
        label=_("By"),
        choices=[
            ("agent", _("Agent")),
            ("team", _("Team")),
            ("channel", _("Channel")),
            ("reason", _("Reason")),
        ],
    )
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=LONGEST_DAYS)


@admin.register(Survey)
class SurveyAdmin(WordsAdmin):
    works = "surveys.manage"
    form = WordsForm
    with_teams = False
    filter_horizontal = ()
    list_display = ("code", "question", "scale", "delay_minutes", "quiet_days", "version", "active")
    search_fields = ("code", "question")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        results = {"url": reverse("admin:cases_survey_results"), "label": _("Results")}
        tools = [results] if allowed(request.user, "surveys.manage") else []
        return super().changelist_view(request, {"tools": tools, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        surveys.keep(request.user, obj)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.results_view)
        return [path("results/", view, name="cases_survey_results"), *super().get_urls()]

    def results_view(self, request: HttpRequest) -> HttpResponse:
        """How satisfied customers were, by whom or what, each with how many it stands on."""
        require(request.user, "surveys.manage")
        asked = {"by": "agent", "days": "91"} | {name: request.GET[name] for name in request.GET}
        form = ResultsForm(asked)
        lines = _lines(request.user, **form.cleaned_data) if form.is_valid() else []
        words = {"title": _("What customers thought"), "form": form, "lines": lines}
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, **words}
        return render(request, "admin/survey_results.html", context)


def _lines(actor: Any, by: str, days: int) -> list[tuple[str, surveys.Line]]:
    found = surveys.results(actor, by=by, since=timezone.now() - timedelta(days=days))
    names = _names(by, [line.group for line in found])
    return [(names.get(line.group) or str(line.group or _("None")), line) for line in found]


def _names(by: str, groups: list[Any]) -> dict[Any, str]:
    if by == "agent":
        return {user.pk: str(user.display_name) for user in User.objects.filter(pk__in=groups)}
    if by == "channel":
        return {code: str(label) for code, label in Case._meta.get_field("channel").flatchoices}
    return {}


@admin.register(SurveyInvitation)
class SurveyInvitationAdmin(WorkshopAdmin):
    sees = "surveys.manage"
    list_display = ("case", "state", "why", "way", "case_channel", "team", "reason", "sent_at")
    list_filter = ("state", "why", "way", "case_channel", "team", "reason")
    list_select_related = ("case", "team", "reason")
    search_fields = ("=case__number",)
    exclude = ("token_digest",)
    ordering = ("-pk",)


@admin.register(SurveyAnswer)
class SurveyAnswerAdmin(WorkshopAdmin):
    sees = "surveys.manage"
    list_display = ("of_case", "score", "scale", "answered_at", "changed_at")
    list_filter = ("score", "invitation__case_channel", "invitation__team", "invitation__reason")
    list_select_related = ("invitation__case",)
    search_fields = ("=invitation__case__number",)
    ordering = ("-answered_at",)

    def whose(self, obj: Any) -> Any:
        return obj.invitation.patient_id

    @admin.display(description=_("Case"))
    def of_case(self, given: SurveyAnswer) -> str:
        return str(given.invitation.case)


@admin.register(SurveyFollowUp)
class SurveyFollowUpAdmin(WorkshopAdmin):
    sees = "surveys.manage"
    list_display = ("of_case", "opened_at", "done_at", "done_by_name")
    list_filter = (("done_at", admin.EmptyFieldListFilter),)
    list_select_related = ("answer__invitation__case", "done_by")
    search_fields = ("=answer__invitation__case__number",)
    ordering = ("-opened_at",)

    def whose(self, obj: Any) -> Any:
        return obj.answer.invitation.patient_id

    @admin.display(description=_("Case"))
    def of_case(self, follow_up: SurveyFollowUp) -> str:
        return str(follow_up.answer.invitation.case)

    @admin.display(description=_("Seen to by"))
    def done_by_name(self, follow_up: SurveyFollowUp) -> str:
        return str(follow_up.done_by.display_name) if follow_up.done_by else ""
