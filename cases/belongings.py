"""What goes with a case into the one it is merged into, and comes back when the merge is undone.

BELONGINGS is the registry: apps to the right add theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, models, transaction

from cases.cases import locked_together
from cases.models import Callback, Case, Complaint, Escalation, PlaybookRun


@dataclass(frozen=True)
class Belonging:
    """``over(case, into)`` gives, by ids, what ``back(case, into, it)`` undoes."""

    code: str
    over: Callable[[Case, Case], Any]
    back: Callable[[Case, Case, Any], None]


def held(rows: Any) -> Any:
    """The one row of ``rows`` that names a case, under lock after its case, as a merge takes them. DoesNotExist
    where there is none.
    """
    while True:
        case = rows.values_list("case", flat=True).get()
        locked_together([case] if case else [])
        found = rows.select_for_update(no_key=True, of=("self",)).filter(case=case).first()
        if found is not None:
            return found


def rows(code: str, model: type[models.Model]) -> Belonging:
    """Rows that name a ``case``. One that the other case may not have besides its own stays where it is."""
    every: Any = model._default_manager

    def over(case: Case, into: Case) -> list[int]:
        found = list(every.filter(case=case).order_by("pk").values_list("pk", flat=True))
        return [pk for pk in found if _moved(every.filter(pk=pk), into)]

    def back(case: Case, into: Case, kept: Any) -> None:
        for pk in kept:
            _moved(every.filter(pk=pk, case=into), case)

    return Belonging(code, over, back)


def _moved(row: Any, to: Case) -> bool:
    try:
        with transaction.atomic():
            return bool(row.update(case=to))
    except IntegrityError:
        return False


BELONGINGS = [
    rows("playbooks", PlaybookRun),
    rows("escalations", Escalation),
    rows("callbacks", Callback),
    rows("complaints", Complaint),
]
