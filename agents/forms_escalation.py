"""What agents send of escalations and duty, as far as it can be judged without the rules."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.forms import PersonField
from cases.models import Rota
from cases.models.escalation import LANES
from cases.snoozing import refuse_far
from portal.access import PERMISSIONS
from portal.choices import choose_among
from portal.models import User

ENDINGS = [("resolved", _("Resolved")), ("stood_down", _("Not needed after all"))]


def _lines(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class EscalateForm(forms.Form):
    """Who is called and why; for a clinician, by which symptoms. What is missing the rule says."""

    lane = forms.ChoiceField(label=_("Who is called"), choices=LANES)
    why = forms.CharField(
        label=_("Why"), max_length=2000, widget=_lines(2), error_messages={"required": _("Say why.")}
    )
    symptoms = forms.CharField(
        label=_("Symptoms, for a clinician"),
        max_length=2000,
        required=False,
        widget=_lines(3),
        help_text=_("Wanted for a clinical escalation: what they feel, since when, on which equipment."),
    )
    npi = forms.CharField(
        label=_("NPI of the clinician who reported it"),
        max_length=10,
        required=False,
        help_text=_("Ten digits. Or choose one of ours:"),
    )
    ours = PersonField(
        User.objects.none(), label=_("One of our clinicians"), to_field_name="ref", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "ours", User.objects.holding(["clinician"]))

    def clean(self) -> dict[str, Any]:
        """As the rule takes it: one clinician's id."""
        said = super().clean() or {}
        npi, ours = said.pop("npi", ""), said.pop("ours", None)
        if npi and ours:
            self.add_error("npi", _("Give an NPI or one of ours, not both."))
        return said | {"clinician": npi or (str(ours.ref) if ours else "")}


class EndForm(forms.Form):
    """How an escalation ended."""

    how = forms.ChoiceField(label=_("How it ended"), choices=ENDINGS, widget=forms.RadioSelect)
    outcome = forms.CharField(
        label=_("What was decided, or why it is not needed"),
        max_length=2000,
        required=False,
        widget=_lines(3),
    )


class ContactForm(forms.Form):
    phone = forms.CharField(
        label=_("Number you are called and texted at"),
        max_length=20,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel"}),
        help_text=_("With area code. Empty: you are paged by e-mail and in the console alone."),
    )


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class StandInForm(forms.Form):
    """Somebody who is on duty for a time, whoever else would be. Times are the rota's."""

    rota = forms.ModelChoiceField(Rota.objects.filter(active=True), label=_("Rota"), to_field_name="code")
    user = PersonField(User.objects.none(), label=_("Who stands in"), to_field_name="ref")
    starts_at = forms.DateTimeField(label=_("From"), widget=_moment(), validators=[refuse_far])
    ends_at = forms.DateTimeField(label=_("Until"), widget=_moment(), validators=[refuse_far])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.holding(PERMISSIONS["pages.acknowledge"])
        choose_among(self, "user", people)
