"""Calls that customers were promised (R-CHAN-3): a slot within our hours and our capacity, kept or tried again."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import answering, belongings, calendars, cases, clock_alarms, escalation, telling
from cases.models import Callback, CallbackRules, Case
from config.sweeps import each
from portal.access import System, require

SWEEPER = System("callbacks")
FARTHEST = timedelta(days=30)
AT_ONCE = 100
MOST_SLOTS = 200
ONE_SLOT = "SELECT pg_advisory_xact_lock(hashtext('callback slots'), %s)"


def rules() -> CallbackRules:
    """The figures in force."""
    return CallbackRules.objects.filter(pk=1).first() or CallbackRules(pk=1)


def schedule(actor: Any, *, case: Case, phone: str, starts_at: datetime) -> Callback:
    """Promise a call. ValidationError outside of our hours, in a full slot, or where one is promised already."""
    require(actor, "cases.work", case)
    figures = rules()
    starts_at = slot_of(starts_at, figures)
    with transaction.atomic():
        _refuse_slot(starts_at, figures)
        if Callback.objects.filter(case=case, state="scheduled").exists():
            raise ValidationError(_("A call is promised on this case already. Change that one."))
        callback = Callback.objects.create(
            case=case,
            phone=phone,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=figures.slot_minutes),
            made_by=actor if actor.pk else None,
        )
        cases.record(actor, case, "callback", {"what": "scheduled", "at": starts_at.isoformat()})
    return callback


def slot_of(moment: datetime, figures: CallbackRules) -> datetime:
    """The beginning of the slot a moment lies in."""
    minutes = figures.slot_minutes
    local = moment.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).replace(second=0, microsecond=0)
    return local - timedelta(minutes=(local.hour * 60 + local.minute) % minutes)


def _refuse_slot(starts_at: datetime, figures: CallbackRules) -> None:
    now = timezone.now()
    ends_at = starts_at + timedelta(minutes=figures.slot_minutes)
    if ends_at <= now or starts_at > now + FARTHEST:
        raise ValidationError({"starts_at": _("Choose a time from now to 30 days ahead.")})
    hours = calendars.supplier()
    if calendars.between(hours, starts_at, ends_at) < figures.slot_minutes:
        raise ValidationError({"starts_at": _("We are closed then. Choose a time within our hours.")})
    if not _has_room(starts_at, figures):
        raise ValidationError({"starts_at": _("This slot is full. Choose another.")})


def _has_room(starts_at: datetime, figures: CallbackRules, *, for_one: int | None = None) -> bool:
    """Whether another call fits into a slot, beside whatever holds the call ``for_one`` now. Until the transaction
    ends nobody else takes what is left.
    """
    with connection.cursor() as cursor:
        cursor.execute(ONE_SLOT, [int(starts_at.timestamp()) // 60 % 2**31])
    taken = Callback.objects.filter(state="scheduled", starts_at=starts_at).exclude(pk=for_one)
    return bool(taken.count() < figures.slot_capacity)


def move(actor: Any, *, callback: Callback, starts_at: datetime) -> Callback:
    """Another slot for a call that is still to be made."""
    require(actor, "cases.work", callback.case)
    figures = rules()
    with transaction.atomic():
        kept = _scheduled(callback)
        starts_at = slot_of(starts_at, figures)
        if starts_at != kept.starts_at:
            _refuse_slot(starts_at, figures)
        _into_slot(kept, starts_at, figures)
        cases.record(actor, kept.case, "callback", {"what": "moved", "at": starts_at.isoformat()})
    return kept


def done(actor: Any, *, callback: Callback) -> Callback:
    """We called, and spoke with them: whatever they had asked on the case is answered."""
    with transaction.atomic():
        kept = _settle(actor, callback, "done")
        answering.by_call(actor, case=kept.case)
    return kept


def cancel(actor: Any, *, callback: Callback) -> Callback:
    """They want no call any more."""
    return _settle(actor, callback, "cancelled")


def _settle(actor: Any, callback: Callback, state: str) -> Callback:
    require(actor, "cases.work", callback.case)
    with transaction.atomic():
        kept = _scheduled(callback)
        kept.state, kept.settled_at = state, timezone.now()
        kept.save(update_fields=["state", "settled_at"])
        cases.record(actor, kept.case, "callback", {"what": state})
    return kept


def missed(actor: Any, *, callback: Callback) -> Callback:
    """We called and nobody answered: it is tried again, so often as the rules say, and counted."""
    require(actor, "cases.work", callback.case)
    with transaction.atomic():
        kept = _scheduled(callback)
        _try_again(actor, kept, rules())
    return kept


def _try_again(actor: Any, kept: Callback, figures: CallbackRules) -> None:
    kept.tries += 1
    if kept.tries >= figures.most_tries:
        kept.state, kept.settled_at = "missed", timezone.now()
        kept.save(update_fields=["state", "settled_at", "tries", "late"])
        cases.record(actor, kept.case, "callback", {"what": "missed", "tries": kept.tries})
        return
    later = calendars.add(calendars.supplier(), timezone.now(), figures.retry_minutes)
    _into_slot(kept, _free_slot(later, kept, figures), figures)
    cases.record(actor, kept.case, "callback", {"what": "again", "at": kept.starts_at.isoformat()})


def _free_slot(moment: datetime, kept: Callback, figures: CallbackRules) -> datetime:
    """The beginning of the first slot from a moment on that lies within our hours and has room."""
    hours, slot = calendars.supplier(), timedelta(minutes=figures.slot_minutes)
    starts_at = slot_of(moment, figures)
    for _slot in range(MOST_SLOTS):
        opening = calendars.next_opening(hours, starts_at)
        starts_at = slot_of(opening, figures)
        within = calendars.between(hours, starts_at, starts_at + slot) >= figures.slot_minutes
        if starts_at >= opening and within and _has_room(starts_at, figures, for_one=kept.pk):
            break
        starts_at += slot
    return starts_at


def _into_slot(kept: Callback, starts_at: datetime, figures: CallbackRules) -> None:
    kept.starts_at, kept.ends_at = starts_at, starts_at + timedelta(minutes=figures.slot_minutes)
    kept.save(update_fields=["starts_at", "ends_at", "tries", "late"])


def sweep() -> int:
    """Calls whose slot passed without one count as tried and have another slot, marked late. How many there were."""
    passed = _passed().order_by("starts_at").values_list("pk", flat=True)
    return each(_was_not_made, list(passed[:AT_ONCE]))


def _passed() -> QuerySet[Callback]:
    found: QuerySet[Callback] = Callback.objects.filter(state="scheduled", ends_at__lt=timezone.now())
    return found


def _was_not_made(callback_id: int) -> bool:
    """Whoever has the case hears of it, or those who lead there; after the last try they do, and it goes up."""
    with transaction.atomic():
        try:
            kept = belongings.held(_passed().select_related("case").filter(pk=callback_id))
        except Callback.DoesNotExist:
            return False
        kept.late = True
        _try_again(SWEEPER, kept, rules())
        owner, leads = kept.case.owner_id, clock_alarms.leads_of(kept.case)
        given_up = kept.state == "missed"
        told = [*([owner] if owner else []), *(leads if given_up or not owner else [])]
        telling.tell(told, case_id=kept.case_id, kind="callback")
        if given_up:
            escalation.broken(kept.case_id, why=str(_("A promised call was not made.")))
    return True


def of(actor: Any, case: Case) -> list[Callback]:
    """The calls of a case, the one still to be made first."""
    require(actor, "cases.view")
    found = Callback.objects.visible_to(actor).filter(case=case)
    return sorted(found, key=lambda one: (one.state != "scheduled", -one.starts_at.timestamp()))


def _scheduled(callback: Callback) -> Callback:
    """Under lock; ValidationError where it was settled meanwhile."""
    rows = Callback.objects.select_related("case").filter(pk=callback.pk, state="scheduled")
    try:
        kept: Callback = belongings.held(rows)
    except Callback.DoesNotExist:
        raise ValidationError(_("This call was settled meanwhile.")) from None
    return kept
