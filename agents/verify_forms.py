"""What an agent types of a caller's answers. Nothing is ever filled in beforehand, nor kept by the browser."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.context import caregiver_masked
from portal.choices import choose_from
from portal.models import Caregiver, Patient

UNFILLED = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "data-unfilled": ""}


def _typed(label: Any, *, most: int, numeric: bool = False, **kwargs: Any) -> forms.CharField:
    attrs = UNFILLED | ({"inputmode": "numeric"} if numeric else {})
    return forms.CharField(
        label=label, max_length=most, widget=forms.TextInput(attrs=attrs), required=False, **kwargs
    )


class IdentifiersForm(forms.Form):
    """Two or more of the four. ``speaking`` is empty for the patient, else a caregiver's reference."""

    order_number = _typed(_("Order number"), most=24)
    birth_date = _typed(_("Date of birth"), most=10, numeric=True, help_text=_("month/day/year"))
    account_id = _typed(_("Account number"), most=16)
    last4 = _typed(_("Last four digits of the SSN"), most=4, numeric=True)
    speaking = forms.ChoiceField(label=_("Speaking with"), required=False)

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.caregivers = {str(one.ref): one for one in Caregiver.objects.in_force().filter(patient=patient)}
        known = [(ref, _speaks(one)) for ref, one in self.caregivers.items()]
        choose_from(self, "speaking", [("", _("The patient")), *known])

    @property
    def given(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in self.fields if name != "speaking"}

    @property
    def caregiver(self) -> Caregiver | None:
        return self.caregivers.get(self.cleaned_data["speaking"])


def _speaks(caregiver: Caregiver) -> str:
    relation = f" ({caregiver.relation})" if caregiver.relation else ""
    return f"{caregiver_masked(caregiver)}{relation}: {', '.join(caregiver.scope_names)}"


class CodeForm(forms.Form):
    """A code that the caller reads out."""

    code = forms.CharField(
        label=_("Code"),
        max_length=12,
        widget=forms.TextInput(attrs=UNFILLED | {"inputmode": "numeric"}),
    )


class SendForm(forms.Form):
    via = forms.ChoiceField(
        label=_("Send it by"), choices=[("sms", _("Text message")), ("email", _("E-mail"))]
    )


class CalledForm(forms.Form):
    answered = forms.TypedChoiceField(
        label=_("Who answered?"),
        choices=[("yes", _("The person I was speaking with")), ("no", _("Somebody else, or nobody"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )


class GlassForm(forms.Form):
    """Why a record is opened without anybody's proof."""

    reason = forms.CharField(
        label=_("Why can it not wait?"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text=_(
            "What happened, and what you need to see. Supervisors are told at once; the patient sees it."
        ),
    )
