"""Subject lines from templates, and the checklists that go out with forms (R-CASE-4).

A subject is read by whoever sees an inbox, so it holds nothing but what R-SHIP-3 lets out: the order's number,
a neutral topic, what is asked of the customer.
"""

import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from cases import cases, facts, outside, wording
from cases.models import Case, Checklist, Conversation, SubjectTemplate
from config.security.normal import is_blank
from portal.access import require

OWN = ("topic", "needed")  # filled from the template itself
MOST_ITEMS = 20
LONGEST_ITEM = 120
LONGEST_SUBJECT = 160
EMPTY_END = re.compile(r"[\s:,;–-]+$")


@dataclass(frozen=True)
class Line:
    """A subject ready for a case, with the checklist that goes out beside it."""

    template: SubjectTemplate
    text: str
    checklist: Checklist | None


def keep(actor: Any, template: SubjectTemplate) -> SubjectTemplate:
    """Save a template as its next version. Raises ValidationError, by field."""
    wording.keep(actor, template)
    return template


def keep_checklist(actor: Any, checklist: Checklist) -> Checklist:
    """Save a checklist as its next version. Raises ValidationError, by field."""
    wording.keep(actor, checklist)
    return checklist


def check(template: SubjectTemplate) -> None:
    wording.refuse(
        topic=outside.wrong_in_template(template.topic),
        needed=outside.wrong_in_template(template.needed),
        text=_wrong(template, template.text, with_order=True),
        without_order=_wrong(template, template.without_order, with_order=False),
    )


def _wrong(template: SubjectTemplate, text: str, *, with_order: bool) -> str:
    named = facts.named_in(text)
    if unknown := named - set(facts.FACTS) - set(OWN):
        return _("There is no such fact: %(names)s.") % {"names": _braced(unknown)}
    wanted = {"topic", *(["order_number"] if with_order else []), *(["needed"] if template.needed else [])}
    if missing := wanted - named:
        return _("A subject names %(names)s.") % {"names": _braced(missing)}
    if not with_order and named & facts.OF_ORDER:
        return _("Without an order there is no %(names)s.") % {"names": _braced(named & facts.OF_ORDER)}
    return outside.wrong_in_template(_own(template, text))


def _braced(names: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(f"{{{name}}}" for name in names))


def _own(template: SubjectTemplate, text: str) -> str:
    for name in OWN:
        text = text.replace(f"{{{name}}}", getattr(template, name))
    return EMPTY_END.sub("", text)


def check_checklist(checklist: Checklist) -> None:
    wording.refuse(items=_items_wrong(checklist.items))


def _items_wrong(items: Any) -> str:
    if not isinstance(items, list) or not items or not all(isinstance(item, str) for item in items):
        return _("A checklist is a list of lines, one at least.")
    if len(items) > MOST_ITEMS or any(is_blank(item) or len(item) > LONGEST_ITEM for item in items):
        return _("At most %(most)d lines, each of 1 to %(longest)d letters.") % {
            "most": MOST_ITEMS,
            "longest": LONGEST_ITEM,
        }
    return ""


def offered(actor: Any, case: Case) -> list[Line]:
    """Subjects for a case, in its customer's language. Those of an order need that the caller may hear of it."""
    require(actor, "cases.work", case)
    found = SubjectTemplate.objects.filter(active=True).select_related("checklist")
    spoken = wording.in_language(found, wording.language_of(case), "code")
    known = facts.of(actor, case)
    lines = [Line(template, _line(template, known), template.checklist) for template in spoken]
    return [line for line in lines if not facts.named_in(line.text)]


def _line(template: SubjectTemplate, known: facts.Facts) -> str:
    text = template.text if known.speaks_of_order else template.without_order
    return facts.filled(_own(template, text), known)[:LONGEST_SUBJECT]


def use(actor: Any, *, case: Case, template: SubjectTemplate, version: int | None = None) -> Line:
    """Make a template's line the subject of the case and of its thread."""
    require(actor, "cases.work", case)
    line = next((one for one in offered(actor, case) if one.template.pk == template.pk), None)
    if line is None:
        raise ValidationError(_("This subject does not fit the case any more."))
    with transaction.atomic():
        cases.change(actor, case=case, version=version, subject=line.text)
        for thread in Conversation.objects.filter(case=case, channel__in=("portal", "email")):
            thread.subject = line.text
            thread.save(update_fields=["subject"])
    return line


wording.CHECKS[SubjectTemplate] = check
wording.CHECKS[Checklist] = check_checklist
