"""One act on many cases at once: each through its own rule, each for itself, and what became of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from cases.cases import Conflict
from cases.models import Case, CaseRules
from portal.access import require

Act = Callable[[Case], Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one case; ``words`` say why not where it was refused."""

    number: str
    done: bool
    words: str = ""


def each(actor: Any, *, numbers: Sequence[str], act: Act) -> list[Outcome]:
    """Call ``act`` for each case the actor sees, in the order asked. Raises ValidationError on too many at once."""
    require(actor, "cases.bulk")
    wanted = list(dict.fromkeys(number.strip() for number in numbers if number.strip()))
    refuse_count(len(wanted))
    found = Case.objects.visible_to(actor).filter(number__in=wanted).select_related("reason", "owner")
    known = {case.number: case for case in found}
    return [_one(number, known.get(number), act) for number in wanted]


def refuse_count(count: int) -> None:
    """Raise ValidationError where no case is chosen, or more than may be worked on in one go."""
    most = CaseRules.now().bulk_most
    if not count:
        raise ValidationError(_("Choose at least one case."))
    if count > most:
        raise ValidationError(
            _("Choose at most %(most)d cases: these are %(count)d.") % {"most": most, "count": count}
        )


def _one(number: str, case: Case | None, act: Act) -> Outcome:
    if case is None:
        return Outcome(number, False, _("There is no such case."))
    try:
        act(case)
    except ValidationError as error:
        return Outcome(number, False, " ".join(error.messages))
    except PermissionDenied:
        return Outcome(number, False, _("This is not yours to do."))
    except Conflict:
        return Outcome(number, False, _("Somebody changed it meanwhile."))
    return Outcome(number, True)
