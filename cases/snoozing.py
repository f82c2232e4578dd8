"""Cases put aside until a moment. A customer who writes wakes theirs, unless it shall wake only then."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import cases, telling
from cases.models import Case
from portal.access import System, require

CLOCK = System("snooze")
LONGEST = timedelta(days=366)
ANYBODYS_PLANS = timedelta(days=3660)
AT_ONCE = 100


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment a wall clock in ``zone`` shows ``local``: the first of two in autumn.

    Raises ValidationError for an hour that spring leaves out, and for a year that nobody can mean.
    """
    at = local.replace(tzinfo=zone, fold=0)
    refuse_far(at)
    if at.astimezone(ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None) != local:
        raise ValidationError(_("The clocks are put forward at that hour: choose another."))
    return at


def refuse_far(at: datetime) -> None:
    """Raise ValidationError for a moment with a slip in its year, before anything is reckoned with it."""
    if abs(at - timezone.now()) > ANYBODYS_PLANS:
        raise ValidationError(_("That is too far away: look at the year again."))


def snooze(
    actor: Any, *, case: Case, until: datetime, only_then: bool = False, version: int | None = None
) -> Case:
    """Put a case aside until then; with ``only_then`` even where its customer writes before."""
    require(actor, "cases.work", case)
    _refuse_moment(until)
    with transaction.atomic():
        case = cases.locked(case, version)
        if case.state == "closed":
            raise ValidationError(_("This case is closed: there is nothing to wake it for."))
        case.snoozed_until, case.wake_only_then = until, only_then
        cases.save(case, "snoozed_until", "wake_only_then")
        cases.record(actor, case, "snoozed", {"until": until.isoformat(), "only_then": only_then})
    return case


def _refuse_moment(until: datetime) -> None:
    now = timezone.now()
    if until <= now:
        raise ValidationError(_("That moment is past: choose one that is still to come."))
    if until > now + LONGEST:
        raise ValidationError(_("Choose a moment within a year."))


def wake(actor: Any, *, case: Case, version: int | None = None) -> Case:
    """Take a case up again before its moment."""
    require(actor, "cases.work", case)
    with transaction.atomic():
        case = cases.locked(case, version)
        if case.snoozed_until is None:
            raise ValidationError(_("This case is awake."))
        _awake(actor, case, "by hand")
    return case


def wake_due(*, most: int = AT_ONCE) -> int:
    """Wake the cases whose moment has come. Of several that look at once each takes its own."""
    with transaction.atomic():
        rows = Case.objects.select_for_update(no_key=True, of=("self",), skip_locked=True)
        due = list(rows.filter(snoozed_until__lte=timezone.now()).order_by("snoozed_until", "pk")[:most])
        for case in due:
            _awake(CLOCK, case, "its time has come")
    return len(due)


def _awake(actor: Any, case: Case, cause: str) -> None:
    case.snoozed_until, case.wake_only_then = None, False
    cases.save(case, "snoozed_until", "wake_only_then")
    _tell(actor, case, cause)


def heard(case_ids: Iterable[int]) -> None:
    """Customers wrote on these cases, and what was snoozed of them has just been woken by it."""
    woken = list(case_ids)
    for case in Case.objects.filter(pk__in=woken) if woken else ():
        _tell(System("customer's message"), case, "the customer wrote")


def _tell(actor: Any, case: Case, cause: str) -> None:
    cases.record(actor, case, "woken", {"cause": cause})
    if case.owner_id:
        telling.tell([case.owner_id], case_id=case.pk, kind="woken", by=actor.pk)
