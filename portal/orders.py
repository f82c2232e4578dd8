"""Where an order stands: its steps, each with whoever has it in hand and a date."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from config.business_day import day_in_force
from portal import saying, signals
from portal.access import require
from portal.models import Order, OrderMilestone, Shipment

STEPS = [step for step, _label in OrderMilestone.STEPS]
SETTLED = ("done", "not_needed")
GONE = ("shipped", "delivered", "closed")


@dataclass(frozen=True)
class Step:
    """One step of an order as its customer is told it. ``day`` counts from 1 while it is in hand."""

    step: str
    label: str
    state: str
    owner: str
    day: int | None
    due_on: date | None
    done_on: date | None
    late: bool
    sentence: str


def steps(order: Order, *, today: date | None = None) -> list[Step]:
    """The order's steps in their order, without those it does not need.

    Says who has each in hand, since when and by when, in the language and time zone in force. Page,
    console and bot all tell it by this one rule.
    """
    today = today or day_in_force()
    by_step = {milestone.step: milestone for milestone in order.milestones.all()}
    known = [by_step[step] for step in STEPS if step in by_step]
    return [_step(milestone, today) for milestone in known if milestone.state != "not_needed"]


def current(told: list[Step]) -> Step | None:
    """The step that things wait on: the one in hand, else the first that is not done."""
    in_hand = [step for step in told if step.state == "now"]
    ahead = [step for step in told if step.state == "waiting"]
    return next(iter(in_hand or ahead), None)


def parcel(order: Order) -> Shipment | None:
    """The shipment a customer waits for: the first that has not come, else the one that came last."""
    shipments = sorted(order.shipments.all(), key=lambda row: (row.state == "delivered", -row.pk))
    return next(iter(shipments), None)


def _step(milestone: OrderMilestone, today: date) -> Step:
    started, done = _local_day(milestone.started_at), _local_day(milestone.done_at)
    in_hand = milestone.state == "now"
    day = (today - started).days + 1 if in_hand and started else None
    late = milestone.state not in SETTLED and milestone.due_on is not None and milestone.due_on < today
    return Step(
        step=milestone.step,
        label=milestone.get_step_display(),
        state=milestone.state,
        owner=milestone.owner,
        day=day,
        due_on=milestone.due_on,
        done_on=done,
        late=late,
        sentence=_sentence(milestone, day, done, late),
    )


def _sentence(milestone: OrderMilestone, day: int | None, done: date | None, late: bool) -> str:
    if milestone.state == "done":
        return _("Done %(day)s") % {"day": saying.day(done)} if done else _("Done")
    parts = [_in_hand(milestone.owner, day) if milestone.state == "now" else _("Not started yet")]
    if milestone.due_on:
        due = {"day": saying.day(milestone.due_on)}
        parts.append(_("was due %(day)s and is late") % due if late else _("by %(day)s") % due)
    return ", ".join(parts)


def _in_hand(owner: str, day: int | None) -> str:
    if owner and day:
        return _("Waiting on %(owner)s, day %(count)d") % {"owner": owner, "count": day}
    if owner:
        return _("Waiting on %(owner)s") % {"owner": owner}
    return _("In progress, day %(count)d") % {"count": day} if day else _("In progress")


def _local_day(moment: datetime | None) -> date | None:
    return day_in_force(moment) if moment else None


def set_step(
    actor: Any, *, order: Order, step: str, state: str, owner: str = "", due_on: date | None = None
) -> OrderMilestone:
    """Put a step of the order into ``state``, with whoever has it in hand. Says so on commit."""
    require(actor, "orders.change", order)
    with transaction.atomic():
        milestone: OrderMilestone
        milestone, _made = OrderMilestone.objects.select_for_update().get_or_create(order=order, step=step)
        _into(milestone, state, timezone.now())
        if owner:
            milestone.owner = owner
        milestone.due_on = due_on or milestone.due_on
        milestone.save()
        transaction.on_commit(lambda: _announce(order.pk, step))
    return milestone


def _into(milestone: OrderMilestone, state: str, at: datetime) -> None:
    milestone.state = state
    if state in ("now", "done"):
        milestone.started_at = milestone.started_at or at
    milestone.done_at = (milestone.done_at or at) if state == "done" else None


def follow_shipments(actor: Any, *, order: Order, at: datetime) -> None:
    """Bring the order and its shipping steps up to what its shipments say, at the time of a report.

    An order with several parcels has arrived when the last of them has.
    """
    require(actor, "shipments.change")
    with transaction.atomic():
        held = Order.objects.select_for_update().get(pk=order.pk)
        states = set(held.shipments.values_list("state", flat=True))
        if states - {"planned", "packed"}:
            _finish(held, ["packing", "shipped"], at)
            _advance(held, "shipped")
        if states == {"delivered"}:
            _finish(held, ["delivered"], at)
            _advance(held, "delivered")


def _finish(order: Order, finished: list[str], at: datetime) -> None:
    for milestone in order.milestones.filter(step__in=finished).exclude(state__in=SETTLED):
        _into(milestone, "done", at)
        milestone.save()


def _advance(order: Order, state: str) -> None:
    order_of = [name for name, _label in Order.STATES]
    if order.state in ("closed", "cancelled") or order_of.index(order.state) >= order_of.index(state):
        return
    order.state = state
    order.save()


def _announce(order_id: int, what: str) -> None:
    signals.order_changed.send(sender=Order, order_id=order_id, what=what)
