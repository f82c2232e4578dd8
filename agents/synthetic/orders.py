"""Synthetic orders, from the prescription to the doorstep, with the devices they leave in homes."""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from agents.synthetic.loading import reserve_numbers
from portal.models import (
    Device,
    Order,
    OrderLine,
    OrderMilestone,
    Patient,
    Practitioner,
    Prescription,
    Product,
    Shipment,
    ShipmentEvent,
    ShipmentLine,
)
from portal.numbers import ORDERS, numbered, order_number

DIAGNOSES = {
    "cpap": "G47.33",
    "oxygen": "J44.9,J96.11",
    "nebulizer": "J45.909",
    "breast_pump": "Z39.1",
    "mobility": "G12.21",
}
MACHINES = {
    "cpap": "E0601",
    "oxygen": "E1390",
    "nebulizer": "E0570",
    "breast_pump": "E0603",
    "mobility": "K0001",
}
LINE_WEIGHTS = {"cpap": 52, "oxygen": 18, "nebulizer": 12, "breast_pump": 14, "mobility": 4}
STEPS = [step for step, _ in OrderMilestone.STEPS]
HOLDS = {
    "prescription": "Waiting for the signed order from your doctor",
    "insurance": "We need both sides of your insurance card",
    "prior_auth": "Waiting for your insurance to approve it",
    "packing": "Waiting for stock",
}


@dataclass
class Batch:
    """Unsaved rows of orders, table by table in the order they are written."""

    orders: list[Order] = field(default_factory=list)
    lines: list[OrderLine] = field(default_factory=list)
    milestones: list[OrderMilestone] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    shipment_lines: list[ShipmentLine] = field(default_factory=list)
    events: list[ShipmentEvent] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    prescriptions: list[Prescription] = field(default_factory=list)

    def tables(self) -> list[list]:
        return [
            self.orders,
            self.lines,
            self.milestones,
            self.shipments,
            self.shipment_lines,
            self.events,
            self.devices,
            self.prescriptions,
        ]


class OrderBook:
    """Makes the orders of patients."""

    def __init__(
        self, rng: Random, products: list[Product], doctors: list[Practitioner], now: datetime
    ) -> None:
        self.rng, self.now, self.doctors = rng, now, doctors
        self.by_code = {product.hcpcs: product for product in products}
        self.supplies = {
            line: [p for p in products if p.product_line == line and p.consumable] for line in LINE_WEIGHTS
        }
        self.batch = Batch()

    def take(self) -> list[list]:
        """The rows made since the last take, table by table."""
        batch, self.batch = self.batch, Batch()
        for order, count in zip(batch.orders, reserve_numbers(ORDERS, len(batch.orders)), strict=True):
            order.number = order_number(count)
        return batch.tables()

    def line_for(self, patient: Patient) -> str:
        """The product line a patient needs: pumps for women of an age for it, the rest by weight."""
        age = (self.now.date() - patient.birth_date).days / 365.25
        weights = dict(LINE_WEIGHTS)
        if patient.sex != "F" or not 18 <= age <= 46:
            weights["breast_pump"] = 0
        return self.rng.choices(list(weights), weights=list(weights.values()))[0]

    def add(
        self, patient: Patient, line: str, placed_at: datetime, *, first: bool, stuck: str | None = None
    ) -> Order:
        """An order placed at ``placed_at``: the machine with its first supplies, later supplies alone.

        ``stuck`` names the step it does not come past.
        """
        order = Order(
            patient=patient,
            practitioner=self.rng.choice(self.doctors),
            product_line=line,
            placed_at=placed_at,
            diagnosis_codes=DIAGNOSES[line],
        )
        self.batch.orders.append(order)
        lines = self._lines(order, first)
        self._walk(order, lines, stuck or self._obstacle())
        self.batch.prescriptions.append(self._prescription(order, lines[0].product))
        return order

    def _lines(self, order: Order, first: bool) -> list[OrderLine]:
        supplies = self.supplies[order.product_line]
        chosen = self.rng.sample(supplies, min(len(supplies), self.rng.randint(1, 3)))
        if first or not chosen:
            chosen.insert(0, self.by_code[MACHINES[order.product_line]])
        lines = [self._line(order, product) for product in chosen]
        self.batch.lines += lines
        return lines

    def _line(self, order: Order, product: Product) -> OrderLine:
        rental = product.category in ("CR", "OX")
        return OrderLine(
            order=order,
            product=product,
            quantity=self.rng.choice([1, 1, 2]) if product.consumable else 1,
            unit_price=product.rental_month_price if rental and product.rental_month_price else product.price,
            modifiers="RR" if rental else "NU",
            rental_month=1 if rental else None,
        )

    def _obstacle(self) -> str | None:
        return self.rng.choice(STEPS[:4]) if self.rng.random() < 0.08 else None

    def _walk(self, order: Order, lines: list[OrderLine], stuck: str | None) -> None:
        """How far the order has come by now, a step every day or two."""
        moment, states = order.placed_at, {}
        for step in STEPS[:6]:
            started = moment
            moment += timedelta(hours=self.rng.uniform(6, 40))
            states[step] = (started, moment)
        done = self._milestones(order, states, stuck)
        order.expected_ship_on = states["shipped"][0].date()
        order.expected_delivery_on = states["delivered"][1].date()
        order.state = "delivered" if "delivered" in done else "shipped" if "shipped" in done else "open"
        if stuck and self.now - order.placed_at > timedelta(days=10):
            order.state, order.hold_reason = "held", HOLDS[stuck]
        if "packing" in done:
            self._ship(order, lines, states, done)

    def _milestones(self, order: Order, states: dict, stuck: str | None) -> set[str]:
        done: set[str] = set()
        current = True
        for step in STEPS:
            started, ended = states.get(step, (None, None))
            finished = current and step != stuck and ended is not None and ended <= self.now
            milestone = OrderMilestone(order=order, step=step, owner=self._owner(order, step))
            if finished:
                milestone.state, milestone.started_at, milestone.done_at = "done", started, ended
                done.add(step)
            elif current:
                milestone.state, milestone.started_at = "now", min(started or self.now, self.now)
                milestone.due_on = (max(ended or self.now, self.now) + timedelta(days=2)).date()
                current = False
            else:
                milestone.due_on = (max(ended or self.now, self.now) + timedelta(days=4)).date()
            self.batch.milestones.append(milestone)
        return done

    def _owner(self, order: Order, step: str) -> str:
        if step == "prescription" and order.practitioner:
            return order.practitioner.name
        if step in ("insurance", "prior_auth", "claim"):
            return "your insurance"
        if step in ("shipped", "delivered"):
            return "the carrier"
        return "our team"

    def _ship(self, order: Order, lines: list[OrderLine], states: dict, done: set[str]) -> None:
        carrier = self.rng.choice(["ups", "ups", "fedex", "usps", "own"])
        window = self._window(order, states["delivered"][1])
        shipment = Shipment(order=order, carrier=carrier, tracking_number=tracking_number(self.rng, carrier))
        shipment.window_start, shipment.window_end = window
        shipment.state = "packed"
        if "shipped" in done:
            shipment.shipped_on = states["shipped"][1].date()
            shipment.state = "in_transit"
        if "delivered" in done:
            shipment.state, shipment.delivered_at = "delivered", states["delivered"][1]
        self.batch.shipments.append(shipment)
        self._events(shipment, states)
        for line in lines:
            self._ship_line(shipment, line)

    def _window(self, order: Order, delivered: datetime) -> tuple[datetime, datetime]:
        zone = ZoneInfo(order.patient.time_zone)
        start = datetime.combine(
            delivered.astimezone(zone).date(), time(self.rng.choice([8, 10, 12, 14])), zone
        )
        return start, start + timedelta(hours=4)

    def _events(self, shipment: Shipment, states: dict) -> None:
        moments = [("label_created", states["packing"][1])]
        if shipment.shipped_on:
            moments.append(("picked_up", states["shipped"][1]))
        if shipment.delivered_at:
            moments += [
                ("out_for_delivery", states["delivered"][1] - timedelta(hours=5)),
                ("delivered", states["delivered"][1]),
            ]
        for count, (code, at) in enumerate(moments):
            self.batch.events.append(
                ShipmentEvent(shipment=shipment, code=code, at=at, external_id=str(count))
            )

    def _ship_line(self, shipment: Shipment, line: OrderLine) -> None:
        product = line.product
        serial = f"SN{self.rng.randrange(10**9, 10**10)}" if product.serialized else ""
        lot = f"L{shipment.order.placed_at:%y%m}{self.rng.randrange(100):02d}"
        self.batch.shipment_lines.append(
            ShipmentLine(
                shipment=shipment, order_line=line, quantity=line.quantity, serial_number=serial, lot=lot
            )
        )
        if product.serialized and shipment.delivered_at:
            self.batch.devices.append(self._device(shipment, line, serial, lot, shipment.delivered_at.date()))

    def _device(self, shipment: Shipment, line: OrderLine, serial: str, lot: str, delivered: date) -> Device:
        return Device(
            patient=shipment.order.patient,
            product=line.product,
            order=shipment.order,
            description=line.product.plain_name,
            serial_number=serial,
            lot=lot,
            delivered_on=delivered,
            warranty_until=_months_later(delivered, line.product.warranty_months),
            rented=line.rental_month is not None,
        )

    def _prescription(self, order: Order, product: Product) -> Prescription:
        written = order.placed_at.date() - timedelta(days=self.rng.randint(1, 20))
        return Prescription(
            patient=order.patient,
            practitioner=order.practitioner,
            order=order,
            hcpcs=product.hcpcs,
            diagnosis_codes=order.diagnosis_codes,
            written_on=written,
            valid_until=written + timedelta(days=365),
        )


def tracking_number(rng: Random, carrier: str) -> str:
    """A number of the carrier's format with a right check digit; our van's is a route stop."""
    if carrier == "ups":
        body = "".join(rng.choice("0123456789") for _ in range(15))
        return f"1Z{body}{_ups_check(body)}"
    if carrier == "fedex":
        body = "".join(rng.choice("0123456789") for _ in range(11))
        weights = (3, 1, 7) * 4
        return body + str(sum(int(c) * w for c, w in zip(body, weights, strict=False)) % 11 % 10)
    if carrier == "usps":
        body = "94" + "".join(rng.choice("0123456789") for _ in range(19))
        odd, even = sum(map(int, body[-1::-2])), sum(map(int, body[-2::-2]))
        return body + str(-(odd * 3 + even) % 10)
    return numbered("VAN", rng.randrange(1000, 9999))


def _ups_check(body: str) -> int:
    return -sum(int(char) * (2 if place % 2 else 1) for place, char in enumerate(body)) % 10


def _months_later(day: date, months: int) -> date:
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, 28))
