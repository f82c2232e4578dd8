"""Whose insurance pays, as its holder is shown it: in force or not, and what of the card is missing."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.models import Coverage
from config.business_day import business_day
from portal import home
from portal.models import Document, Patient
from portal.models.documents import DocumentKind, DocumentState
from portal.records import Record

SENT = {"front_sent": DocumentKind.INSURANCE_CARD_FRONT, "back_sent": DocumentKind.INSURANCE_CARD_BACK}
GONE = (DocumentState.REFUSED, DocumentState.INFECTED, DocumentState.WITHDRAWN)


@dataclass(frozen=True)
class Shown:
    """An insurance and whether it pays on the day asked about."""

    coverage: Coverage
    in_force: bool


def of_patient(viewer: Any, patient: Patient, *, on: date | None = None) -> list[Shown]:
    """The patient's insurances in their order of paying, those in force first."""
    day = on or business_day()
    rows = Coverage.objects.visible_to(viewer).filter(patient=patient).select_related("payer")
    rows = rows.annotate(**{name: _sent(side) for name, side in SENT.items()}).order_by("rank", "pk")
    shown = [Shown(row, in_force(row, day)) for row in rows]
    return sorted(shown, key=lambda each: not each.in_force)


def _sent(side: DocumentKind) -> Exists:
    """Whether the patient has sent this side of a card, ready or still being checked."""
    return Exists(Document.objects.filter(patient=OuterRef("patient"), kind=side).exclude(state__in=GONE))


def in_force(coverage: Coverage, day: date) -> bool:
    begun = coverage.starts_on is None or coverage.starts_on <= day
    over = coverage.ends_on is not None and coverage.ends_on < day
    return coverage.active and begun and not over


def missing_sides(coverages: list[Shown]) -> list[DocumentKind]:
    """Sides of the insurance card that nobody has sent, where there is an insurance in force."""
    current: list[Any] = [each.coverage for each in coverages if each.in_force]
    front = any(row.card_front_id or row.front_sent for row in current)
    back = any(row.card_back_id or row.back_sent for row in current)
    sides = zip(SENT.values(), (front, back), strict=True)
    return [side for side, known in sides if current and not known]


def panel(viewer: Any, record: Record) -> home.Panel:
    """The card of the home page, and the request for what is missing of the insurance card."""
    coverages = of_patient(viewer, record.patient)
    missing = missing_sides(coverages)
    return home.Panel({"coverages": coverages}, [_send_card(missing)] if missing else [])


def _send_card(missing: list[DocumentKind]) -> home.Todo:
    texts = {
        DocumentKind.INSURANCE_CARD_FRONT: _("Send a photo of the front of your insurance card"),
        DocumentKind.INSURANCE_CARD_BACK: _("Send a photo of the back of your insurance card"),
    }
    text = _("Send photos of your insurance card") if len(missing) == 2 else texts[missing[0]]
    link = f"{reverse('portal:documents')}?kind={missing[0].value}"
    detail = _("We can then check what your insurance pays. It takes 2 to 7 business days.")
    return home.Todo(text, link, detail=detail, icon="file-up")
