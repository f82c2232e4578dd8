"""Replies kept ready: filled with what is on the case, and held back until nothing is left to fill.

``{patient_first_name}`` and the other names of FACTS are filled in here. ``{... what to write}`` is a slot
that the agent writes. Whatever is still in braces when a reply is sent makes the server refuse it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import translation

from cases.models import CannedReply, Case
from portal import saying
from portal.access import require
from portal.models import Order, Shipment

SLOT = re.compile(r"\{\s*\.\.\.[^{}]*\}")
PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Filled:
    """A reply for a case, and what of it nobody could fill."""

    body: str
    missing: list[str]


@dataclass(frozen=True)
class Facts:
    """What a reply may say of a case."""

    actor: Any
    case: Case
    order: Order | None
    shipment: Shipment | None


def _first_name(facts: Facts) -> str:
    if facts.case.patient:
        return str(facts.case.patient.first_name)
    return str(facts.case.guest_name).partition(" ")[0]


def _of_order(name: str) -> Callable[[Facts], str]:
    return lambda facts: _written(getattr(facts.order, name, None))


def _of_shipment(name: str) -> Callable[[Facts], str]:
    return lambda facts: _written(getattr(facts.shipment, name, None))


def _window(facts: Facts) -> str:
    return saying.window(facts.shipment.window_start, facts.shipment.window_end) if facts.shipment else ""


FACTS: dict[str, Callable[[Facts], str]] = {
    "patient_first_name": _first_name,
    "agent_name": lambda facts: str(facts.actor.display_name),
    "supplier_name": lambda facts: str(settings.SUPPLIER_NAME),
    "supplier_phone": lambda facts: str(settings.SUPPLIER_PHONE),
    "case_number": lambda facts: facts.case.number,
    "order_number": _of_order("number"),
    "order_expected_ship_date": _of_order("expected_ship_on"),
    "order_expected_delivery_date": _of_order("expected_delivery_on"),
    "carrier": lambda facts: facts.shipment.get_carrier_display() if facts.shipment else "",
    "tracking_number": _of_shipment("tracking_number"),
    "shipped_date": _of_shipment("shipped_on"),
    "delivery_window": _window,
}


def offered(actor: Any, case: Case, *, language: str = "") -> list[CannedReply]:
    """Replies fit for the case's channel, in the patient's language where there is one, English else."""
    require(actor, "cases.work")
    wanted = language or (case.patient.language if case.patient else "en")
    found = CannedReply.objects.filter(active=True, language__in={wanted, "en"}).order_by("shortcut")
    fit = [reply for reply in found if not reply.channels or case.channel in reply.channels]
    spoken = {reply.shortcut for reply in fit if reply.language == wanted}
    return [reply for reply in fit if reply.language == wanted or reply.shortcut not in spoken]


def fill(actor: Any, reply: CannedReply, case: Case) -> Filled:
    """``reply`` with the case's facts in place of their names. What is not known stays in braces."""
    require(actor, "cases.work", case)
    facts = _facts(actor, case)
    with translation.override(reply.language):
        body = PLACE.sub(lambda match: _fact(match, facts), reply.body)
    return Filled(body, unresolved(body))


def unresolved(body: str) -> list[str]:
    """What of a text is still to be filled in or written. No reply of ours goes out with any."""
    named = [match[0] for match in PLACE.finditer(body) if match[1] in FACTS]
    return [*named, *SLOT.findall(body)]


def _facts(actor: Any, case: Case) -> Facts:
    order = case.order
    shipment = order.shipments.order_by("-pk").first() if order else None
    return Facts(actor, case, order, shipment)


def _fact(match: re.Match[str], facts: Facts) -> str:
    known = FACTS.get(match[1])
    return (known(facts) if known else "") or match[0]


def _written(value: Any) -> str:
    """A date as a person says it; all else as it is."""
    if isinstance(value, date):
        return saying.day(value)
    return "" if value is None else str(value)
