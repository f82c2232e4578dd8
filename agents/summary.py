"""What somebody who takes a case over should know first, put together from the case itself."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from agents.rows import first_line
from cases.models import Case
from portal import saying

LONGEST_LINE = 240
READ = ("reason", "order", "patient", "last_message", "team")


def with_facts(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Cases with all that ``of`` reads, in the same query."""
    return cases.select_related(*READ)


def of(case: Case) -> str:
    """A few lines: what it is about, how it stands, what was said last, what is promised. Holds PHI.

    Of the order its end alone: whoever takes over has verified nobody yet, and it is one of the answers.
    """
    return "\n".join(line for line in (_about(case), _standing(case), _said(case), _promised(case)) if line)


def _about(case: Case) -> str:
    parts: list[Any] = [case.reason.label if case.reason else case.subject]
    if case.product_line:
        parts.append(case.get_product_line_display())
    if case.order:
        parts.append(_("order %(number)s") % {"number": f"••••{case.order.number[-2:]}"})
    said = ", ".join(str(part) for part in parts if part)
    return _("About: %(what)s") % {"what": said} if said else ""


def _standing(case: Case) -> str:
    parts = [case.get_state_display()]
    if case.waiting_on:
        parts.append(_("the next move is with: %(whom)s") % {"whom": case.get_waiting_on_display()})
    if case.priority < 3:
        parts.append(case.get_priority_display())
    if case.tier > 1:
        parts.append(_("escalated to tier %(tier)d") % {"tier": case.tier})
    return _("Stands: %(how)s") % {"how": ", ".join(str(part) for part in parts)}


def _said(case: Case) -> str:
    last = case.last_message
    if last is None:
        return ""
    by_customer = last.author_role in {"customer", "caregiver"}
    words = _("Customer said last: %(line)s") if by_customer else _("We said last: %(line)s")
    return words % {"line": first_line(last.body, LONGEST_LINE)}


def _promised(case: Case) -> str:
    return _("Due: %(when)s") % {"when": saying.moment(case.next_due_at)} if case.next_due_at else ""
