"""Orders and devices as their patient sees them."""

import uuid

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal import devices, orders, shipments
from portal.models import Order, Shipment
from portal.records import Record
from portal.views.pages import page, seen

ROWS = 20


@page("deliveries")
@require_safe
def order_list(request: HttpRequest, record: Record) -> HttpResponse:
    rows = _orders(request, record).prefetch_related("milestones", "shipments", "lines__product")
    found = Paginator(rows.order_by("-placed_at", "-pk"), ROWS).get_page(request.GET.get("page"))
    listed = list(found)
    seen(record, "portal.orders", listed)
    return render(
        request, "portal/orders/list.html", {"orders": [_told(row) for row in listed], "page_obj": found}
    )


@page("deliveries")
@require_safe
def order_page(request: HttpRequest, record: Record, ref: uuid.UUID) -> HttpResponse:
    rows = _orders(request, record).select_related("practitioner")
    rows = rows.prefetch_related("milestones", "shipments", "lines__product")
    order = rows.filter(ref=ref).first()
    if order is None:
        raise Http404
    seen(record, "portal.order", [order])
    parcels = [_parcel(shipment) for shipment in order.shipments.all()]
    return render(request, "portal/orders/order.html", {**_told(order), "parcels": parcels})


@page("deliveries")
@require_safe
def device_list(request: HttpRequest, record: Record) -> HttpResponse:
    rows = devices.at_home(request.user, record.patient)
    seen(record, "portal.devices", rows)
    told = [
        {"device": row, "name": devices.plain_name(row), "warranty": devices.warranty(row)} for row in rows
    ]
    return render(request, "portal/orders/devices.html", {"devices": told})


def _orders(request: HttpRequest, record: Record) -> QuerySet[Order]:
    return Order.objects.visible_to(request.user).filter(patient=record.patient).exclude(state="draft")


def _told(order: Order) -> dict[str, object]:
    told = orders.steps(order)
    parcel = orders.parcel(order)
    return {
        "order": order,
        "steps": [_dot(step, order) for step in told],
        "current": orders.current(told),
        "parcel": _parcel(parcel) if parcel else None,
    }


def _dot(step: orders.Step, order: Order) -> dict[str, object]:
    """A step as the list of steps draws it."""
    states = {"done": "done", "now": "held" if order.state == "held" else "now", "waiting": "todo"}
    return {"name": step.label, "state": states[step.state], "detail": step.sentence, "at": None}


def _parcel(shipment: Shipment) -> dict[str, object]:
    return {"shipment": shipment, "url": shipments.tracking_url(shipment)}
