"""Mass incidents: one cause, a case for each patient it touches, one word to all of them. Their only writer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import cases, conversations, kin, outreach
from cases.models import Case, Incident, Reason
from config.security import audit
from config.security.redaction import redact
from portal.access import require
from portal.models import Order, Patient, Shipment

MOST = 2_000
AT_ONCE = 25


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
        _one_of_a_ref(ref)
        known: Incident | None = Incident.objects.filter(ref=ref).select_related("case").first()
        if known is not None:
            return known
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


def _one_of_a_ref(ref: UUID) -> None:
    """The second of two clicks waits here, and finds what the first has opened."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"incident {ref}"])


def _refuse(title: str, cause: str, people: list[int]) -> None:
    wrong = {}
    if not title.strip():
        wrong["title"] = _("Give it a name that everybody at the desk will know it by.")
    if not cause.strip():
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
    held = _held(incident)
    added = kin.set_parent(actor, case=case, parent=held.case)
    cases.record(actor, case, "incident", {"incident": held.title})
    return added


def say_to_all(actor: Any, *, incident: Incident, words: str) -> int:
    """The same reply in every case that is open under the incident; how many it went to.

    Some at a time, so that no chat stands still for the whole of it. The same words said again are the same
    reply: where it broke off they reach those who are left. Nobody writes to those who have died since.
    """
    require(actor, "incidents.manage")
    if not words.strip():
        raise ValidationError(_("Write what they should know, and when they hear from us next."))
    told = 0
    for part in _parts(incident):
        with transaction.atomic():
            held = _held(incident)
            for case in _open_under(held, part):
                if case.patient and not case.patient.deceased_on:
                    once = uuid5(held.ref, f"{case.pk} {words}")
                    thread = conversations.thread_of(case)
                    conversations.reply(actor, conversation=thread, body=words, client_id=once)
                    told += 1
    cases.record(actor, incident.case, "incident", {"told": told})
    return told


def resolve(actor: Any, *, incident: Incident, next_step: str) -> int:
    """It is over: every case under it goes through the gate, then its own. How many were closed.

    Some at a time; where it broke off the incident goes on, and what is left is closed by the next try.
    """
    require(actor, "incidents.manage")
    if not next_step.strip():
        raise ValidationError({"next_step": _("Say what comes next, or that nothing does.")})
    closed = 0
    for part in _parts(incident):
        with transaction.atomic():
            for case in _open_under(_held(incident), part):
                _close(actor, case, next_step)
                closed += 1
    with transaction.atomic():
        held = _held(incident)
        late = _open_under(held)
        for case in [*late, *([held.case] if held.case.state != "closed" else [])]:
            _close(actor, case, next_step)
        held.state, held.resolved_at = "resolved", timezone.now()
        held.save(update_fields=["state", "resolved_at"])
    return closed + len(late)


def _close(actor: Any, case: Case, next_step: str) -> None:
    """What stands under a patient's own case is another matter, and stays open."""
    cases.close(actor, case=case, disposition="action_taken", next_step=next_step, children="leave")


def _parts(incident: Incident) -> Iterator[list[int]]:
    """Ids of the cases that are open under it now, some at a time. Raises ValidationError where it is over."""
    with transaction.atomic():
        keys = [case.pk for case in _open_under(_held(incident))]
    for start in range(0, len(keys), AT_ONCE):
        yield keys[start : start + AT_ONCE]


def _held(incident: Incident) -> Incident:
    held: Incident = (
        Incident.objects.select_for_update(of=("self",)).select_related("case").get(pk=incident.pk)
    )
    if held.state != "open":
        raise ValidationError(_("This incident is over."))
    return held


def _open_under(incident: Incident, keys: list[int] | None = None) -> list[Case]:
    rows = Case.objects.filter(parent=incident.case).exclude(state="closed").select_related("patient")
    return list((rows if keys is None else rows.filter(pk__in=keys)).order_by("pk"))


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
