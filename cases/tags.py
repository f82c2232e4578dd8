"""Words that cases are gathered by. Which there are, supervisors say."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from cases import cases
from cases.models import Case, Tag
from portal.access import require


def set_tags(actor: Any, *, case: Case, tags: Iterable[str], version: int | None = None) -> Case:
    """Give a case these tags (by name) and no others. Raises ValidationError on one that is not in use."""
    require(actor, "cases.work", case)
    with transaction.atomic():
        case = cases.locked(case, version)
        _give(actor, case, {name.strip().lower() for name in tags if name.strip()})
    return case


def add_tags(actor: Any, *, case: Case, tags: Iterable[str]) -> Case:
    """Give a case these tags beside those it has."""
    require(actor, "cases.work", case)
    with transaction.atomic():
        case = cases.locked(case)
        _give(actor, case, _of(case) | {name.strip().lower() for name in tags if name.strip()})
    return case


def _of(case: Case) -> set[str]:
    return set(case.tags.values_list("name", flat=True))


def _give(actor: Any, case: Case, wanted: set[str]) -> None:
    before = _of(case)
    known = {tag.name: tag for tag in Tag.objects.filter(name__in=wanted)}
    # One that has gone out of use stays on the cases that bear it.
    unusable = {name for name in wanted - before if name not in known or not known[name].active}
    if unusable:
        raise ValidationError(_("No such tag: %(names)s.") % {"names": ", ".join(sorted(unusable))})
    if wanted == before:
        return
    case.tags.set(list(known.values()))
    cases.save(case)
    cases.record(actor, case, "tagged", {"to": ", ".join(sorted(wanted)), "was": ", ".join(sorted(before))})
