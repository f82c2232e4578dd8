"""The editor's forms: a playbook's head, what it collects, whom it calls, and each of its steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from cases import playbook_content as pc
from cases.playbook_actions import ACTIONS
from cases.snoozing import refuse_far
from portal.choices import choose_from
from portal.models.verification import WHATS

NOTHING = ("", "—")
CONDITIONS = 3
SCRIPT_CHANNELS = [
    ("any", _("Any channel")),
    ("phone", _("Phone")),
    ("chat", _("Chat")),
    ("portal", _("Portal")),
    ("email", _("E-mail")),
    ("sms", _("Text message")),
]
SHORT = forms.Textarea(attrs={"rows": 2, "cols": 60})


class RevisedForm(forms.Form):
    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class RowForm(forms.Form):
    """A row of a formset; ``names`` is the input that its heading shows."""

    names = ""

    @property
    def heading(self) -> Any:
        return self.initial.get(self.names) or _("One more")


class HeaderForm(RevisedForm):
    purpose = forms.CharField(label=_("What it is for"), max_length=400, widget=SHORT)
    level = forms.TypedChoiceField(
        label=_("Verification level"), choices=[(0, "0"), (1, "1"), (2, "2")], coerce=int
    )
    identifiers = forms.MultipleChoiceField(
        label=_("Identifiers, two at least"), choices=[], required=False, widget=forms.CheckboxSelectMultiple
    )
    steer_en = forms.CharField(
        label=_("What e-mail and text say instead, English"), widget=SHORT, max_length=600
    )
    steer_es = forms.CharField(label=_("The same in Spanish"), widget=SHORT, max_length=600)
    first = forms.ChoiceField(label=_("First step"), required=False)

    def __init__(self, *args: Any, steps: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "first", [NOTHING, *steps])
        choose_from(self, "identifiers", list(pc.IDENTIFIERS.items()))

    @staticmethod
    def begin(raw: Mapping[str, Any]) -> dict[str, Any]:
        steer = raw.get("steer", {})
        return {"level": 1, **raw, "steer_en": steer.get("en", ""), "steer_es": steer.get("es", "")}

    def content(self) -> dict[str, Any]:
        """The part of the version that this form holds."""
        given = dict(self.cleaned_data)
        del given["revision"]
        steer = {language: given.pop(f"steer_{language}") for language in pc.LANGUAGES}
        return {**given, "steer": steer}


class FieldForm(RowForm):
    names = "label"
    name = forms.RegexField(r"^[a-z][a-z_]{0,39}$", label=_("Name"), help_text=_("Small letters and _."))
    label = forms.CharField(label=_("What the agent reads"), max_length=120)
    type = forms.ChoiceField(label=_("Type"), choices=list(pc.TYPES.items()), initial="text")
    required = forms.BooleanField(label=_("Required"), required=False, initial=True)
    phi = forms.BooleanField(label=_("PHI"), required=False)
    what = forms.ChoiceField(label=_("Opened as"), choices=WHATS, required=False, initial="asked")
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        widget=SHORT,
        help_text=_("One to a line: value, colon, what the agent reads."),
    )
    least = forms.CharField(label=_("At least"), max_length=20, required=False)
    most = forms.CharField(label=_("At most"), max_length=20, required=False)

    @staticmethod
    def begin(raw: Mapping[str, Any]) -> dict[str, Any]:
        lines = "\n".join(f"{value}: {label}" for value, label in raw.get("choices", []))
        return {"required": True, "what": "asked", **raw, "choices": lines}

    def clean_choices(self) -> list[list[str]]:
        pairs = [line.partition(":") for line in self.cleaned_data["choices"].splitlines() if line.strip()]
        return [[value.strip(), (label or value).strip()] for value, _colon, label in pairs]

    def content(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in {"DELETE", "ORDER"}}


class EscalationForm(RowForm):
    names = "when"
    lane = forms.ChoiceField(label=_("Lane"), choices=[NOTHING, *pc.LANES.items()])
    when = forms.CharField(label=_("When"), max_length=300, widget=SHORT)

    @staticmethod
    def begin(raw: Mapping[str, Any]) -> dict[str, Any]:
        return dict(raw)

    def content(self) -> dict[str, Any]:
        return {"lane": self.cleaned_data["lane"], "when": self.cleaned_data["when"]}


class StepForm(RevisedForm):
    """One step. ``rest`` are the other steps and the fields of its playbook, to choose from."""

    title = forms.CharField(label=_("Title"), max_length=120)
    kind = forms.ChoiceField(label=_("Kind"), choices=list(pc.KINDS.items()))
    guide = forms.CharField(
        label=_("What the agent should know"), required=False, widget=SHORT, max_length=1200
    )
    required = forms.BooleanField(label=_("Required: skipping it is flagged"), required=False)
    level = forms.TypedChoiceField(
        label=_("For callers verified to level"), choices=[(0, "0"), (1, "1"), (2, "2")], coerce=int
    )
    fields_asked = forms.MultipleChoiceField(
        label=_("Fields to collect"), required=False, widget=forms.CheckboxSelectMultiple
    )
    action = forms.ChoiceField(label=_("Sets going"), required=False)
    lane = forms.ChoiceField(label=_("Escalates to"), choices=[NOTHING, *pc.LANES.items()], required=False)
    next = forms.ChoiceField(label=_("Goes on to"), required=False)
    failed = forms.ChoiceField(label=_("Where the verification fails"), required=False)

    def __init__(self, *args: Any, raw: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        steps = steps_of(raw)
        choose_from(self, "next", [NOTHING, *steps])
        choose_from(self, "failed", [NOTHING, *steps])
        choose_from(self, "fields_asked", [(one["name"], one["label"]) for one in raw.get("fields", [])])
        choose_from(self, "action", [NOTHING, *((code, action.label) for code, action in ACTIONS.items())])
        for channel, language, label in _scripts():
            self.fields[f"script_{channel}_{language}"] = forms.CharField(
                label=label, required=False, widget=SHORT, max_length=2000
            )

    @staticmethod
    def begin(step: Mapping[str, Any]) -> dict[str, Any]:
        scripts = step.get("scripts", {})
        written = {
            f"script_{channel}_{language}": scripts.get(channel, {}).get(language, "")
            for channel, language, _label in _scripts()
        }
        return {"required": True, "level": 0, **step, "fields_asked": step.get("fields", []), **written}

    def content(self, code: str) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        scripts: dict[str, dict[str, str]] = {}
        for channel, language, _label in _scripts():
            if words := given.pop(f"script_{channel}_{language}"):
                scripts.setdefault(channel, {})[language] = words
        del given["revision"]
        asked = given.pop("fields_asked")
        return {**given, "code": code, "fields": asked, "scripts": scripts}


class BranchForm(RowForm):
    """Where to go when up to three conditions all hold."""

    names = "words"
    then = forms.ChoiceField(label=_("Go to"))
    words = forms.CharField(label=_("Because"), max_length=160)

    def __init__(self, *args: Any, raw: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "then", [NOTHING, *steps_of(raw)])
        fields = [(one["name"], one["label"]) for one in raw.get("fields", [])]
        for number in range(CONDITIONS):
            self.fields[f"field_{number}"] = forms.ChoiceField(
                label=_("If"), choices=[NOTHING, *fields], required=number == 0
            )
            self.fields[f"test_{number}"] = forms.ChoiceField(
                label=_("is"), choices=[NOTHING, *pc.TESTS.items()], required=False
            )
            self.fields[f"value_{number}"] = forms.CharField(label=_("Value"), max_length=120, required=False)

    @staticmethod
    def begin(branch: Mapping[str, Any]) -> dict[str, Any]:
        begun = {"then": branch["then"], "words": branch.get("words", "")}
        for number, condition in enumerate(branch["when"][:CONDITIONS]):
            begun |= {f"{name}_{number}": value for name, value in condition.items()}
        return begun

    def content(self) -> dict[str, Any]:
        given = self.cleaned_data
        when = [
            {name: given[f"{name}_{number}"] for name in ("field", "test", "value")}
            for number in range(CONDITIONS)
            if given.get(f"field_{number}")
        ]
        return {"then": given["then"], "words": given["words"], "when": when}


class JsonForm(RevisedForm):
    text = forms.CharField(
        label=_("JSON"), required=False, widget=forms.Textarea(attrs={"rows": 20, "cols": 100}), strip=False
    )
    file = forms.FileField(label=_("or a file"), required=False)

    def json(self) -> str:
        sent = self.cleaned_data["file"]
        return sent.read().decode("utf-8", "replace") if sent else str(self.cleaned_data["text"])


class SubmitForm(RevisedForm):
    note = forms.CharField(label=_("What is new, in a sentence"), max_length=200)


class PublishForm(RevisedForm):
    effective_from = forms.DateTimeField(
        label=_("In force from (empty: now)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        validators=[refuse_far],
    )


def steps_of(raw: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(step["code"], step["title"]) for step in raw.get("steps", [])]


def rows(form: type[forms.Form], extra: int = 2) -> type[BaseFormSet]:
    """Rows of ``form`` with a few empty ones below, each to be ticked for deletion, in an order of their own."""
    return formset_factory(form, extra=extra, can_delete=True, can_order=True, max_num=60)


def kept(formset: BaseFormSet) -> list[dict[str, Any]]:
    """What the filled rows hold, in their order."""
    return [form.content() for form in formset.ordered_forms if form.has_changed() or form.initial]


def _scripts() -> Iterator[tuple[str, str, Any]]:
    names = {"en": _("English"), "es": _("Spanish")}
    for channel, label in SCRIPT_CHANNELS:
        for language in pc.LANGUAGES:
            yield channel, language, f"{label}, {names[language]}"
