"""What agents send to make a list of their own, and to take down a contact by hand."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.forms import BY_HAND, desk
from agents.models import SavedView
from agents.workspace import LONGEST_DRAFT
from cases.models import Case, Reason, Tag, Team
from cases.models.cases import CHANNELS
from portal.choices import choose_from

OWNERS = [("", _("Anybody")), ("me", _("Me")), ("none", _("Nobody"))]


class ManyField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, required=False, **kwargs)


class SavedViewForm(forms.ModelForm):
    """Of several values of one filter any will do; what is left empty does not matter."""

    reason = forms.MultipleChoiceField(label=_("What it is about"), required=False)
    team = forms.MultipleChoiceField(label=_("Team"), required=False)
    tag = forms.MultipleChoiceField(label=_("Tag"), required=False)
    channel = ManyField(label=_("Channel"), choices=CHANNELS)
    priority = ManyField(label=_("Priority"), choices=Case.PRIORITIES)
    state = ManyField(label=_("State"), choices=[one for one in Case.STATES if one[0] != "closed"])
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    order = forms.CharField(label=_("Order"), max_length=24, required=False)

    FILTERS = ("reason", "team", "tag", "channel", "priority", "state", "owner", "order")

    class Meta:
        model = SavedView
        fields = ("name", "key", "sort", "shared")

    def __init__(self, *args: Any, may_share: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_share:
            del self.fields["shared"]
        choose_from(self, "reason", Reason.objects.filter(active=True).values_list("code", "label"))
        choose_from(self, "team", Team.objects.values_list("code", "name"))
        tags = Tag.objects.filter(active=True).values_list("name", flat=True)
        choose_from(self, "tag", [(name, name) for name in tags])
        choose_from(self, "owner", [*OWNERS, *((str(user.ref), user.display_name) for user in desk())])

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].lower()
        if key and not ("a" <= key <= "z" or "0" <= key <= "9"):
            raise forms.ValidationError(_("A letter from a to z, or a digit."))
        return key

    def clean_priority(self) -> list[int]:
        return [int(one) for one in self.cleaned_data["priority"]]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not self.errors and not any(said.get(name) for name in self.FILTERS):
            raise forms.ValidationError(_("Choose at least one thing to filter by."))
        return said

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The filters, and what else was said of the list."""
        said = self.cleaned_data
        return {name: said[name] for name in self.FILTERS}, {
            name: value for name, value in said.items() if name not in self.FILTERS
        }

    def _post_clean(self) -> None:
        """The rule writes and judges the row; this form only reads."""


class GuestCaseForm(forms.Form):
    """A contact of somebody who is nobody's patient yet, or does not say."""

    guest_name = forms.CharField(label=_("Their name, as they gave it"), max_length=80, required=False)
    channel = forms.ChoiceField(label=_("How they got in touch"), choices=BY_HAND)
    reason = forms.ModelChoiceField(
        Reason.objects.filter(active=True), label=_("What it is about"), to_field_name="code"
    )
    subject = forms.CharField(label=_("In a few words"), max_length=160)
    note = forms.CharField(
        label=_("What was said"),
        max_length=LONGEST_DRAFT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
