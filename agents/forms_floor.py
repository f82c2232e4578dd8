"""What is typed on the pages beside the queue: referrals, stays, complaints, incidents, announcements."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.forms import LocalTimeField
from agents.models import Announcement
from cases.models import Case, Complaint, Incident, Reason
from cases.models.cases import CHANNELS
from config.contacts import diallable, mailable
from portal.access import DESK, ROLES
from portal.choices import choose_from
from portal.models import FacilityStay, Practitioner, Referral
from portal.models.orders import CARRIERS, PRODUCT_LINES
from portal.models.people import LANGUAGES

ANY = [("", _("Any"))]


class DayField(forms.DateField):
    """A day as a browser's own picker gives it."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ReferralForm(forms.Form):
    source = forms.ChoiceField(label=_("Who sent it"), choices=Referral.SOURCES)
    npi = forms.CharField(
        label=_("Prescriber's NPI"),
        max_length=10,
        required=False,
        help_text=_("Ten digits, where one sent it."),
    )
    first_name = forms.CharField(label=_("First name"), max_length=60)
    last_name = forms.CharField(label=_("Last name"), max_length=60)
    birth_date = DayField(label=_("Date of birth"))
    phone = forms.CharField(label=_("Phone"), max_length=24, required=False, validators=[diallable])
    email = forms.EmailField(label=_("E-mail"), required=False, validators=[mailable])
    state_code = forms.RegexField(
        r"^[A-Za-z]{2}$", label=_("State"), required=False, help_text=_("Two letters."), max_length=2
    )
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    interpreter = forms.CharField(label=_("Interpreter for"), max_length=40, required=False)
    tty = forms.BooleanField(label=_("Calls go by TTY or relay"), required=False)
    product_line = forms.ChoiceField(label=_("Product line"), choices=PRODUCT_LINES)
    wanted = forms.CharField(
        label=_("What was ordered"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    payer = forms.CharField(label=_("Insurance, as told"), max_length=80, required=False)

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        npi = told.pop("npi", "")
        told["practitioner"] = Practitioner.objects.filter(npi=npi).first() if npi else None
        if npi and told["practitioner"] is None:
            self.add_error("npi", _("We know no prescriber with this NPI. Ask a supervisor to add them."))
        told["state_code"] = told.get("state_code", "").upper()
        return told


class BecauseForm(forms.Form):
    because = forms.CharField(label=_("Why"), max_length=200)


class DeathForm(forms.Form):
    on = DayField(label=_("Day of death"))


class StayForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind of facility"), choices=FacilityStay.KINDS)
    name = forms.CharField(label=_("Name of the facility"), max_length=120, required=False)
    since = DayField(label=_("Since"))
    until = DayField(label=_("Until"), required=False, help_text=_("Empty while it lasts."))


class HomeForm(forms.Form):
    """Out of a facility: home, or into the next one."""

    stay = forms.ChoiceField(label=_("Which stay ends"))
    on = DayField(label=_("On"))
    to = forms.ChoiceField(label=_("Where they go"), required=False)
    name = forms.CharField(label=_("Name of the facility"), max_length=120, required=False)

    def __init__(self, *args: Any, open_stays: list[FacilityStay], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = [(str(stay.pk), f"{stay.get_kind_display()}, {stay.since}") for stay in open_stays]
        choose_from(self, "stay", chosen)
        choose_from(self, "to", [("", _("Home")), *FacilityStay.KINDS])


class IncidentChoice(forms.Form):
    incident = forms.ChoiceField(label=_("Incident"))

    def __init__(self, *args: Any, incidents: Iterable[Incident], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "incident", [(str(one.ref), one.title) for one in incidents])


class NeedsForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    interpreter = forms.CharField(label=_("Interpreter for"), max_length=40, required=False)
    tty = forms.BooleanField(label=_("Calls go by TTY or relay"), required=False)


class ComplaintForm(forms.Form):
    """``once`` is another with every page: a form that is sent twice enters one complaint."""

    once = forms.UUIDField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("About"), choices=Complaint.KINDS)
    summary = forms.CharField(
        label=_("What happened"), max_length=4000, widget=forms.Textarea(attrs={"rows": 5})
    )
    channel = forms.ChoiceField(label=_("How it reached us"), choices=CHANNELS)
    complainant = forms.CharField(
        label=_("Who complained"), max_length=120, required=False, help_text=_("Empty: the patient.")
    )
    reach_them = forms.CharField(label=_("How to reach them"), max_length=160, required=False)
    received_on = DayField(label=_("Received on"), required=False, help_text=_("Empty: today."))
    case_number = forms.CharField(label=_("Case"), max_length=16, required=False)

    def clean_case_number(self) -> Case | None:
        number = self.cleaned_data["case_number"].strip().upper()
        if not number:
            return None
        case = Case.objects.filter(number=number).select_related("patient").first()
        if case is None:
            raise forms.ValidationError(_("There is no case with this number."))
        found: Case = case
        return found

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        told["case"] = told.pop("case_number", None)
        return told


class AnswerForm(forms.Form):
    findings = forms.CharField(
        label=_("What we found"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4})
    )
    told = forms.CharField(
        label=_("What was done, and what they were told"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class IncidentForm(forms.Form):
    """``ref`` is the incident's from the moment that the form is shown, so that two clicks declare one."""

    ref = forms.UUIDField(initial=uuid4, widget=forms.HiddenInput, required=False)
    title = forms.CharField(label=_("Title"), max_length=120, help_text=_("Without anybody's name."))
    cause = forms.CharField(
        label=_("What happened"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    reason = forms.ModelChoiceField(label=_("Reason"), queryset=Reason.objects.filter(active=True))
    product_line = forms.ChoiceField(label=_("Product line"), choices=[*ANY, *PRODUCT_LINES], required=False)
    state = forms.RegexField(
        r"^[A-Za-z]{2}$", label=_("State"), required=False, help_text=_("Two letters."), max_length=2
    )
    lot = forms.CharField(label=_("Lot of a device at home"), max_length=40, required=False)
    carrier = forms.ChoiceField(
        label=_("Carrier of a parcel on its way"), choices=[*ANY, *CARRIERS], required=False
    )


class WordsForm(forms.Form):
    words = forms.CharField(
        label=_("To everybody it touches"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    words_es = forms.CharField(
        label=_("The same in Spanish"),
        max_length=2000,
        required=False,
        help_text=_("For those who speak it. Empty: they get it in English."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ResolveForm(forms.Form):
    next_step = forms.CharField(label=_("What comes next"), max_length=200)


class AnnouncementForm(forms.Form):
    title = forms.CharField(label=_("In a few words"), max_length=120)
    body = forms.CharField(
        label=_("More"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    level = forms.ChoiceField(label=_("How pressing"), choices=Announcement.LEVELS)
    roles = forms.MultipleChoiceField(
        label=_("For"),
        choices=[(role, ROLES[role]) for role in sorted(DESK)],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Nothing ticked: everybody at the desk."),
    )
    until = LocalTimeField(label=_("Until"))
