"""What agents say of offers, of what they carry and of the baton, as far as it can be judged without the rules."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from agents.models import AgentPresence, Offer
from agents.presence import MOST_CHATS
from agents.shifts import Baton, Given
from cases.models.cases import CHANNELS

LONGEST_SUMMARY = 2000
MOST_UNITS = 100


class DeclineForm(forms.Form):
    reason = forms.ChoiceField(label=_("Why not"), choices=Offer.REASONS, widget=forms.RadioSelect)


class CapacityForm(forms.Form):
    """How an agent stands and how much they carry; an empty figure leaves the usual one."""

    state = forms.ChoiceField(label=_("My availability"), choices=AgentPresence.STATES)
    chat_capacity = forms.IntegerField(label=_("Chats at once"), min_value=1, max_value=MOST_CHATS)

    def __init__(self, *args: Any, usual: dict[str, Decimal], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = dict(CHANNELS) | {"": _("In all")}
        for channel, units in usual.items():
            self.fields[f"units_{channel or 'all'}"] = forms.DecimalField(
                label=_("%(channel)s, in units") % {"channel": names[channel]},
                help_text=_("Usually %(units)s.") % {"units": f"{units:f}"},
                min_value=0,
                max_value=MOST_UNITS,
                decimal_places=2,
                required=False,
            )

    def own(self, usual: dict[str, Decimal]) -> dict[str, Decimal | None]:
        """By channel what the agent set; None where they left the usual figure."""
        return {channel: self.cleaned_data.get(f"units_{channel or 'all'}") for channel in usual}


class BatonForm(forms.Form):
    """A receiver and a summary for each case: two fields a case, named by its number."""

    def __init__(self, *args: Any, baton: Baton, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.baton = baton
        self.people = {str(user.ref): user for user in baton.receivers}
        people = [
            ("", _("Back into the line")),
            *((ref, user.display_name) for ref, user in self.people.items()),
        ]
        for piece in baton.pieces:
            number = piece.case.number
            self.fields[f"to_{number}"] = forms.ChoiceField(
                label=_("To"), choices=people, required=False, initial=str(piece.to.ref) if piece.to else ""
            )
            self.fields[f"words_{number}"] = forms.CharField(
                label=_("What they should know"),
                max_length=LONGEST_SUMMARY,
                required=False,
                initial=piece.summary,
                widget=forms.Textarea(attrs={"rows": 4}),
            )

    def rows(self) -> list[tuple[Any, Any, Any]]:
        """Each piece with its two fields, for the page."""
        return [
            (piece, self[f"to_{piece.case.number}"], self[f"words_{piece.case.number}"])
            for piece in self.baton.pieces
        ]

    def given(self) -> Given:
        """As shifts.hand_over takes it."""
        said = self.cleaned_data
        return {
            piece.case.pk: (
                self.people.get(said[f"to_{piece.case.number}"]),
                said[f"words_{piece.case.number}"],
            )
            for piece in self.baton.pieces
        }
