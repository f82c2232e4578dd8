"""What agents send about how cases belong together, and about many cases at once."""

from datetime import datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agents.forms import LOCAL_TIME, CloseForm, OrderField, PersonField, VersionedForm
from cases import calendars, gate, snoozing
from cases.models import Case, CaseLink, Reason, Tag
from portal.choices import choose_among, choose_from
from portal.models import Order, User
from portal.models.orders import PRODUCT_LINES

ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/Puerto_Rico",
)
MOST_LETTERS = 90


class CaseField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Case) -> str:
        return described(obj)


class CasesField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Case) -> str:
        return described(obj)


def described(case: Case) -> str:
    """A case among others: its number, what it is about, how it stands."""
    about = case.reason.label if case.reason else case.get_channel_display()
    return f"{case.number} · {about} · {case.get_state_display()}"


class NumberField(forms.CharField):
    """The number of a case that the agent sees; the rule gets the case."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=16, **kwargs)
        self.actor: Any = None

    def clean(self, value: Any) -> Case | None:
        number = (super().clean(value) or "").strip().upper()
        if not number:
            return None
        found: Case | None = Case.objects.visible_to(self.actor).filter(number=number).first()
        if found is None:
            raise forms.ValidationError(_("There is no case %(number)s."), params={"number": number})
        return found


class MergeForm(VersionedForm):
    """Which of the patient's other cases go into this one."""

    cases = CasesField(
        Case.objects.none(),
        label=_("Merge into this case"),
        to_field_name="number",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    other = NumberField(label=_("or another, by its number"), required=False)

    def __init__(self, *args: Any, actor: Any, candidates: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "cases", candidates)
        cast(NumberField, self.fields["other"]).actor = actor

    def clean(self) -> dict[str, Any]:
        chosen = super().clean() or {}
        other = chosen.pop("other", None)
        chosen["cases"] = [*chosen.get("cases", ()), *([other] if other else [])]
        return chosen


class SplitForm(VersionedForm):
    """What of a case is another matter."""

    WHOLE = [
        ("yes", _("Take its whole conversation into the new case")),
        ("", _("Leave it here, and open a new case that quotes it")),
    ]

    message = forms.ChoiceField(label=_("The message it begins with"))
    whole = forms.ChoiceField(
        label=_("What goes along"), choices=WHOLE, required=False, widget=forms.RadioSelect
    )
    subject = forms.CharField(label=_("In a few words"), max_length=160)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True), label=_("What it is about"), to_field_name="code", required=False
    )

    def __init__(self, *args: Any, messages: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "message", messages)


class WallClockField(forms.Field):
    """What a wall clock shows, in no zone yet."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL_TIME)

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            return datetime.fromisoformat(str(value)).replace(tzinfo=None)
        except ValueError:
            raise forms.ValidationError(_("Write a day and an hour.")) from None


class SnoozeForm(forms.Form):
    """Until when; the rule gets ``until`` and ``only_then``."""

    WHEN = [
        ("hour", _("For an hour")),
        ("opening", _("Until we open next")),
        ("day", _("For a day")),
        ("week", _("For a week")),
        ("at", _("Until this moment:")),
    ]
    SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}

    when = forms.ChoiceField(label=_("Snooze"), choices=WHEN)
    at = WallClockField(label=_("Day and hour"), required=False)
    zone = forms.ChoiceField(label=_("by the clock of"), required=False)
    only_then = forms.BooleanField(
        label=_("Wake only then"),
        required=False,
        help_text=_("Otherwise the case also wakes when the customer writes."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = settings.SUPPLIER_TIME_ZONE
        zones = [own, *(zone for zone in ZONES if zone != own)]
        choose_from(self, "zone", [(zone, zone.rpartition("/")[2].replace("_", " ")) for zone in zones])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if self.errors:
            return said
        until = self._until(said["when"], said["at"], said["zone"])
        kept = {"until": until, "only_then": said["only_then"]}
        return kept | ({"version": said["version"]} if "version" in said else {})

    def _until(self, when: str, at: datetime | None, zone: str) -> datetime:
        now = timezone.now()
        if when in self.SPANS:
            return now + self.SPANS[when]
        if when == "opening":
            return calendars.next_opening(calendars.supplier(), now + self.SPANS["hour"])
        if at is None:
            raise forms.ValidationError({"at": _("Write a day and an hour.")})
        return snoozing.moment(at, ZoneInfo(zone or settings.SUPPLIER_TIME_ZONE))


class SnoozeCaseForm(SnoozeForm, VersionedForm):
    pass


class TagsForm(VersionedForm):
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.filter(active=True),
        label=_("Tags"),
        to_field_name="name",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_tags(self) -> list[str]:
        return [tag.name for tag in self.cleaned_data["tags"]]


class LinkForm(forms.Form):
    kind = forms.ChoiceField(label=_("This case is"), choices=CaseLink.KINDS)
    other = NumberField(label=_("Case number"))

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(NumberField, self.fields["other"]).actor = actor


class ParentForm(VersionedForm):
    parent = NumberField(
        label=_("Number of the case above"), required=False, help_text=_("Leave it empty for none.")
    )

    def __init__(self, *args: Any, actor: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(NumberField, self.fields["parent"]).actor = actor


class ChangeForm(VersionedForm):
    """What a case is about."""

    subject = forms.CharField(label=_("In a few words"), max_length=160, required=False)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True), label=_("What it is about"), to_field_name="code", required=False
    )
    priority = forms.TypedChoiceField(label=_("Priority"), choices=Case.PRIORITIES, coerce=int)
    product_line = forms.ChoiceField(
        label=_("Product line"), choices=[("", _("None")), *PRODUCT_LINES], required=False
    )
    order = OrderField(Order.objects.none(), label=_("Order"), to_field_name="number", required=False)

    def __init__(self, *args: Any, orders: Any, **kwargs: Any) -> None:
        """``orders`` to choose from; None where the verification does not open them."""
        super().__init__(*args, **kwargs)
        if orders is None:
            del self.fields["order"]
        else:
            choose_among(self, "order", orders)


class WaitForm(VersionedForm):
    on = forms.ChoiceField(label=_("Who has the next word"), choices=Case.WAITED_FOR)


class PlainForm(forms.Form):
    """Nothing to fill in: the act itself is the question."""


# --- many at once ------------------------------------------------------------------------------------
class ManyForm(forms.Form):
    """The cases an act is for, and the act."""

    numbers = forms.CharField(widget=forms.HiddenInput)
    act = forms.CharField(widget=forms.HiddenInput)


class ManyAssignForm(ManyForm):
    to = PersonField(User.objects.none(), label=_("Owner"), to_field_name="ref")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "to", people)


class ManyTagsForm(ManyForm):
    tags = forms.ModelMultipleChoiceField(
        Tag.objects.filter(active=True),
        label=_("Tags to add"),
        to_field_name="name",
        widget=forms.CheckboxSelectMultiple,
    )


class ManyPriorityForm(ManyForm):
    priority = forms.TypedChoiceField(label=_("Priority"), choices=Case.PRIORITIES, coerce=int)


class ManyCloseForm(ManyForm):
    """The gate, once for all: a case keeps its own reason where none is chosen."""

    disposition = forms.ChoiceField(label=_("How it ended"), choices=Case.DISPOSITIONS)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True),
        label=_("What it was about"),
        to_field_name="code",
        required=False,
        empty_label=_("What each says"),
    )
    next_step = CloseForm.base_fields["next_step"]
    next_contact = forms.DateField(
        label=_("Day of the next contact"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    children = forms.ChoiceField(
        label=_("Open cases under it"), choices=[("", _("Ask me")), *gate.WITH_CHILDREN], required=False
    )


class ManySnoozeForm(ManyForm, SnoozeForm):
    def clean(self) -> dict[str, Any]:
        named = {name: self.cleaned_data[name] for name in ("numbers", "act") if name in self.cleaned_data}
        return named | super().clean()


class ManyMergeForm(ManyForm):
    """Which of the chosen cases stays."""

    into = CaseField(Case.objects.none(), label=_("All go into"), to_field_name="number", empty_label=None)

    def __init__(self, *args: Any, candidates: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_among(self, "into", candidates)
