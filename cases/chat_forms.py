"""Forms that a message may carry. Their answers are used and kept only as the form says, never as chat text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases import cases, conversations, live, survey_chat
from cases.drafts import Refused
from cases.models import Conversation
from cases.people import is_staff
from config.security import audit
from portal import verification
from portal.access import System
from portal.models import Order, Patient

TRIES = 3


@dataclass(frozen=True)
class Result:
    ok: bool
    detail: str
    tries_left: int


@dataclass(frozen=True)
class Form:
    """``fields`` as the client shows them; ``answer`` uses what came back; ``after_end`` also when it is closed."""

    code: str
    title: Any
    fields: tuple[dict[str, Any], ...]
    answer: Callable[[Any, Conversation, dict[str, str]], Result]
    after_end: bool = False


def submit(actor: Any, *, conversation: Conversation, form: str, values: dict[str, str]) -> Result:
    """Raises Refused for a form that there is not, or answers that are no answers to it. Staff answer none."""
    if form not in FORMS:
        raise Refused("invalid", "There is no such form.")
    if is_staff(actor):
        raise Refused("forbidden", "This form is the customer's.")
    if conversation.state == "closed" and not FORMS[form].after_end:
        raise Refused("closed", "This conversation is closed.")
    return FORMS[form].answer(actor, conversation, values)


def offered(form: str) -> dict[str, Any]:
    """A form as a message carries it."""
    found = FORMS[form]
    return {"form": found.code, "title": str(found.title), "fields": [_said(field) for field in found.fields]}


def _said(field: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, bool) else str(value) for name, value in field.items()}


def identify(actor: Any, conversation: Conversation, values: dict[str, str]) -> Result:
    """Who a guest is, by an order number and a birth date or the last four digits of their SSN (R-CHAT-2).

    What they typed is compared and forgotten. The agent learns that it fitted or not, never what is on file.
    """
    with transaction.atomic():
        found = conversations.locked(conversation.pk)
        if found.identity_level or found.customer_id is not None:
            return Result(True, _("Thank you, we know who you are."), TRIES - found.identity_tries)
        if found.identity_tries >= TRIES:
            return Result(False, _("That did not work. Please sign in, or talk to a person."), 0)
        patient, typed = _patient_of(values), _typed(values)
        if patient is None or verification.locked_until(verification.hold(patient)) is not None:
            return _failed(found, None)
        if verification.fits(patient, typed):
            return _identified(actor, found, patient)
        return _failed(found, patient)


def _patient_of(values: dict[str, str]) -> Patient | None:
    number = values.get("order_number", "").upper()
    order = Order.objects.select_related("patient").filter(number=number).first() if number else None
    return order.patient if order else None


def _typed(values: dict[str, str]) -> dict[str, str]:
    """The order number and one thing more, spelt as verification compares them. Raises Refused."""
    more = "birth_date" if values.get("birth_date") else "last4"
    given = {"order_number": values.get("order_number", ""), more: values.get(more, "")}
    try:
        return verification.spelt(given)
    except ValidationError as wrong:
        raise Refused("invalid", " ".join(wrong.messages)) from None


def _identified(actor: Any, conversation: Conversation, patient: Patient) -> Result:
    conversation.identity_level, conversation.patient = 1, patient
    conversation.save(update_fields=["identity_level", "patient"])
    if conversation.case is not None:
        cases.identified(System("chat"), case=conversation.case, patient=patient)
    purpose = f"case:{conversation.case_id}" if conversation.case_id else ""
    verification.passed_at_door(patient, how="chat_form", purpose=purpose)
    conversations.opened(actor, conversation)
    transaction.on_commit(lambda: live.states_changed([conversation.pk]))
    return Result(True, _("Thank you, we know who you are."), TRIES - conversation.identity_tries)


def forget(patient_id: int) -> None:
    """After too many failures, or a merge, what was typed into a chat identifies nobody: they are asked again."""
    known = Conversation.objects.filter(patient=patient_id, identity_level__gt=0, customer=None)
    with transaction.atomic():
        rows = known.exclude(state="closed").order_by("pk")
        for conversation in rows.select_for_update(no_key=True, of=("self",)):
            conversation.identity_level = 0
            conversation.save(update_fields=["identity_level"])


def _failed(conversation: Conversation, patient: Patient | None) -> Result:
    conversation.identity_tries += 1
    conversation.save(update_fields=["identity_tries"])
    if patient is None:
        audit.event("verify", what="chat_form", outcome="failed", objects=[conversation])
    else:
        verification.failed(patient, how="chat_form", purpose=f"case:{conversation.case_id or 0}")
    return Result(False, _("That does not fit what we have on file."), TRIES - conversation.identity_tries)


def survey(actor: Any, conversation: Conversation, values: dict[str, str]) -> Result:
    """What the customer thinks of the chat."""
    return Result(*survey_chat.answer(conversation, values), tries_left=0)


FORMS = {
    survey_chat.FORM: Form(survey_chat.FORM, gettext_lazy("How did we do?"), (), survey, after_end=True),
    "identify": Form(
        "identify",
        gettext_lazy("So that we can talk about your order"),
        (
            {"name": "order_number", "label": gettext_lazy("Order number"), "type": "text", "required": True},
            {"name": "birth_date", "label": gettext_lazy("Date of birth"), "type": "date", "required": False},
            {
                "name": "last4",
                "label": gettext_lazy("or the last four digits of your SSN"),
                "type": "text",
                "required": False,
            },
        ),
        identify,
    ),
}
