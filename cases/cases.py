"""What is done with a case: opened, taken, handed on, changed, closed, opened again. The only writer of cases.

``version`` is the one its maker saw: where the case has moved on since, ``Conflict`` says who did what. Every
act is a CaseEvent in the case's line of time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import gate, live, numbers, repeats, sla, surveys, telling
from cases.gate import Ending
from cases.models import Case, CaseEvent, Conversation, Reason, SlaPolicy, Team
from cases.people import shown_name
from cases.signals import case_changed
from config.security.redaction import redact
from portal.access import allowed, require
from portal.models import Order, Patient, User

CHANGEABLE = ("reason", "priority", "product_line", "order", "subject")
PROMISED_BY = {"reason", "priority"}
CLOSING = (
    *("state", "closed_at", "unread", "waiting_on", "disposition", "next_step", "reason"),
    *("next_contact_on", "snoozed_until", "wake_only_then"),
)


@dataclass
class Conflict(Exception):
    """Somebody else was faster. ``by`` is their shown name, ``what`` the kind of the event, ``at`` when."""

    by: str
    what: str
    at: datetime

    def __str__(self) -> str:
        return "The case has changed since."


def open_case(
    actor: Any,
    *,
    channel: str,
    patient: Patient | None = None,
    subject: str = "",
    reason: Reason | None = None,
    order: Order | None = None,
    owner: User | None = None,
    guest_name: str = "",
    note: str = "",
    follows_on: Case | None = None,
) -> Case:
    """A new matter. ``note`` is what its taker wrote down of it; ``follows_on`` the closed case it takes up."""
    require(actor, "cases.work", patient)
    _refuse_foreign_order(getattr(patient, "pk", None), order)
    with transaction.atomic():
        case = Case.objects.create(
            number=numbers.next_case_number(),
            channel=channel,
            patient=patient,
            subject=redact(subject).text,
            order=order,
            owner=owner,
            guest_name=redact(guest_name).text,
            state="open" if owner else "new",
            follows_on=follows_on,
            **_by_reason(reason, order),
        )
        record(actor, case, "opened", {"channel": channel})
        sla.event(case, "opened", actor=actor)
        if follows_on is not None:
            record(actor, case, "linked", {"kind": "follows_on", "to": follows_on.number})
            record(actor, follows_on, "linked", {"kind": "followed_on", "from": case.number})
        note_repeat(actor, case)
        if note:
            _keep_note(actor, case, note)
    return case


def _refuse_foreign_order(patient_id: int | None, order: Order | None) -> None:
    if order is not None and order.patient_id != patient_id:
        raise ValidationError(_("This order is somebody else's."))


def _by_reason(reason: Reason | None, order: Order | None) -> dict[str, Any]:
    line = order.product_line if order else ""
    if reason is None:
        return {"product_line": line}
    return {"product_line": line, "reason": reason, "team": reason.team, "priority": reason.priority}


def _keep_note(actor: Any, case: Case, body: str) -> None:
    from cases import conversations  # the thread of a case is written by its own rules

    thread = conversations.thread_of(case)
    conversations.note(actor, conversation=thread, body=body)


def assign(actor: Any, *, case: Case, to: User, version: int | None = None) -> Case:
    """Give a case to somebody, oneself included. To others takes a permission of its own."""
    require(actor, "cases.assign", case)
    if to.pk != actor.pk:
        require(actor, "cases.assign_others")
    _require_desk(to)
    with transaction.atomic():
        case = locked(case, version)
        gate.refuse_closed(case)
        case.owner, case.state = to, "open" if case.state == "new" else case.state
        save(case, "owner", "state")
        record(actor, case, "assigned", {"to": shown_name(to)})
    return case


def release(actor: Any, *, case: Case, version: int | None = None, held_by: int | None = None) -> Case:
    """Put a case back where everybody sees it; with ``held_by`` only while this user still owns it."""
    require(actor, "cases.assign", case)
    with transaction.atomic():
        case = locked(case, version)
        if held_by not in (None, case.owner_id):
            return case
        case.owner = None
        save(case, "owner")
        record(actor, case, "released")
    return case


def transfer(
    actor: Any,
    *,
    case: Case,
    to: User | None = None,
    team: Team | None = None,
    note: str = "",
    version: int | None = None,
) -> Case:
    """Hand a case on to a person or to a team, with what they should know."""
    require(actor, "cases.work", case)
    if (to is None) == (team is None):
        raise ValidationError(_("Choose a person or a team."))
    if to is not None:
        _require_desk(to)
    with transaction.atomic():
        case = locked(case, version)
        gate.refuse_handing_on(actor, case, to)
        case.owner, case.team = to, team or case.team
        save(case, "owner", "team")
        record(actor, case, "transferred", {"to": shown_name(to) if to else str(team)})
        if note:
            _keep_note(actor, case, note)
        _hand_on_chats(actor, case, to)
    return case


def _hand_on_chats(actor: Any, case: Case, to: User | None) -> None:
    from cases import conversations  # as in _keep_note

    for conversation in _live_chats(case):
        conversations.hand_on(actor, conversation=conversation, to=to)


def change(actor: Any, *, case: Case, version: int | None = None, **values: Any) -> Case:
    """Change the reason, priority, product line, order or subject."""
    require(actor, "cases.work", case)
    if unknown := set(values) - set(CHANGEABLE):
        raise TypeError(f"A case's {', '.join(sorted(unknown))} can't be changed so.")
    if "subject" in values:
        values["subject"] = redact(values["subject"]).text
    with transaction.atomic():
        case = locked(case, version)
        _refuse_foreign_order(case.patient_id, values.get("order"))
        _hasten(case, values)
        for name, value in values.items():
            setattr(case, name, value)
        save(case, *values, *(["subject_tokens"] if "subject" in values else []))
        record(actor, case, "changed", {"fields": sorted(values)})
        if PROMISED_BY & set(values):
            sla.event(case, "reclassified", actor=actor)
        if "reason" in values:
            note_repeat(actor, case)
    return case


def _hasten(case: Case, values: dict[str, Any]) -> None:
    """A reason whose cases go before all others makes the case as urgent as that, unless a priority is named."""
    reason = values.get("reason")
    if reason is not None and reason.lane and reason.priority < case.priority:
        values.setdefault("priority", reason.priority)


def note_repeat(actor: Any, case: Case) -> None:
    """Write down which closed case came back with this one, as soon as that can be known."""
    before = repeats.of(case)
    if before is not None and case.repeat_of_id != before.pk:
        case.repeat_of = before
        save(case, "repeat_of")
        record(actor, case, "linked", {"kind": "repeat", "to": before.number})


def identified(actor: Any, *, case: Case, patient: Patient) -> Case:
    """It is known now whose case this is. One that is somebody's already stays theirs."""
    require(actor, "cases.work", patient)
    with transaction.atomic():
        case = locked(case)
        if case.patient_id is None:
            case.patient = patient
            save(case, "patient")
            record(actor, case, "linked", {"identity": 1})
            sla.event(case, "reclassified", actor=actor)
            note_repeat(actor, case)
    return case


def promised_anew(actor: Any, *, patient_id: int) -> None:
    """A patient's tier may be another now: their open cases go by what is promised to it."""
    require(actor, "cases.work")
    if SlaPolicy.objects.filter(active=True).exclude(customer_tier="").exists():
        for pk in Case.objects.open().filter(patient=patient_id).values_list("pk", flat=True):
            with transaction.atomic():
                sla.event(locked_together([pk])[pk], "reclassified", actor=actor)


def raise_tier(actor: Any, *, case: Case, tier: int) -> Case:
    """Say how far a case has been handed up. It never comes down by this."""
    require(actor, "cases.escalate", case)
    with transaction.atomic():
        case = locked(case, None)
        if case.tier < tier:
            case.tier = tier
            save(case, "tier")
    return case


def wait(actor: Any, *, case: Case, on: str = "customer", version: int | None = None) -> Case:
    """Somebody else has the next word. The clocks stand still for the customer alone: others we chase."""
    require(actor, "cases.work", case)
    if on not in dict(Case.WAITED_FOR):
        raise ValidationError(_("Say who the case waits for."))
    with transaction.atomic():
        case = locked(case, version)
        if case.state == "closed":
            raise ValidationError(_("This case is closed: it waits for nobody."))
        case.waiting_on, case.state = on, "waiting" if on == "customer" else "open"
        save(case, "state", "waiting_on")
        record(actor, case, "changed", {"fields": ["state"], "waiting_on": on})
        sla.event(case, "waits" if on == "customer" else "resumes", actor=actor)
    return case


def close(
    actor: Any,
    *,
    case: Case,
    disposition: str,
    next_step: str,
    reason: Reason | None = None,
    next_contact: date | None = None,
    children: str = "",
    version: int | None = None,
) -> Case:
    """The one gate a case leaves by: how it ended, what comes next, what it was about.

    ``children`` says what becomes of open cases under it: ``close`` or ``leave``. Raises ValidationError by field.
    """
    require(actor, "cases.work", case)
    told = Ending(disposition, next_step, reason, next_contact)
    with transaction.atomic():
        under = list(case.children.open().values_list("pk", flat=True))
        held = locked_together([case.pk, *(under if children == "close" else [])])
        case = _unchanged(held.pop(case.pk), version)
        if case.state == "closed":
            raise ValidationError(_("This case is closed already."))
        gate.refuse_unsaid_children(len(under), children)
        ending = told.of(case)
        for child in held.values():
            _close_child(actor, child, ending)
        _end(actor, case, ending)
    return case


def _close_child(actor: Any, case: Case, ending: Ending) -> None:
    require(actor, "cases.work", case)
    try:
        if case.state != "closed":
            _end(actor, case, ending.of(case, own_reason=True))
    except ValidationError as error:
        words = " ".join(error.messages)
        raise ValidationError({"children": f"{case.number}: {words}"}) from None


def _end(actor: Any, case: Case, ending: Ending) -> None:
    gate.refuse_half_closed(case, ending)
    case.state, case.closed_at, case.unread, case.waiting_on = "closed", timezone.now(), 0, ""
    case.disposition, case.next_step, case.reason = ending.disposition, ending.next_step, ending.reason
    case.next_contact_on, case.snoozed_until, case.wake_only_then = ending.next_contact, None, False
    save(case, *CLOSING)
    record(actor, case, "closed", {"disposition": ending.disposition})
    note_repeat(actor, case)
    sla.event(case, "closed", actor=actor)
    _close_chats(actor, case)
    surveys.asked_after_close(case)


def _close_chats(actor: Any, case: Case) -> None:
    from cases import conversations  # as in _keep_note

    for conversation in _live_chats(case):
        conversations.end(actor, conversation=conversation)


def reopen(actor: Any, *, case: Case, version: int | None = None) -> Case:
    require(actor, "cases.work", case)
    with transaction.atomic():
        case = locked(case, version)
        if case.state != "closed":
            raise ValidationError(_("This case is open."))
        _refuse_merged(case)
        case.state, case.closed_at, case.next_contact_on = "open", None, None
        save(case, "state", "closed_at", "next_contact_on")
        record(actor, case, "reopened")
        sla.event(case, "reopened", actor=actor)
    return case


def _refuse_merged(case: Case) -> None:
    if case.merged_into is not None:
        words = _("This case went into %(into)s: undo the merge instead.")
        raise ValidationError(words % {"into": case.merged_into.number})


def seen(actor: Any, *, case: Case) -> None:
    """An agent has the case before them: its customer's messages are read, where nobody else has to answer them."""
    require(actor, "cases.work", case)
    to_answer = case.owner_id in (None, actor.pk)
    if to_answer and Case.objects.filter(pk=case.pk, unread__gt=0).update(unread=0):
        transaction.on_commit(lambda: live.case_changed(case.pk, "changed"))
    telling.heard(actor.pk, case_id=case.pk)


# --- underneath --------------------------------------------------------------------------------------
def locked(case: Case, version: int | None = None) -> Case:
    """The case under lock, its conversations before it, as the writer takes them."""
    return _unchanged(locked_together([case.pk])[case.pk], version)


def locked_together(cases: Iterable[int]) -> dict[int, Case]:
    """Several cases under lock by their ids: all their conversations first, everything in the order of its key."""
    wanted = list(cases)
    threads = Conversation.objects.filter(case__in=wanted).order_by("pk")
    list(threads.select_for_update(no_key=True).values_list("pk"))
    rows = Case.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted)
    return {case.pk: case for case in rows.order_by("pk")}


def _unchanged(case: Case, version: int | None) -> Case:
    if version is not None and case.version != version:
        raise _conflict(case)
    return case


def _conflict(case: Case) -> Conflict:
    last = case.events.select_related("actor").order_by("-at", "-id").first()
    if last is None:
        return Conflict("", "changed", case.last_contact_at)
    return Conflict(shown_name(last.actor) if last.actor else last.actor_name, last.kind, last.at)


def save(case: Case, *fields: str) -> None:
    """Write these fields of a locked case, as a new version of it."""
    case.version += 1
    case.save(update_fields=[*fields, "version"])


def record(actor: Any, case: Case, kind: str, detail: dict[str, Any] | None = None) -> None:
    """Into the case's line of time; told to the others on commit."""
    who: dict[str, Any] = (
        {"actor": actor} if isinstance(actor, User) else {"actor_name": getattr(actor, "name", "")[:40]}
    )
    CaseEvent.objects.create(case=case, kind=kind, detail=detail or {}, **who)
    telling.tell_followers(case.pk, kind, by=getattr(actor, "pk", None))
    transaction.on_commit(lambda: _tell(case.pk, kind))


def _tell(case_id: int, what: str) -> None:
    live.case_changed(case_id, what)
    case_changed.send_robust(None, case_id=case_id, what=what)


def _require_desk(user: User) -> None:
    if not allowed(user, "cases.work"):
        raise ValidationError(_("This person does not work on cases."))


def _live_chats(case: Case) -> Iterable[Conversation]:
    return list(case.conversations.filter(channel="chat").exclude(state="closed").order_by("pk"))
