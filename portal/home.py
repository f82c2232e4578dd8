"""The customer's home: what they should do first, then a card for each part of their record.

``CARDS`` is a registry: each app to the right adds its cards when it starts. One call builds a card and what
it asks of the customer, so that a card costs its queries once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from portal import devices, orders
from portal.access import PATIENT_REALM
from portal.models import Document, Order, Shipment
from portal.models.documents import DocumentKind, DocumentState
from portal.records import Record

SHOWN = 3
LOOKED_THROUGH = 20


@dataclass(frozen=True)
class Todo:
    """Something the customer should do: what, where, and by when. ``urgent`` ones stand first."""

    text: str
    link: str
    detail: str = ""
    due: date | None = None
    urgent: bool = False
    icon: str = "circle-alert"


@dataclass(frozen=True)
class Panel:
    """A card that is ready to show: what its template needs, and what it asks of the customer."""

    context: dict[str, Any] = field(default_factory=dict)
    todos: list[Todo] = field(default_factory=list)


@dataclass(frozen=True)
class Card:
    """A part of the home page. ``scope`` is what a caregiver must hold to see it (``Record.may``)."""

    key: str
    title: Any
    template: str
    scope: str
    place: int
    build: Callable[[Any, Record], Panel]


CARDS: dict[str, Card] = {}


def register(card: Card) -> None:
    """Add a card; cards of one key replace each other."""
    CARDS[card.key] = card


@dataclass(frozen=True)
class Home:
    todos: list[Todo]
    cards: list[tuple[Card, Panel]]


def home_of(viewer: Any, record: Record) -> Home:
    """The home page of a record for ``viewer``: to-do list first, then the cards their scope opens."""
    open_cards = sorted(
        (card for card in CARDS.values() if record.may(card.scope)), key=lambda card: card.place
    )
    built = [(card, card.build(viewer, record)) for card in open_cards]
    todos = [todo for _card, panel in built for todo in panel.todos]
    return Home(sorted(todos, key=_first), built)


def _first(todo: Todo) -> tuple[bool, date]:
    return not todo.urgent, todo.due or date.max


def _orders(viewer: Any, record: Record) -> Panel:
    coming = (
        Shipment.objects.filter(order=OuterRef("pk"))
        .exclude(state="delivered")
        .order_by("window_start", "pk")
    )
    rows = Order.objects.visible_to(viewer).filter(patient=record.patient).exclude(state="draft")
    rows = rows.annotate(
        window_start=Subquery(coming.values("window_start")[:1]),
        window_end=Subquery(coming.values("window_end")[:1]),
    )
    recent = list(rows.prefetch_related("milestones").order_by("-placed_at")[:SHOWN])
    told = [(order, orders.current(orders.steps(order))) for order in recent]
    return Panel({"orders": told}, [_held(order) for order in recent if order.state == "held"])


def _held(order: Order) -> Todo:
    return Todo(
        text=_("Order %(number)s is on hold") % {"number": order.number},
        link=reverse("portal:order", args=[order.ref]),
        detail=order.hold_reason,
        urgent=True,
        icon="circle-pause",
    )


def _devices(viewer: Any, record: Record) -> Panel:
    at_home = devices.at_home(viewer, record.patient)
    return Panel(
        {"devices": [(row, devices.plain_name(row), devices.warranty(row)) for row in at_home[:SHOWN]]}
    )


def _documents(viewer: Any, record: Record) -> Panel:
    rows = (
        Document.objects.visible_to(viewer).filter(patient=record.patient).exclude(kind=DocumentKind.EXPORT)
    )
    rows = rows.exclude(state=DocumentState.WITHDRAWN).select_related("uploaded_by")
    recent = list(rows.order_by("-created_at")[:LOOKED_THROUGH])
    refused = [
        row
        for row in recent
        if row.state in (DocumentState.REFUSED, DocumentState.INFECTED) and sent_by_them(row)
    ]
    todos = [_refused(refused)] if refused else []
    return Panel({"documents": recent[:SHOWN]}, todos)


def sent_by_them(document: Document) -> bool:
    """Whether it came from the patient or a caregiver, who may then take it back."""
    sender = document.uploaded_by
    return sender is not None and sender.realm == PATIENT_REALM


def _refused(refused: list[Document]) -> Todo:
    text = ngettext("A file could not be accepted", "%(count)d files could not be accepted", len(refused))
    return Todo(
        text=text % {"count": len(refused)},
        link=reverse("portal:documents"),
        detail=str(refused[0].get_reason_display()),
        urgent=True,
        icon="file-x",
    )


def _links(viewer: Any, record: Record) -> Panel:
    return Panel()


register(Card("orders", gettext_lazy("Orders"), "portal/home/orders_card.html", "deliveries", 10, _orders))
register(
    Card("devices", gettext_lazy("Devices"), "portal/home/devices_card.html", "deliveries", 20, _devices)
)
register(
    Card("documents", gettext_lazy("Documents"), "portal/home/documents_card.html", "any", 40, _documents)
)
register(
    Card("agent_code", gettext_lazy("On the phone"), "portal/home/agent_code_card.html", "any", 55, _links)
)
register(Card("my_data", gettext_lazy("My data"), "portal/home/my_data_card.html", "own", 60, _links))
