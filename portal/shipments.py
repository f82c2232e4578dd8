"""Parcels and vans on their way: whose tracking number it is, where to follow it, what a carrier reports."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import transaction

from portal import orders, signals
from portal.access import require
from portal.models import Shipment, ShipmentEvent

UPS = re.compile(r"1Z[0-9A-Z]{16}")
FEDEX_EXPRESS = re.compile(r"[0-9]{12}")
FEDEX_GROUND = re.compile(r"[0-9]{15}")
USPS = re.compile(r"9[0-9]{19}|9[0-9]{21}")
USPS_ABROAD = re.compile(r"[A-Z]{2}[0-9]{9}US")

# How far along a shipment is. A carrier's reports come late and out of order: a state never goes back,
# but for a delay, which can come at any time before delivery and is over with the next report.
PROGRESS = ["planned", "packed", "in_transit", "out_for_delivery", "delivered"]
ON_THE_WAY = ("packed", "in_transit", "out_for_delivery", "exception")


def normal(number: str) -> str:
    """A tracking number as carriers print it on labels: capitals and digits alone."""
    return re.sub(r"[^0-9A-Z]", "", number.upper())


def carrier_of(number: str) -> str | None:
    """Whose tracking number this is (``ups``, ``fedex``, ``usps``), by its form and check digit, or None."""
    number = normal(number)
    for form, check, carrier in FORMS:
        if form.fullmatch(number) and check(number):
            return carrier
    return None


def tracking_url(shipment: Shipment) -> str | None:
    """Where the carrier shows this parcel; None for our own van and before there is a number."""
    address = settings.CARRIER_TRACKING_URLS.get(shipment.carrier)
    if not address or not shipment.tracking_number:
        return None
    return str(address).replace("{number}", quote(normal(shipment.tracking_number), safe=""))


def _ups(number: str) -> bool:
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in number[2:]]
    total = sum(values[0:15:2]) + 2 * sum(values[1:15:2])
    return -total % 10 == values[15]


def _fedex_express(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number[:11], (3, 1, 7) * 4, strict=False))
    return total % 11 % 10 == int(number[11])


def _mod_10(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 == 0


def _post_abroad(number: str) -> bool:
    weights = (8, 6, 4, 2, 3, 5, 9, 7)
    total = sum(int(digit) * weight for digit, weight in zip(number[2:10], weights, strict=True))
    return {10: 0, 11: 5}.get(11 - total % 11, 11 - total % 11) == int(number[10])


FORMS: list[tuple[re.Pattern[str], Callable[[str], bool], str]] = [
    (UPS, _ups, "ups"),
    (FEDEX_EXPRESS, _fedex_express, "fedex"),
    (FEDEX_GROUND, _mod_10, "fedex"),
    (USPS, _mod_10, "usps"),
    (USPS_ABROAD, _post_abroad, "usps"),
]


def record_event(
    actor: Any, *, shipment: Shipment, external_id: str, code: str, at: datetime, place: str = ""
) -> bool:
    """Take in what a carrier reported (``code`` is a shipment's state); whether it was news.

    The same report taken twice is one. Orders and their steps follow.
    """
    require(actor, "shipments.change")
    with transaction.atomic():
        held = Shipment.objects.select_for_update().get(pk=shipment.pk)
        _, news = ShipmentEvent.objects.get_or_create(
            shipment=held, external_id=external_id, defaults={"code": code, "at": at, "place": place}
        )
        if news and _moves(held.state, code):
            _move(actor, held, code, at)
        if news:
            transaction.on_commit(lambda: _announce(held.order_id, code))
    return news


def _moves(state: str, code: str) -> bool:
    if state == "delivered":
        return False
    if "exception" in (state, code):
        return state != code
    return PROGRESS.index(code) > PROGRESS.index(state)


def _move(actor: Any, shipment: Shipment, code: str, at: datetime) -> None:
    shipment.state = code
    if code == "delivered":
        shipment.delivered_at = at
    if code in ON_THE_WAY and shipment.shipped_on is None and code != "packed":
        shipment.shipped_on = at.date()
    shipment.save()
    orders.follow_shipments(actor, order=shipment.order, at=at)


def _announce(order_id: int, what: str) -> None:
    signals.order_changed.send(sender=Shipment, order_id=order_id, what=what)
