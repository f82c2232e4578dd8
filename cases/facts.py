"""What words kept ready may say of a case: each fact by its name, shown to those alone whom it is open to.

``{order_number}`` in a reply is the fact of that name. A fact stands under a ``what`` of R-CASE-3's table and
does not resolve until the caller's level opens it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from cases import promises
from cases.models import Case
from cases.people import shown_name
from portal import levels, orders, saying, shipments
from portal.levels import Standing
from portal.models import Order, Shipment

PLACE = re.compile(r"\{([a-z_]+)\}")
BLANK_AND_PLACE = re.compile(rf"(\s?){PLACE.pattern}")
SLOT = re.compile(r"\{\s*\.\.\.[^{}]*\}")
SHIPPED = frozenset({"in_transit", "out_for_delivery", "delivered", "exception"})


@dataclass(frozen=True)
class Facts:
    """A case as one actor may speak of it."""

    actor: Any
    case: Case
    order: Order | None
    shipment: Shipment | None
    standing: Standing

    @property
    def shipped(self) -> bool:
        """Whether the order is under way, or has come."""
        return self.shipment is not None and (
            self.shipment.shipped_on is not None or self.shipment.state in SHIPPED
        )

    @property
    def speaks_of_order(self) -> bool:
        """Whether there is an order, and the caller may hear of it."""
        return self.order is not None and self.standing.opens("orders")


@dataclass(frozen=True)
class Fact:
    """``say`` gives what stands in its place, "" where it is not known. ``what``: "" is open to everybody."""

    say: Callable[[Facts], str]
    what: str = ""
    spoken: int = 2  # words it takes aloud


def of(actor: Any, case: Case) -> Facts:
    """What ``actor`` may say on ``case``, by how sure they are of whom they speak with."""
    order = case.order
    shipment = orders.parcel(order) if order else None
    return Facts(actor, case, order, shipment, _standing(actor, case))


def _standing(actor: Any, case: Case) -> Standing:
    """By what the caller proved alone: an emergency lets the agent look, and tells the caller nothing."""
    if case.patient is None:
        return Standing()
    return replace(levels.standing(actor, case.patient, purpose=f"case:{case.pk}"), emergency=None)


def value(name: str, facts: Facts) -> str:
    """A fact in the language in force; "" where it is not known or not open."""
    known = FACTS.get(name)
    if known is None or (known.what and not facts.standing.opens(known.what)):
        return ""
    return known.say(facts)


def filled(text: str, facts: Facts) -> str:
    """``text`` with its facts in their places; what does not resolve stays in braces."""
    return PLACE.sub(lambda match: value(match[1], facts) or match[0], text)


def spoken(text: str, facts: Facts) -> str:
    """``text`` to read aloud: what does not resolve is left out, with the blank before it."""
    return BLANK_AND_PLACE.sub(
        lambda match: f"{match[1]}{known}" if (known := value(match[2], facts)) else "", text
    )


def named_in(text: str) -> set[str]:
    """Names in braces, known or not."""
    return {match[1] for match in PLACE.finditer(text)}


def unknown_in(text: str) -> list[str]:
    """Names in braces that are no facts, as a supervisor may have misspelt them."""
    return sorted(f"{{{name}}}" for name in named_in(text) - set(FACTS))


# --- each fact ---------------------------------------------------------------------------------------
def first_name(facts: Facts) -> str:
    """The patient's, once we know that it is they; before that what the guest called themselves."""
    if facts.case.patient and facts.standing.names:
        return str(facts.case.patient.first_name)
    return str(facts.case.guest_name).partition(" ")[0]


def _of_order(name: str) -> Callable[[Facts], str]:
    return lambda facts: _written(getattr(facts.order, name, None))


def _of_shipment(name: str) -> Callable[[Facts], str]:
    return lambda facts: _written(getattr(facts.shipment, name, None))


def _written(found: Any) -> str:
    """A date as a person says it; all else as it is."""
    if isinstance(found, date):
        return saying.day(found)
    return "" if found is None else str(found)


def _window(facts: Facts) -> str:
    return saying.window(facts.shipment.window_start, facts.shipment.window_end) if facts.shipment else ""


def _tracking_link(facts: Facts) -> str:
    """The carrier's page; our own van is followed in the portal."""
    if facts.shipment is None:
        return ""
    if facts.shipment.carrier == "own":
        return str(settings.PUBLIC_URL)
    return shipments.tracking_url(facts.shipment) or ""


def _order_state(facts: Facts) -> str:
    return str(facts.order.get_state_display()) if facts.order else ""


def _topic(facts: Facts) -> str:
    reason = facts.case.reason
    return str(reason.label).lower() if reason else ""


def needed_of_notice(facts: Facts) -> tuple[str, ...]:
    """The facts that a notice about this order carries now (R-CASE-5)."""
    return NOTICE_SHIPPED if facts.shipped else NOTICE_EXPECTED


def _delivery_facts(facts: Facts) -> str:
    said = {name: value(name, facts) for name in needed_of_notice(facts)}
    if not all(said.values()):
        return ""
    if facts.shipped:
        return (
            _("shipped %(shipped_date)s, arrives %(delivery_window)s, follow it at %(tracking_link)s") % said
        )
    words = _("expected to ship %(order_expected_ship_date)s and to arrive %(order_expected_delivery_date)s")
    return words % said


NOTICE_SHIPPED = ("tracking_link", "shipped_date", "delivery_window")
NOTICE_EXPECTED = ("order_expected_ship_date", "order_expected_delivery_date")
FACTS: dict[str, Fact] = {
    "patient_first_name": Fact(first_name, spoken=1),
    "agent_name": Fact(lambda facts: shown_name(facts.actor) if facts.actor.pk else "", spoken=1),
    "supplier_name": Fact(lambda _facts: str(settings.SUPPLIER_NAME), spoken=3),
    "supplier_phone": Fact(lambda _facts: str(settings.SUPPLIER_PHONE), spoken=10),
    "portal_link": Fact(lambda _facts: str(settings.PUBLIC_URL), spoken=5),
    "case_number": Fact(lambda facts: facts.case.number, spoken=7),
    "case_topic": Fact(_topic),
    "reply_by": Fact(lambda _facts: saying.moment(promises.reply_by()), spoken=5),
    "order_number": Fact(_of_order("number"), "orders", spoken=7),
    "order_state": Fact(_order_state, "orders"),
    "order_expected_ship_date": Fact(_of_order("expected_ship_on"), "orders", spoken=3),
    "order_expected_delivery_date": Fact(_of_order("expected_delivery_on"), "orders", spoken=3),
    "carrier": Fact(
        lambda facts: str(facts.shipment.get_carrier_display()) if facts.shipment else "", "orders"
    ),
    "tracking_number": Fact(_of_shipment("tracking_number"), "orders", spoken=18),
    "tracking_link": Fact(_tracking_link, "orders", spoken=8),
    "shipped_date": Fact(_of_shipment("shipped_on"), "orders", spoken=3),
    "delivery_window": Fact(_window, "orders", spoken=8),
    "delivery_facts": Fact(_delivery_facts, "orders", spoken=16),
}
OF_ORDER = frozenset(name for name, fact in FACTS.items() if fact.what == "orders")
