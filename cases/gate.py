"""The one gate a case leaves by: how it ended, what comes next, what it was about, and what its reason asks for; and
the one by which it goes to somebody else.

Everybody goes through it: an agent, a macro, the assistant, the API, a bulk act.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cases.models import Case, CloseRule, Reason
from cases.people import shown_name
from config.business_day import business_day
from portal.access import allowed
from portal.models import User

WITH_CHILDREN = [("close", _("Close them too")), ("leave", _("Leave them open"))]
MISSING = {
    "order": _("Cases of this reason close with the order they are about."),
    "product_line": _("Cases of this reason close with a product line."),
    "patient": _("Cases of this reason close with the patient they are about."),
    "next_contact": _("Cases of this reason close with a day of the next contact."),
}


@dataclass(frozen=True)
class Ending:
    """How a case is to end."""

    disposition: str
    next_step: str
    reason: Reason | None = None
    next_contact: date | None = None

    def of(self, case: Case, *, own_reason: bool = False) -> "Ending":
        """For ``case``: its own reason where none is named, or where it has one that shall stay."""
        reason = case.reason or self.reason if own_reason else self.reason or case.reason
        return Ending(self.disposition, self.next_step.strip(), reason, self.next_contact)


def refuse_half_closed(case: Case, ending: Ending) -> None:
    """Raise ValidationError, by field, for all that is missing."""
    wrong: dict[str, Any] = {}
    if ending.disposition not in dict(Case.DISPOSITIONS):
        wrong["disposition"] = _("Say how it ended.")
    if not ending.next_step:
        wrong["next_step"] = _("Say what comes next, or that nothing does.")
    if ending.reason is None:
        wrong["reason"] = _("Say what it was about.")
    if ending.next_contact and ending.next_contact < business_day():
        wrong["next_contact"] = _("The day of the next contact is past.")
    wrong = _asked_for(case, ending) | wrong
    if wrong:
        raise ValidationError(wrong)


def _asked_for(case: Case, ending: Ending) -> dict[str, Any]:
    has = {
        "order": case.order_id,
        "product_line": case.product_line,
        "patient": case.patient_id,
        "next_contact": ending.next_contact,
    }
    asks = CloseRule.objects.filter(reason=ending.reason) if ending.reason else ()
    return {rule.asks: MISSING[rule.asks] for rule in asks if not has[rule.asks]}


def refuse_closed(case: Case) -> None:
    """A closed case is nobody's work: whoever wants it for somebody opens it again first."""
    if case.state == "closed":
        raise ValidationError(_("This case is closed: open it again first."))


def refuse_handing_on(actor: Any, case: Case, to: User | None) -> None:
    """One hands on what one has, or what nobody has; what a colleague has, those who may assign it (R-CASE-1).

    Taking it oneself is another thing, and serving its chat is having it.
    """
    refuse_closed(case)
    if case.owner_id in (None, actor.pk) or (to is not None and to.pk == actor.pk):
        return
    served = case.conversations.filter(agent=actor.pk, channel="chat").exclude(state="closed")
    if not allowed(actor, "cases.assign_others") and not (actor.pk and served.exists()):
        words = _("%(name)s has this case. Take it yourself first, or ask them or a lead to hand it on.")
        raise ValidationError(words % {"name": shown_name(case.owner)})


def refuse_unsaid_children(count: int, children: str) -> None:
    """A case with open ones under it closes once somebody said what becomes of those."""
    if count and children not in dict(WITH_CHILDREN):
        words = ngettext(
            "%(count)d open case stands under this one. Close it too, or leave it open?",
            "%(count)d open cases stand under this one. Close them too, or leave them open?",
            count,
        )
        raise ValidationError({"children": words % {"count": count}})
