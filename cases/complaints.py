"""The complaint register: taken down, acknowledged within days, looked into and answered. Its only writer."""

import csv
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import belongings, sla
from cases.cases import locked, record
from cases.models import Case, Complaint, ComplaintTerms
from config.business_day import business_day
from config.security import audit, crypto
from config.security.normal import is_blank
from config.security.redaction import redact
from portal.access import require
from portal.numbers import next_number

SEQUENCE = "cases_complaint_id_seq"
AT_ONCE = 500
CLOCKS = {"complaint_acknowledgement": ("received",), "complaint_answer": ("received", "acknowledged")}
COLUMNS = (
    *("number", "kind", "product_line", "channel", "state", "received_at", "acknowledge_by"),
    *("acknowledged_at", "answer_by", "answered_at"),
)


def terms(on: date) -> tuple[int, int]:
    """Days to acknowledge and to answer what came in ``on`` that day."""
    row = ComplaintTerms.objects.filter(since__lte=on).first() or ComplaintTerms()
    return row.acknowledge_days, row.answer_days


def take_down(
    actor: Any,
    *,
    kind: str,
    summary: str,
    channel: str,
    case: Case | None = None,
    complainant: str = "",
    reach_them: str = "",
    received_on: date | None = None,
    once: UUID | None = None,
) -> Complaint:
    """Enter a complaint. Raises ValidationError where it does not say what happened or who complained.

    ``once`` is that of the form it came by: the same words sent twice by one form are one complaint.
    """
    require(actor, "complaints.work")
    wrong = {}
    if is_blank(summary):
        wrong["summary"] = _("Write down what happened, in their words where you can.")
    if kind not in dict(Complaint.KINDS):
        wrong["kind"] = _("Choose what it is about.")
    if case is None and is_blank(complainant):
        wrong["complainant"] = _("Say who complained.")
    today = business_day()
    if received_on and received_on > today:
        wrong["received_on"] = _("That day has not come yet.")
    if wrong:
        raise ValidationError(wrong)
    told = {
        "kind": kind,
        "channel": channel,
        "complainant": complainant.strip()[:120],
        "reach_them": reach_them.strip()[:160],
        "summary": redact(summary.strip()).text,
    }
    return _enter(actor, case, told, received_on or today, once)


def _enter(
    actor: Any, case: Case | None, told: dict[str, str], received: date, once: UUID | None
) -> Complaint:
    acknowledge, answer = terms(received)
    entered: dict[str, Any] = told | {
        "number": lambda: next_number("CP", SEQUENCE),
        "case": case,
        "patient": case.patient if case else None,
        "product_line": case.product_line if case else "",
        "received_at": _moment(received),
        "taken_by": actor if actor.pk else None,
        "acknowledge_by": received + timedelta(days=acknowledge),
        "answer_by": received + timedelta(days=answer),
    }
    ref = _ref(once, told, case, received) if once else uuid4()
    with transaction.atomic():
        complaint, new = Complaint.objects.get_or_create(ref=ref, defaults=entered)
        if new and case is not None:
            keep_clocks(actor, case)
            record(actor, case, "linked", {"complaint": complaint.number})
    return complaint


def _ref(once: UUID, told: dict[str, str], case: Case | None, received: date) -> UUID:
    """Of a form and its words together: other words, by the back button for one, are another complaint."""
    words = json.dumps([told, case.pk if case else None, received.isoformat()], sort_keys=True)
    return UUID(bytes=crypto.mac("complaints", once.bytes + words.encode())[:16], version=4)


def _moment(received: date) -> datetime:
    """Now, or the end of the earlier day it came on: nobody noted when."""
    end = datetime.combine(received, time.max, timezone.get_current_timezone())
    return min(timezone.now(), end)


def keep_clocks(actor: Any, case: Case) -> None:
    """Let the clocks of a case run for the oldest complaint that waits on it, and end with the last one.

    Within the caller's transaction.
    """
    held = locked(case)
    for kind, states in CLOCKS.items():
        waiting = Complaint.objects.filter(case=held, state__in=states).order_by("received_at")
        oldest = waiting.values_list("received_at", flat=True).first()
        if oldest is None:
            sla.finish(held, kind, actor=actor)
        else:
            sla.begin(held, kind, actor=actor, at=oldest)


@transaction.atomic
def acknowledge(actor: Any, *, complaint: Complaint) -> Complaint:
    """They were told that we have it and when we will answer."""
    held = _held(actor, complaint)
    if held.state != "received":
        raise ValidationError(_("This complaint has been acknowledged already."))
    held.state, held.acknowledged_at = "acknowledged", timezone.now()
    held.acknowledged_by = actor if actor.pk else None
    held.save(update_fields=["state", "acknowledged_at", "acknowledged_by"])
    _turn_clocks(actor, held)
    return held


def _turn_clocks(actor: Any, complaint: Complaint) -> None:
    if complaint.case is not None:
        keep_clocks(actor, complaint.case)


@transaction.atomic
def answer(actor: Any, *, complaint: Complaint, findings: str, told: str) -> Complaint:
    """What we found and what we told them: both stand in the register from then on."""
    wrong = {}
    if is_blank(findings):
        wrong["findings"] = _("Write down what you found out.")
    if is_blank(told):
        wrong["told"] = _("Write down what was done and what they were told.")
    if wrong:
        raise ValidationError(wrong)
    held = _held(actor, complaint)
    if held.state == "answered":
        raise ValidationError(_("This complaint has been answered already."))
    now = timezone.now()
    held.acknowledged_at = held.acknowledged_at or now
    held.acknowledged_by = held.acknowledged_by or (actor if actor.pk else None)
    held.state, held.answered_at, held.answered_by = "answered", now, actor if actor.pk else None
    held.findings, held.answer = redact(findings.strip()).text, redact(told.strip()).text
    held.save(
        update_fields=[
            *("state", "acknowledged_at", "acknowledged_by", "answered_at", "answered_by"),
            *("findings", "answer"),
        ]
    )
    _turn_clocks(actor, held)
    return held


def _held(actor: Any, complaint: Complaint) -> Complaint:
    require(actor, "complaints.work", complaint)
    held: Complaint = belongings.held(Complaint.objects.filter(pk=complaint.pk))
    return held


def register(actor: Any, *, answered: bool = False, most: int = 100) -> list[Complaint]:
    """Those to be answered, the nearest term first; or those answered, the newest first."""
    require(actor, "complaints.work")
    rows = Complaint.objects.visible_to(actor).select_related("case", "taken_by")
    if answered:
        rows = rows.filter(state="answered").order_by("-answered_at")
    else:
        rows = rows.exclude(state="answered").order_by("answer_by", "pk")
    found = list(rows.defer("summary", "findings", "answer", "reach_them")[:most])
    if found:
        audit.read({row.patient_id for row in found if row.patient_id}, "complaint register", objects=found)
    return found


def open_complaint(actor: Any, ref: Any) -> Complaint:
    """One complaint, on the trail as opened. Raises Complaint.DoesNotExist."""
    require(actor, "complaints.work")
    rows = Complaint.objects.visible_to(actor).select_related("case", "patient", "taken_by", "answered_by")
    complaint: Complaint = rows.get(ref=ref)
    whose = [complaint.patient_id] if complaint.patient_id else []
    audit.read(whose, "complaint", objects=[complaint], fields=("complainant", "summary"))
    return complaint


def late(complaint: Complaint, today: date | None = None) -> str:
    """Which term has passed: "acknowledge", "answer" or ""."""
    today = today or business_day()
    if complaint.state == "received" and complaint.acknowledge_by < today:
        return "acknowledge"
    return "answer" if complaint.state != "answered" and complaint.answer_by < today else ""


class _Echo:
    def write(self, line: str) -> str:
        return line


def as_csv(actor: Any) -> Iterator[str]:
    """The register without names or words, oldest first: what an accreditor asks to see, and all of it.

    A few rows at a time; those are on the trail as an export before they leave.
    """
    require(actor, "complaints.work")
    every = Complaint.objects.visible_to(actor).only("patient_id", *COLUMNS).order_by("pk")
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    last = 0
    while some := list(every.filter(pk__gt=last)[:AT_ONCE]):
        whose = {row.patient_id for row in some if row.patient_id}
        audit.event("export", subjects=whose, what="complaint register", objects=some)
        yield "".join(writer.writerow([_cell(getattr(row, name)) for name in COLUMNS]) for row in some)
        last = some[-1].pk


def _cell(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value or "")
