"""What stands beside a case: the patient, and one panel for each thing we know of them. Those of
the first turn come at once, the others after them.

PANELS is the registry: an app to the left is shown here by a function of its own, not by reaching in. A panel
that names ``what`` is loaded only where the verification on this case opens that (R-CASE-3); what identifies a
patient is masked even then, until the agent unmasks it for this case, which goes on the trail.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from django.db.models import Q, Value
from django.utils.translation import gettext_lazy as _

from agents.search import masked
from agents.workspace import purpose
from billing.models import Coverage
from cases import lines, sla
from cases.models import Case, Conversation
from config.security import audit
from portal import access_trail, stays, verification
from portal import orders as orders_rules
from portal.access import allowed, require
from portal.models import AccessEntry, Caregiver, Device, Document, Order, Patient, User, Verification
from portal.verification import NotVerified, Standing

ORDERS, DOCUMENTS, CASES, LOG = 3, 8, 6, 8
FIRST, MORE, REST = range(3)  # turns: each is a page of its own, within its queries
# What ``unmask`` shows, by what has to be open for it. A birth date is an identifier: no less than level 2.
MASKED = {
    "birth_date": "clinical",
    "phone": "contact",
    "email": "contact",
    "address": "contact",
    "member_id": "insurance",
}


def _nothing(actor: User, patient: Patient, case: Case) -> Any:
    return None


@dataclass(frozen=True)
class Panel:
    """``load(actor, patient, case)`` gives what the template shows, or None where the panel stays away.

    ``what`` is what the verification has to open first; without it a line says that it is closed. A panel that
    shows more the surer we are has ``stands`` in place of ``load``, which is given the standing as well.
    """

    code: str
    title: Any
    icon: str
    permission: str
    load: Callable[[User, Patient, Case], Any] = _nothing
    open: bool = True
    turn: int = REST
    what: str = ""
    stands: Callable[[User, Patient, Case, Standing], Any] | None = None

    @property
    def template(self) -> str:
        return f"agents/panels/{self.code}.html"


@dataclass(frozen=True)
class Shown:
    """A panel with what it shows; ``closed`` where the verification does not open it."""

    panel: Panel
    content: Any
    closed: bool = False

    @property
    def template(self) -> str:
        return "agents/panels/closed.html" if self.closed else self.panel.template


def standing(actor: User, case: Case, threads: Iterable[Conversation] | None = None) -> Standing:
    """How sure we are of who is on the line of this case; nobody, where no patient is known.

    ``threads`` are its conversations, where they have been read already.
    """
    if case.patient is None:
        return Standing()
    matter = None if threads is None else lines.matter_of(case, threads)
    return verification.standing(actor, case.patient, purpose=purpose(case), matter=matter)


def heading(actor: User, case: Case, threads: Iterable[Conversation]) -> str:
    """The name a case goes by: of its patient once they are identified, first letters before."""
    if case.patient is None:
        return case.guest_name or str(_("Guest"))
    return case.patient.name if standing(actor, case, threads).names else masked_name(case.patient)


def masked_name(patient: Patient) -> str:
    return f"{masked(patient.first_name)} {masked(patient.last_name)}"


def beside(actor: User, case: Case, *, turn: int) -> list[Shown]:
    """Panels of a case whose patient is known, those of one turn; one entry on the trail tells which were shown."""
    require(actor, "patients.view")
    patient = case.patient
    if patient is None:
        return []
    mine = [panel for panel in PANELS if panel.turn == turn and allowed(actor, panel.permission)]
    stands = standing(actor, case)
    opened = [panel for panel in mine if not panel.what or stands.opens(panel.what)]
    with audit.acting(purpose=purpose(case)):
        audit.read([patient], "case context", objects=[patient], fields=[panel.code for panel in opened])
        shown = [_show(panel, panel in opened, actor, case, stands) for panel in mine]
    return [one for one in shown if one.closed or one.content is not None]


def _show(panel: Panel, opened: bool, actor: User, case: Case, stands: Standing) -> Shown:
    if not opened:
        return Shown(panel, None, closed=True)
    patient = cast(Patient, case.patient)
    if panel.stands is not None:
        return Shown(panel, panel.stands(actor, patient, case, stands))
    return Shown(panel, panel.load(actor, patient, case))


@dataclass(frozen=True)
class Plain:
    """What was unmasked: fields of MASKED that are open, by name, and the coverage with its numbers."""

    patient: Patient
    fields: frozenset[str]
    coverages: list[Coverage]


def unmask(actor: User, case: Case) -> Plain:
    """What the verification on this case opens, in plain, once; on the trail as an unmasking.

    Raises NotVerified where nothing is open.
    """
    require(actor, "patients.unmask", case)
    patient = case.patient
    if patient is None:
        raise Patient.DoesNotExist
    stands = standing(actor, case)
    fields = frozenset(name for name, what in MASKED.items() if stands.opens(what))
    if not fields:
        raise NotVerified("contact")
    with audit.acting(purpose=purpose(case)):
        audit.event("unmask", subjects=[patient], what="case context", objects=[patient], fields=fields)
    insured = "member_id" in fields and allowed(actor, "coverage.view")
    return Plain(patient, fields, _coverage(actor, patient, case) if insured else [])


@dataclass(frozen=True)
class Who:
    """The patient as far as they may be known yet, and who may speak for them."""

    patient: Patient
    name: str
    account: str
    phone_end: str
    caregivers: list[tuple[Caregiver, str]]
    standing: Standing
    circumstances: list[str]
    may_invite: bool = False
    may_unmask: bool = False


def _who(actor: User, patient: Patient, case: Case, stands: Standing) -> Who:
    held = Caregiver.objects.in_force().filter(patient=patient)
    return Who(
        patient,
        name=patient.name if stands.names else masked_name(patient),
        account=patient.account_number if stands.names else f"••••{patient.account_number[-2:]}",
        phone_end=patient.phone[-4:] if stands.opens("contact") else "",
        caregivers=[(one, one.name if stands.names else caregiver_masked(one)) for one in held],
        standing=stands,
        circumstances=stays.of(patient, stays.from_rows(getattr(case, "current_stays", None))).why,
        may_invite=allowed(actor, "users.invite"),
        may_unmask=any(stands.opens(what) for what in MASKED.values()),
    )


def caregiver_masked(caregiver: Caregiver) -> str:
    return " ".join(masked(word) for word in caregiver.name.split()[:2])


@dataclass(frozen=True)
class Verified:
    """The panel of verification: where we stand, how we know, and what may be begun."""

    standing: Standing
    how: Any
    may_verify: bool
    may_break: bool


def _verified(actor: User, patient: Patient, case: Case, stands: Standing) -> Verified:
    return Verified(
        stands,
        how=dict(Verification.HOW).get(stands.by, ""),
        may_verify=allowed(actor, "verification.attempt"),
        may_break=allowed(actor, "break_glass.use") and stands.emergency is None,
    )


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


def _kin(actor: User, patient: Patient, case: Case) -> bool:
    """Loads itself, with a reading of its own."""
    return True


def _earlier(actor: User, patient: Patient, case: Case) -> list[Case]:
    others = (
        Case.objects.visible_to(actor).filter(patient=patient).exclude(pk=case.pk).select_related("reason")
    )
    slim = others.only("number", "state", "channel", "opened_at", "last_contact_at", "reason__label")
    return list(slim.order_by("-last_contact_at")[:CASES])


@dataclass(frozen=True)
class Clocks:
    """What is promised on a case and runs; the story of all of it is a dialog."""

    number: str
    clocks: list[sla.Standing]


def _clocks(actor: User, patient: Patient, case: Case) -> Clocks | None:
    running = sla.running(case)
    return Clocks(case.number, running) if running else None


def _escalations(actor: User, patient: Patient, case: Case) -> bool | None:
    """Whether there are any; what they are is asked for by the panel itself, and again when somebody acts."""
    return case.tier > 1 or None


def _playbook(actor: User, patient: Patient, case: Case) -> Case:
    return case


def _log(actor: User, patient: Patient, case: Case) -> list[AccessEntry]:
    entries = access_trail.entries_about(patient).select_related("actor")
    return list(entries.order_by("-timestamp")[:LOG])


PANELS = [
    Panel("verification", _("Verification"), "user-check", "patients.view", stands=_verified, turn=FIRST),
    Panel("patient", _("Patient"), "user", "patients.view", stands=_who, turn=FIRST),
    Panel("orders", _("Orders"), "package", "orders.view", _orders, turn=FIRST, what="orders"),
    Panel("coverage", _("Coverage"), "shield-check", "coverage.view", _coverage, turn=MORE, what="insurance"),
    Panel("playbook", _("Playbook"), "list-checks", "playbooks.run", _playbook, turn=MORE),
    Panel("clocks", _("Clocks"), "timer", "cases.view", _clocks, turn=MORE),
    Panel("escalations", _("Escalations"), "siren", "cases.escalate", _escalations, turn=MORE),
    Panel("devices", _("Devices at home"), "monitor-smartphone", "orders.view", _devices, what="orders"),
    Panel("documents", _("Documents"), "file-text", "documents.view", _documents, what="documents"),
    Panel("kin", _("Belongs to it"), "git-merge", "cases.view", _kin, turn=MORE),
    Panel("earlier", _("Other cases"), "history", "cases.view", _earlier, turn=MORE),
    Panel("log", _("Who saw this record"), "eye", "patients.view", _log, open=False),
]
