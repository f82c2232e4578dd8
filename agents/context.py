"""What stands beside a case: the patient, and one panel for each thing we know of them. Those that are
``first`` come at once, the others after them.

PANELS is the registry: an app to the left is shown here by a function of its own, not by reaching in. What
identifies a patient is masked until the agent unmasks it for this case, which goes on the trail.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from agents.workspace import purpose
from billing.models import Coverage
from cases.models import Case
from config.security import audit
from portal import orders as orders_rules
from portal.access import allowed, require
from portal.models import AccessEntry, Caregiver, Device, Document, Order, Patient, User

ORDERS, DOCUMENTS, CASES, LOG = 3, 8, 6, 8
MASKED = ("birth_date", "phone", "email", "address", "member_id")  # what ``unmask`` shows


@dataclass(frozen=True)
class Panel:
    """``load(actor, patient, case)`` gives what the template shows, or None where the panel stays away."""

    code: str
    title: Any
    icon: str
    permission: str
    load: Callable[[User, Patient, Case], Any]
    open: bool = True
    first: bool = False

    @property
    def template(self) -> str:
        return f"agents/panels/{self.code}.html"


@dataclass(frozen=True)
class Shown:
    """A panel with what it shows."""

    panel: Panel
    content: Any


def beside(actor: User, case: Case, *, first: bool) -> list[Shown]:
    """Panels of a case whose patient is known; one entry on the trail tells which were shown."""
    require(actor, "patients.view")
    patient = case.patient
    if patient is None:
        return []
    seen = [panel for panel in PANELS if panel.first is first and allowed(actor, panel.permission)]
    with audit.acting(purpose=purpose(case)):
        audit.read([patient], "case context", objects=[patient], fields=[panel.code for panel in seen])
        shown = [Shown(panel, panel.load(actor, patient, case)) for panel in seen]
    return [one for one in shown if one.content is not None]


def unmask(actor: User, case: Case) -> tuple[Patient, list[Coverage]]:
    """The patient and their coverage in plain for this case, once; on the trail as an unmasking."""
    require(actor, "patients.unmask", case)
    patient = case.patient
    if patient is None:
        raise Patient.DoesNotExist
    with audit.acting(purpose=purpose(case)):
        audit.event("unmask", subjects=[patient], what="case context", objects=[patient], fields=MASKED)
    return patient, _coverage(actor, patient, case) if allowed(actor, "coverage.view") else []


@dataclass(frozen=True)
class Who:
    """The patient and who may speak for them; fields of MASKED are hidden unless unmasked."""

    patient: Patient
    caregivers: list[Caregiver]
    may_invite: bool = False


def _who(actor: User, patient: Patient, case: Case) -> Who:
    caregivers = list(Caregiver.objects.in_force().filter(patient=patient))
    return Who(patient, caregivers, may_invite=allowed(actor, "users.invite"))


def _orders(actor: User, patient: Patient, case: Case) -> list[tuple[Order, list[Any], Any]]:
    """The order the case is about, then the newest ones, each with its steps and its last parcel."""
    theirs = Order.objects.visible_to(actor).filter(patient=patient)
    first = (
        theirs.annotate(asked=Q(pk=case.order_id)) if case.order_id else theirs.annotate(asked=Value(False))
    )
    shown = first.defer("notes", "diagnosis_codes").prefetch_related("milestones", "shipments")
    newest = shown.order_by("-asked", "-placed_at")[:ORDERS]
    return [(order, orders_rules.steps(order), _last_parcel(order)) for order in newest]


def _last_parcel(order: Order) -> Any:
    return max(order.shipments.all(), key=lambda shipment: shipment.pk, default=None)


def _devices(actor: User, patient: Patient, case: Case) -> list[Device]:
    at_home = Device.objects.visible_to(actor).filter(patient=patient, returned_on=None)
    return list(at_home.select_related("product").defer("serial_number")[:DOCUMENTS])


def _documents(actor: User, patient: Patient, case: Case) -> list[Document]:
    found = Document.objects.visible_to(actor).filter(patient=patient).exclude(state="withdrawn")
    return list(found.order_by("-created_at")[:DOCUMENTS])


def _coverage(actor: User, patient: Patient, case: Case) -> list[Coverage]:
    in_force = Coverage.objects.visible_to(actor).filter(patient=patient, active=True)
    return list(in_force.select_related("payer").order_by("rank"))


def _earlier(actor: User, patient: Patient, case: Case) -> list[Case]:
    others = (
        Case.objects.visible_to(actor).filter(patient=patient).exclude(pk=case.pk).select_related("reason")
    )
    slim = others.only("number", "state", "channel", "opened_at", "last_contact_at", "reason__label")
    return list(slim.order_by("-last_contact_at")[:CASES])


def _log(actor: User, patient: Patient, case: Case) -> list[AccessEntry]:
    entries = AccessEntry.objects.filter(subjects__contains=[patient.pk]).select_related("actor")
    return list(entries.order_by("-timestamp")[:LOG])


PANELS = [
    Panel("patient", _("Patient"), "user", "patients.view", _who, first=True),
    Panel("orders", _("Orders"), "package", "orders.view", _orders, first=True),
    Panel("coverage", _("Coverage"), "shield-check", "coverage.view", _coverage, first=True),
    Panel("devices", _("Devices at home"), "monitor-smartphone", "orders.view", _devices),
    Panel("documents", _("Documents"), "file-text", "documents.view", _documents),
    Panel("earlier", _("Other cases"), "history", "cases.view", _earlier),
    Panel("log", _("Who saw this record"), "eye", "patients.view", _log, open=False),
]
