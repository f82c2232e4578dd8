"""The survey's one or two questions as a form."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from cases.models import SurveyInvitation
from cases.surveys import LONGEST_COMMENT


class SurveyForm(forms.Form):
    """``score`` from 1 to the survey's highest, and a comment where a second question is asked."""

    score = forms.TypedChoiceField(coerce=int, widget=forms.RadioSelect)
    comment = forms.CharField(
        required=False,
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4, "data-count": "letters-left"}),
    )

    use_required_attribute = False

    def __init__(self, *args: Any, invitation: SurveyInvitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        survey, language = invitation.survey, invitation.language
        score: Any = self.fields["score"]
        score.label = survey.said("question", language)
        score.choices = [(number, str(number)) for number in range(1, survey.scale + 1)]
        score.error_messages["required"] = _("Choose a number.")
        score.help_text = _("1 is “%(low)s”, %(scale)d is “%(high)s”.") % {
            "low": survey.said("low_label", language),
            "high": survey.said("high_label", language),
            "scale": survey.scale,
        }
        if survey.second_question:
            self.fields["comment"].label = survey.said("second_question", language)
            self.fields["comment"].help_text = _(
                "Please leave out anything private, such as numbers of cards."
            )
        else:
            del self.fields["comment"]
