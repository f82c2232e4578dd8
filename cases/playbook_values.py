"""What an agent types into a step, judged by its field and brought into one spelling, as text."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from cases.models import Case
from cases.playbook_content import NO, YES, Field
from config.business_day import business_day
from config.contacts import dialled
from config.security.redaction import redact
from portal import saying
from portal.models import Order

LONGEST = 1000
HIDDEN = "••••"
CENT = Decimal("0.01")


def clean_all(fields: Iterable[Field], given: Mapping[str, Any], case: Case) -> dict[str, str]:
    """``given`` by the names of ``fields``; ValidationError by field says what is wrong with each."""
    values, wrong = {}, {}
    for field in fields:
        try:
            values[field.name] = clean(field, given.get(field.name), case)
        except ValidationError as error:
            wrong[field.name] = error
    if wrong:
        raise ValidationError(wrong)
    return values


def clean(field: Field, raw: Any, case: Case) -> str:
    text = "" if raw is None else str(raw).strip()
    if text:
        return _CLEAN[field.type](field, text, case)
    if field.required:
        raise ValidationError(_("Still to be asked."))
    return ""


def _text(field: Field, text: str, case: Case) -> str:
    if len(text) > LONGEST:
        raise ValidationError(_("At most %(count)d characters.") % {"count": LONGEST})
    return redact(text).text


def _number(field: Field, text: str, case: Case) -> str:
    return str(_within(field, _decimal(text.replace(",", ""))).normalize().__format__("f"))


def _money(field: Field, text: str, case: Case) -> str:
    amount = _within(field, _decimal(text.replace("$", "").replace(",", "")))
    if amount < 0 or amount != amount.quantize(CENT):
        raise ValidationError(_("An amount in dollars and cents, such as 120.50."))
    return str(amount.quantize(CENT))


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValidationError(_("A number, please.")) from None
    if not number.is_finite() or abs(number) > 10**9:
        raise ValidationError(_("A number, please."))
    return number


def _within(field: Field, number: Decimal) -> Decimal:
    if field.least and number < Decimal(field.least):
        raise ValidationError(_("At least %(least)s.") % {"least": field.least})
    if field.most and number > Decimal(field.most):
        raise ValidationError(_("At most %(most)s.") % {"most": field.most})
    return number


def _date(field: Field, text: str, case: Case) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValidationError(_("A day, written as year-month-day.")) from None
    if field.least and day < bound(field.least):
        raise ValidationError(_("Not before %(day)s.") % {"day": saying.day(bound(field.least))})
    if field.most and day > bound(field.most):
        raise ValidationError(_("Not after %(day)s.") % {"day": saying.day(bound(field.most))})
    return day.isoformat()


def bound(words: str) -> date:
    """A day as a field's limit: ``2026-01-31``, ``today``, ``today+30`` or ``today-365``."""
    if words.startswith("today"):
        return business_day() + timedelta(int(words.removeprefix("today") or 0))
    return date.fromisoformat(words)


def _choice(field: Field, text: str, case: Case) -> str:
    if text not in dict(field.choices):
        raise ValidationError(_("Choose one of those offered."))
    return text


def _yes_or_no(field: Field, text: str, case: Case) -> str:
    if text not in (YES, NO):
        raise ValidationError(_("Yes or no."))
    return text


def _phone(field: Field, text: str, case: Case) -> str:
    return dialled(text)


def _order(field: Field, text: str, case: Case) -> str:
    found = (
        Order.objects.filter(patient=case.patient_id, number__iexact=text).first()
        if case.patient_id
        else None
    )
    if found is None:
        raise ValidationError(_("This customer has no order of that number."))
    return str(found.number)


_CLEAN: dict[str, Callable[[Field, str, Case], str]] = {
    "text": _text,
    "number": _number,
    "money": _money,
    "date": _date,
    "choice": _choice,
    "yesno": _yes_or_no,
    "phone": _phone,
    "order": _order,
}


def shown(field: Field, value: str) -> str:
    """A kept value as a person says it, in the language in force."""
    if not value:
        return ""
    if field.type == "choice":
        return dict(field.choices).get(value, value)
    if field.type == "yesno":
        return _("yes") if value == YES else _("no")
    if field.type == "date":
        return saying.day(date.fromisoformat(value))
    return f"${Decimal(value):,.2f}" if field.type == "money" else value
