"""The workshop's pages of words kept ready: each save is a version, and what can't be used is told by field."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from cases import canned, facts, macro_steps, macros, scripts, subjects, wording
from cases.models import CannedReply, Checklist, Macro, OpeningScript, SubjectTemplate
from cases.models.cases import CHANNELS
from portal import saying
from portal.access import require
from portal.workshop import WorkshopAdmin

FACTS_HELP = format_lazy(
    _("Filled in: {names}. A slot that the agent writes: {slot}."),
    names=", ".join(f"{{{name}}}" for name in facts.FACTS),
    slot="{... what to write}",
)
STEPS_HELP = format_lazy(
    _("A list of steps, each with do and what it needs: {acts}."),
    acts="; ".join(f"{code} ({', '.join(act.needs)})" for code, act in macro_steps.ACTS.items()),
)
KEEP: dict[type, Any] = {
    CannedReply: canned.keep,
    OpeningScript: scripts.keep,
    SubjectTemplate: subjects.keep,
    Checklist: subjects.keep_checklist,
    Macro: macros.keep,
}


class LinesField(forms.CharField):
    """A list of short texts, one to a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in (super().to_python(value) or "").splitlines() if line.strip()]


class WordsForm(forms.ModelForm):
    """What the rule would refuse is told beside its field, before anything is saved."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            wording.check(self.instance)
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]


class OnChannelsForm(WordsForm):
    channels = forms.MultipleChoiceField(
        choices=CHANNELS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Channels it may be used on; none: all."),
    )


class CannedForm(OnChannelsForm):
    class Meta:
        help_texts = {"body": FACTS_HELP}


class ChecklistForm(WordsForm):
    items = LinesField(help_text=_("One line for each thing to send."))


class MacroForm(OnChannelsForm):
    class Meta:
        help_texts = {"steps": STEPS_HELP}
        widgets = {"steps": forms.Textarea(attrs={"rows": 16, "cols": 80, "spellcheck": "false"})}


class WordsAdmin(WorkshopAdmin):
    """A page of words, with what each was before."""

    works, adds = "canned.manage", True
    form = WordsForm
    filter_horizontal: ClassVar[Any] = ("teams",)
    readonly_fields = ("kept",)
    with_teams = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        teams = ["teams"] if self.with_teams else []
        return [*super().get_fields(request, obj), *teams, *(["kept"] if obj else [])]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        require(request.user, self.works or "closed")
        KEEP[type(obj)](request.user, obj)

    @admin.display(description=_("Versions"))
    def kept(self, words: Any) -> Any:
        """The versions there were, newest first, with who made each and what it said."""
        rows = wording.versions(words).select_related("saved_by")[:20]
        told = (
            (row.number, saying.moment(row.saved_at), _who(row.saved_by), _said(row.content)) for row in rows
        )
        line = "<li><strong>{}</strong> · {} · {}<br>{}</li>"
        return format_html("<ol class='versions'>{}</ol>", format_html_join("", line, told))


def _who(user: Any) -> str:
    return str(user.display_name) if user else ""


def _said(content: dict[str, Any]) -> str:
    """The texts of a version, in one line."""
    texts = (value for value in content.values() if isinstance(value, str | list) and value)
    return " · ".join(str(text) for text in texts)[:400]


@admin.register(CannedReply)
class CannedReplyAdmin(WordsAdmin):
    form = CannedForm
    list_display = ("shortcut", "language", "kind", "title", "version", "used", "active")
    list_filter = ("language", "kind", "active")
    search_fields = ("shortcut", "title", "body")


@admin.register(OpeningScript)
class OpeningScriptAdmin(WordsAdmin):
    list_display = ("channel", "language", "greeting", "version", "active")
    list_filter = ("channel", "language", "active")
    search_fields = ("greeting", "reason")


@admin.register(SubjectTemplate)
class SubjectTemplateAdmin(WordsAdmin):
    with_teams = False
    filter_horizontal = ()
    list_display = ("code", "language", "topic", "needed", "version", "active")
    list_filter = ("language", "active")
    search_fields = ("code", "topic", "needed")


@admin.register(Checklist)
class ChecklistAdmin(WordsAdmin):
    form = ChecklistForm
    with_teams = False
    filter_horizontal = ()
    list_display = ("code", "language", "title", "version", "active")
    list_filter = ("language", "active")
    search_fields = ("code", "title")


@admin.register(Macro)
class MacroAdmin(WordsAdmin):
    form = MacroForm
    list_display = ("code", "name", "what_for", "version", "active")
    list_filter = ("active",)
    search_fields = ("code", "name", "what_for")
