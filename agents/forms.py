"""What agents send from the console, as far as it can be judged without the rules."""

from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from agents.models import AgentPresence, Preferences
from agents.presence import MOST_CHATS
from agents.workspace import LONGEST_DRAFT
from cases import gate, snoozing
from cases.models import Case, Reason, Team
from config.security.normal import is_blank
from portal.access import PERMISSIONS
from portal.choices import choose_among
from portal.models import Order, Patient, User

BY_HAND = [("phone", _("Phone")), ("email", _("E-mail")), ("sms", _("Text message"))]


def desk() -> Any:
    """Staff who work on cases."""
    return User.objects.holding(PERMISSIONS["cases.work"])


LOCAL_TIME = "%Y-%m-%dT%H:%M"


def local(moment: datetime) -> datetime:
    """By the supplier's clock."""
    return moment.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))


class LocalTimeField(forms.DateTimeField):
    """A moment as a browser's own picker gives it, by the supplier's clock."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL_TIME)
    input_formats = (LOCAL_TIME, f"{LOCAL_TIME}:%S")

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        for shape in self.input_formats:
            try:
                return snoozing.moment(datetime.strptime(value, shape), ZoneInfo(settings.SUPPLIER_TIME_ZONE))
            except (ValueError, TypeError):
                continue
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")

    def prepare_value(self, value: Any) -> Any:
        return local(value).strftime(LOCAL_TIME) if isinstance(value, datetime) else value


class RefsField(forms.CharField):
    """References of documents, with commas between."""

    def clean(self, value: Any) -> list[UUID]:
        try:
            return [UUID(ref) for ref in (super().clean(value) or "").split(",") if ref]
        except ValueError:
            raise forms.ValidationError(_("An attachment is not there.")) from None


class SayForm(forms.Form):
    """A reply or a note. ``seen`` is the last message the agent's draft knew of, ``despite`` a colleague's reply
    that came since and that its author was shown.

    ``now``: without a while to take it back. ``at``: later, and ``even_if`` the customer writes first.
    """

    kind = forms.ChoiceField(choices=[("reply", _("Reply")), ("note", _("Note"))])
    body = forms.CharField(max_length=LONGEST_DRAFT, required=False, strip=False)
    client_id = forms.UUIDField()
    seen = forms.IntegerField(min_value=0, required=False)
    despite = forms.IntegerField(min_value=0, required=False)
    now = forms.BooleanField(required=False)
    at = LocalTimeField(required=False)
    even_if = forms.BooleanField(required=False)
    attachments = RefsField(required=False)
    made_from = forms.CharField(max_length=24, required=False)
    through_portal = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if is_blank(said.get("body") or "") and not said.get("attachments"):
            raise forms.ValidationError(_("A message can't be empty."))
        return said


class HeldForm(forms.Form):
    """A reply that is to leave later: its words and its time."""

    body = forms.CharField(
        label=_("Message"), max_length=LONGEST_DRAFT, strip=False, widget=forms.Textarea(attrs={"rows": 6})
    )
    at = LocalTimeField(label=_("Send at"))
    anyway = forms.BooleanField(label=_("Even if the customer writes before"), required=False)


class DraftForm(forms.Form):
    kind = forms.ChoiceField(choices=[("reply", _("Reply")), ("note", _("Note")), ("whisper", _("Whisper"))])
    body = forms.CharField(max_length=LONGEST_DRAFT, required=False, strip=False)
    seen = forms.IntegerField(min_value=0, required=False)
    made_from = forms.CharField(max_length=24, required=False)
    attachments = RefsField(required=False)

    def clean_seen(self) -> int:
        return self.cleaned_data["seen"] or 0


class VersionedForm(forms.Form):
    """A change of a case, made on what its maker saw; by ``version`` the rule tells if that still stands."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class PersonField(forms.ModelChoiceField):
    def label_from_instance(self, obj: User) -> str:
        return str(obj.display_name)


class OrderField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Order) -> str:
        return obj.number


class AssignForm(VersionedForm):
    to = PersonField(User.objects.none(), label=_("Owner"), to_field_name="ref")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "to", people)


class TransferForm(VersionedForm):
    """To a person or to a team, with what they should know."""

    to = PersonField(User.objects.none(), label=_("To a person"), to_field_name="ref", required=False)
    team = forms.ModelChoiceField(
        Team.objects.all(), label=_("or to a team"), to_field_name="code", required=False
    )
    note = forms.CharField(
        label=_("What they should know"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "to", people)

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        if bool(chosen.get("to")) == bool(chosen.get("team")):
            raise forms.ValidationError(_("Choose a person or a team."))
        return chosen


class CloseForm(VersionedForm):
    """The one gate a case leaves by."""

    disposition = forms.ChoiceField(label=_("How it ended"), choices=Case.DISPOSITIONS)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True), label=_("What it was about"), to_field_name="code"
    )
    next_step = forms.CharField(
        label=_("Next step, and when"),
        max_length=200,
        help_text=_("What happens now, by whom and by when; or that nothing is left to do."),
    )
    next_contact = forms.DateField(
        label=_("Day of the next contact"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    children = forms.ChoiceField(
        label=_("Open cases under this one"), choices=gate.WITH_CHILDREN, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, open_children: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not open_children:
            del self.fields["children"]


class ReopenForm(VersionedForm):
    pass


class NewCaseForm(forms.Form):
    """A contact that an agent takes down by hand: a call, for one."""

    channel = forms.ChoiceField(label=_("How they got in touch"), choices=BY_HAND)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True), label=_("What it is about"), to_field_name="code"
    )
    order = forms.CharField(
        label=_("Order number"), max_length=24, required=False, help_text=_("As the caller tells it.")
    )
    subject = forms.CharField(label=_("In a few words"), max_length=160)
    note = forms.CharField(
        label=_("What was said"),
        max_length=LONGEST_DRAFT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patient = patient

    def clean_order(self) -> Order | None:
        """Typed, never chosen from a list: it is one of the answers that verify a caller."""
        number = self.cleaned_data["order"].strip().upper()
        found: Order | None = Order.objects.filter(patient=self.patient, number=number).first()
        if number and found is None:
            raise forms.ValidationError(_("This customer has no order of this number."))
        return found


class SearchForm(forms.Form):
    words = forms.CharField(max_length=120, required=False)


class PresenceForm(forms.Form):
    state = forms.ChoiceField(choices=AgentPresence.STATES)
    chat_capacity = forms.IntegerField(min_value=1, max_value=MOST_CHATS, required=False)


class PreferencesForm(forms.ModelForm):
    class Meta:
        model = Preferences
        fields = ("shortcuts", "enter_sends", "undo_seconds", "sort", "sounds", "notices")
