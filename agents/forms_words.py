"""Forms of words kept ready, as far as they can be judged without the rules."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.forms import VersionedForm
from agents.workspace import LONGEST_DRAFT
from cases.macros import Ahead
from cases.models import SubjectTemplate
from cases.subjects import Line


class LineField(forms.ModelChoiceField):
    """Each choice reads as it will for this case."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines: dict[int, Line] = {}

    def label_from_instance(self, obj: SubjectTemplate) -> str:
        return self.lines[obj.pk].text


class SubjectForm(VersionedForm):
    template = LineField(SubjectTemplate.objects.none(), label=_("Subject line"), empty_label=None)

    def __init__(self, *args: Any, lines: list[Line], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["template"]
        field.lines = {line.template.pk: line for line in lines}
        field.queryset = SubjectTemplate.objects.filter(pk__in=field.lines)
        if not lines:
            field.help_text = _("No subject line fits this case yet.")


class SeenToForm(VersionedForm):
    note = forms.CharField(
        label=_("What came of it"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class MacroForm(VersionedForm):
    """What the agent writes over the replies that a macro sends; ``ahead`` is what it would do."""

    def __init__(self, *args: Any, ahead: list[Ahead], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for step in ahead:
            if step.text:
                self.fields[f"text_{step.number}"] = forms.CharField(
                    label=_("Step %(number)d sends") % {"number": step.number},
                    max_length=LONGEST_DRAFT,
                    initial=step.text,
                    strip=False,
                    widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "true"}),
                )

    def texts(self) -> dict[int, str]:
        """What was written, by step."""
        written = self.cleaned_data.items()
        return {int(name.removeprefix("text_")): text for name, text in written if name.startswith("text_")}
