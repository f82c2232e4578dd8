"""Mass incidents: one cause, a case for each patient it touches, one word to all of them. Their only writer."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from cases import cases, kin, outreach
from cases.models import Case, Incident, Reason
from config.security import audit
from config.security.normal import is_blank
from config.security.redaction import redact
from portal.access import require
from portal.models import Order, Patient, Shipment

MOST = 2_000


@dataclass(frozen=True)
class Scope:
    """Whom a cause touches. All that is named must fit; nothing named fits nobody.

    ``state`` is two letters, ``lot`` of a device at home, ``carrier`` of a parcel that is on its way.
    """

    product_line: str = ""
    state: str = ""
    lot: str = ""
    carrier: str = ""

    @property
    def empty(self) -> bool:
        return not (self.product_line or self.state or self.lot or self.carrier)


def touched(actor: Any, scope: Scope) -> list[int]:
    """Ids of the patients a cause touches, the oldest record first; at most MOST."""
    require(actor, "incidents.manage")
    if scope.empty:
        return []
    people = Patient.objects.filter(merged_into=None, deceased_on__isnull=True)
    if scope.state:
        people = people.filter(state=scope.state.upper())
    if scope.lot:
        people = people.filter(devices__lot=scope.lot, devices__returned_on=None)
    if scope.product_line:
        people = people.filter(pk__in=_with_line(scope.product_line))
    if scope.carrier:
        people = people.filter(pk__in=_awaiting(scope.carrier))
    return list(people.order_by("pk").values_list("pk", flat=True).distinct()[: MOST + 1])


def _with_line(line: str) -> Any:
    orders = Order.objects.filter(product_line=line).exclude(state__in=["draft", "cancelled"])
    return orders.values("patient")


def _awaiting(carrier: str) -> Any:
    on_the_way = Shipment.objects.filter(carrier=carrier).exclude(state="delivered")
    return on_the_way.values("order__patient")


def declare(
    actor: Any,
    *,
    title: str,
    cause: str,
    reason: Reason,
    scope: Scope,
    channel: str = "portal",
    ref: UUID | None = None,
) -> Incident:
    """Open the incident with a case for every patient it touches. Raises ValidationError.

    Each case is of the same reason and stands under the incident's own; nobody is written to yet. The same ``ref``
    again is the same incident, however fast it follows.
    """
    require(actor, "incidents.manage")
    ref = ref or uuid4()
    with transaction.atomic():
        _one_at_a_time()
        known: Incident | None = Incident.objects.filter(ref=ref).select_related("case").first()
        if known is not None:
            return known
        _refuse_twin(title)
        people = touched(actor, scope)
        _refuse(title, cause, people)
        parent = cases.open_case(actor, channel=channel, subject=title, reason=reason, owner=actor)
        incident = Incident.objects.create(
            ref=ref,
            title=title.strip(),
            cause=redact(cause.strip()).text,
            case=parent,
            declared_by=actor if actor.pk else None,
        )
        audit.event("search", subjects=people, what="patients touched by an incident", objects=[incident])
        outreach.open_under(actor, parent=parent, patients=people)
        cases.record(actor, parent, "incident", {"touched": len(people)})
    return incident


def _one_at_a_time() -> None:
    """The second of two clicks, or of two leads, waits here and finds what the first has opened."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('incident', 0))")


def _refuse_twin(title: str) -> None:
    """Of two leads who declare the same, the second joins the first: nobody shall hear of it twice."""
    if Incident.objects.filter(state="open", title__iexact=title.strip()).exists():
        raise ValidationError({"title": _("An incident of this name goes on already.")})


def _refuse(title: str, cause: str, people: list[int]) -> None:
    wrong = {}
    if is_blank(title):
        wrong["title"] = _("Give it a name that everybody at the desk will know it by.")
    if is_blank(cause):
        wrong["cause"] = _("Say what happened.")
    if wrong:
        raise ValidationError(wrong)
    if not people:
        raise ValidationError(_("Nobody is touched by this. Say which product line, state, lot or carrier."))
    if len(people) > MOST:
        raise ValidationError(_("More than %(most)s people are touched. Narrow it down.") % {"most": MOST})


def add(actor: Any, *, incident: Incident, case: Case) -> Case:
    """Somebody got in touch about the same cause: their case goes under the incident."""
    require(actor, "cases.work", case)
    held = going_on_still(incident)
    added = kin.set_parent(actor, case=case, parent=held.case)
    cases.record(actor, case, "incident", {"incident": held.title})
    return added


def going_on_still(incident: Incident) -> Incident:
    """The incident under lock. Raises ValidationError where it is over."""
    rows = Incident.objects.select_for_update(of=("self",)).select_related("case")
    held: Incident = rows.get(pk=incident.pk)
    if held.state != "open":
        raise ValidationError(_("This incident is over."))
    return held


def open_under(incident: Incident) -> QuerySet[Case]:
    """Cases under it that are open, those which came last first: who got in touch hears it where they wrote."""
    return Case.objects.filter(parent=incident.case).exclude(state="closed").order_by("-pk")


def going_on(actor: Any) -> list[Incident]:
    """Incidents, those that go on first."""
    require(actor, "cases.view")
    rows = Incident.objects.visible_to(actor).select_related("case", "declared_by").defer("cause")
    return sorted(rows.order_by("-declared_at")[:50], key=lambda incident: incident.state != "open")


def counts(incidents: Iterable[Incident]) -> dict[int, tuple[int, int]]:
    """By incident: how many cases stand under it, and how many of them are still open."""
    rows = (
        Case.objects.filter(parent__in=[incident.case_id for incident in incidents])
        .values("parent")
        .annotate(all=Count("pk"), open=Count("pk", filter=~Q(state="closed")))
    )
    by_case = {row["parent"]: (row["all"], row["open"]) for row in rows}
    return {incident.pk: by_case.get(incident.case_id, (0, 0)) for incident in incidents}
