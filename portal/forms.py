"""Forms of the patient's pages."""

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from config.business_day import day_in_force, zone_in_force
from config.contacts import dialled, mailable
from portal.choices import choose_from
from portal.models import Caregiver, Patient
from portal.models.documents import CAREGIVER_KINDS, DocumentKind
from portal.models.people import LANGUAGES
from portal.profile import ADDRESS
from portal.records import Record
from portal.uploads import CHUNK_MOST, NOT_FROM_CUSTOMERS

ZONES = [
    ("America/New_York", _("Eastern time")),
    ("America/Chicago", _("Central time")),
    ("America/Denver", _("Mountain time")),
    ("America/Phoenix", _("Arizona time")),
    ("America/Los_Angeles", _("Pacific time")),
    ("America/Anchorage", _("Alaska time")),
    ("Pacific/Honolulu", _("Hawaii time")),
    ("America/Puerto_Rico", _("Atlantic time, Puerto Rico")),
]
STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC "
    "ND OH OK OR PA PR RI SC SD TN TX UT VT VA VI WA WV WI WY"
)


class SendFileForm(forms.Form):
    """What a file is, first; then the file."""

    kind = forms.ChoiceField(label=_("What are you sending?"))
    file = forms.FileField(
        label=_("File"), help_text=_("A photo or a PDF, up to 2 MB. Switch on scripts to send larger files.")
    )

    def __init__(self, *args: Any, record: Record, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "kind", [("", _("Choose one")), *kinds_of(record)])

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > CHUNK_MOST:
            raise ValidationError(_("This file is too large for this form. Please send one of up to 2 MB."))
        return file


def kinds_of(record: Record) -> list[tuple[str, Any]]:
    """The kinds of file that may be sent to this record."""
    scopes = record.caregiver.scopes if record.caregiver else ["everything"]
    open_kinds = {kind for scope in scopes for kind in CAREGIVER_KINDS[scope]} - NOT_FROM_CUSTOMERS
    return [(kind.value, kind.label) for kind in DocumentKind if kind in open_kinds]


class ChoicesForm(forms.Form):
    """What a patient sets without asking anybody."""

    language = forms.ChoiceField(label=_("Language"), choices=LANGUAGES)
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=ZONES)
    preferred_channel = forms.ChoiceField(label=_("How we reach you best"), choices=Patient.CHANNELS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.initial.get("time_zone") or self.data.get("time_zone")
        if kept in available_timezones() and kept not in dict(ZONES):
            choose_from(self, "time_zone", [*ZONES, (kept, kept)])

    @classmethod
    def of(cls, patient: Patient) -> "ChoicesForm":
        return cls(initial={field: getattr(patient, field) for field in cls.base_fields})


class EmailForm(forms.Form):
    email = forms.EmailField(label=_("New e-mail address"), max_length=254, validators=[mailable])

    @classmethod
    def of(cls, patient: Patient) -> "EmailForm":
        return cls()

    def value(self) -> str:
        return str(self.cleaned_data["email"])


class PhoneForm(forms.Form):
    phone = forms.CharField(
        label=_("New phone number"), max_length=24, widget=forms.TextInput(attrs={"type": "tel"})
    )

    @classmethod
    def of(cls, patient: Patient) -> "PhoneForm":
        return cls()

    def clean_phone(self) -> str:
        return dialled(self.cleaned_data["phone"])

    def value(self) -> str:
        return str(self.cleaned_data["phone"])


class AddressForm(forms.Form):
    address_line1 = forms.CharField(label=_("Street and number"), max_length=90)
    address_line2 = forms.CharField(label=_("Apartment, floor"), max_length=60, required=False)
    city = forms.CharField(label=_("City"), max_length=60)
    state = forms.ChoiceField(label=_("State"), choices=[(code, code) for code in STATES.split()])
    postal_code = forms.RegexField(
        r"^\d{5}(-\d{4})?$", label=_("ZIP code"), error_messages={"invalid": _("A ZIP code has 5 digits.")}
    )

    @classmethod
    def of(cls, patient: Patient) -> "AddressForm":
        return cls(initial={part: getattr(patient, part) for part in ADDRESS})

    def value(self) -> str:
        return "\n".join(self.cleaned_data[part] for part in ADDRESS)


CONTACT_FORMS: dict[str, Any] = {"email": EmailForm, "phone": PhoneForm, "address": AddressForm}


class InviteCaregiverForm(forms.Form):
    """Somebody to help: who, for what, and until when."""

    LENGTHS = [
        ("30", _("30 days")),
        ("90", _("90 days")),
        ("365", _("1 year")),
        ("open", _("Until I end it")),
    ]

    name = forms.CharField(label=_("Their name"), max_length=120)
    email = forms.EmailField(label=_("Their e-mail address"), max_length=254, validators=[mailable])
    relation = forms.CharField(
        label=_("Who they are to you"), max_length=40, help_text=_("Such as: my daughter.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("What they may see and do"), choices=Caregiver.SCOPES, widget=forms.CheckboxSelectMultiple
    )
    expires_at = forms.ChoiceField(label=_("For how long"), choices=LENGTHS, initial="90")

    def clean_expires_at(self) -> datetime | None:
        """The last moment of the last day."""
        days = self.cleaned_data["expires_at"]
        if days == "open":
            return None
        last = day_in_force() + timedelta(days=int(days))
        return datetime.combine(last, time.max, zone_in_force())
