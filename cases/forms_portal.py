"""Forms of the customer's messages."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from cases.customer_drafts import LONGEST_BODY, LONGEST_SUBJECT
from cases.models import Reason
from config.security.normal import is_blank
from portal.choices import choose_from


class SaidField(forms.CharField):
    """A text that somebody can read: one of invisible characters alone is empty."""

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value))
        return "" if is_blank(text) else text


class ReplyForm(forms.Form):
    """What is said; ``client_id`` makes a doubled sending one message."""

    body = SaidField(
        label=_("Your message"),
        max_length=LONGEST_BODY,
        widget=forms.Textarea(attrs={"rows": 6, "data-count": "letters-left"}),
    )
    client_id = forms.UUIDField(widget=forms.HiddenInput)

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["body"].required = not (self.is_bound and self.sent_documents())

    def sent_documents(self) -> list[uuid.UUID]:
        """References of the files that were sent with it; what is none is left out."""
        return [ref for text in self.data.getlist("documents") if (ref := as_uuid(text))]  # type: ignore[attr-defined]

    def renew(self) -> None:
        """Sent again, it is a message of its own."""
        self.data = self.data.copy()  # type: ignore[attr-defined]
        self.data["client_id"] = str(uuid.uuid4())  # type: ignore[index]


class ComposeForm(ReplyForm):
    """A new message: topic first, then what it is about."""

    topic = forms.ChoiceField(label=_("What is it about?"))
    subject = SaidField(label=_("In a few words"), max_length=LONGEST_SUBJECT)
    order = forms.UUIDField(widget=forms.HiddenInput, required=False)

    field_order = ["topic", "subject", "body"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choose_from(self, "topic", [("", _("Choose one")), *topics()])


def topics() -> list[tuple[str, str]]:
    """What customers can choose from, in their language."""
    spanish = (get_language() or "").startswith("es")
    rows = Reason.objects.filter(offered=True, active=True).order_by("family", "customer_label")
    return [(row.code, (row.customer_label_es if spanish else "") or row.customer_label) for row in rows]


def as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
