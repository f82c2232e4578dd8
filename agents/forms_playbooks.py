"""The form of a playbook's step: what it asks for, as inputs. The rule judges what was typed."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from cases.playbook_content import NO, YES
from cases.playbook_showing import HIDDEN, Collected
from cases.playbook_values import LONGEST


class RunForm(forms.Form):
    """On which state of the run somebody acts; ``place`` tells whether in the dialog or beside the case."""

    revision = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    place = forms.CharField(max_length=8, required=False, widget=forms.HiddenInput)


class ReasonedForm(RunForm):
    reason = forms.CharField(label=_("Why"), max_length=400, required=False)


class StepForm(RunForm):
    """What a step asks for. Values that may not be shown stand as dots and stay as they are if left empty."""

    def __init__(self, *args: Any, asked: Iterable[Collected], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = list(asked)
        for one in self.asked:
            self.fields[one.field.name] = _input(one)

    def values(self) -> dict[str, str]:
        """What was typed, by field."""
        return {one.field.name: str(self.cleaned_data.get(one.field.name, "")) for one in self.asked}

    def refuse(self, error: ValidationError) -> None:
        """The rule's words, at the fields they are about."""
        told: Mapping[str, list[str]] = getattr(error, "message_dict", {"": error.messages})
        for name, words in told.items():
            self.add_error(name if name in self.fields else None, words)


def _input(one: Collected) -> forms.Field:
    field = one.field
    common: dict[str, Any] = {
        "label": field.label,
        "required": False,
        "initial": "" if one.hidden else one.value,
        "help_text": _("On record, and closed at this level.") if one.hidden else "",
    }
    if field.type in {"choice", "yesno"}:
        choices = field.choices or ((YES, _("Yes")), (NO, _("No")))
        made: forms.Field = forms.CharField(widget=forms.RadioSelect(choices=choices), **common)
    else:
        widget = forms.TextInput(attrs=_attrs(field.type) | ({"placeholder": HIDDEN} if one.hidden else {}))
        made = forms.CharField(max_length=LONGEST, widget=widget, **common)
    made.optional = not field.required  # type: ignore[attr-defined]
    return made


def _attrs(kind: str) -> dict[str, str]:
    kinds = {
        "date": {"type": "date"},
        "phone": {"type": "tel"},
        "number": {"inputmode": "decimal"},
        "money": {"inputmode": "decimal"},
    }
    return {"autocomplete": "off", **kinds.get(kind, {})}
