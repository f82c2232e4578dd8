"""Cases of one patient become one, and for a while what was merged can be taken apart again.

The case that goes in is closed as a double; its conversations, followers, tags, children and what else
is kept of it (cases.belongings) go over, and undoing the merge brings back what came from it.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from cases import cases as rules
from cases import complaints, kin, moving, sla, snoozing
from cases.belongings import BELONGINGS
from cases.models import Case, CaseRules, Follower, Merge
from portal.access import require
from portal.models import User

PUT_BACK = ("state", "disposition", "waiting_on", "wake_only_then")
MOMENTS = ("closed_at", "snoozed_until")
TAKEN_UP = ("state", "waiting_on", "snoozed_until")
ENDED = (*PUT_BACK, *MOMENTS, "merged_into", *moving.SHOWN)


def merge(actor: Any, *, into: Case, cases: Iterable[Case]) -> Case:
    """Merge one or more cases into ``into``. Raises ValidationError, and then nothing has moved."""
    sources = list({case.pk: case for case in cases}.values())
    for case in (into, *sources):
        require(actor, "cases.merge", case)
    if not sources:
        raise ValidationError(_("Choose at least two cases."))
    with transaction.atomic():
        held = rules.locked_together([into.pk, *(case.pk for case in sources)])
        target = held[into.pk]
        _refuse_target(target)
        for case in sources:
            _refuse_source(held[case.pk], target)
        asking = any(_asks(held[case.pk]) for case in sources)
        for case in sources:
            _go_over(actor, held[case.pk], target)
        woken = asking and _taken_up(target)
        rules.save(target, "priority", *TAKEN_UP, *moving.SHOWN)
        snoozing.heard([target.pk] if woken else [])
        _turn_clocks(actor, [held[case.pk] for case in sources], target)
    return target


def _turn_clocks(actor: Any, gone: list[Case], into: Case) -> None:
    """Who waited for an answer still does; the case goes by the priority that it has now."""
    for case in gone:
        sla.event(case, "merged", actor=actor)
    if into.state != "waiting":
        sla.event(into, "resumes", actor=actor)
    sla.event(into, "reclassified", actor=actor)
    complaints.keep_clocks(actor, into)


def _refuse_target(into: Case) -> None:
    if into.merged_into_id is not None:
        raise _wrong(_("Case %(number)s has been merged into another itself."), into)
    if into.state == "closed":
        raise _wrong(_("Case %(number)s is closed: reopen it first."), into)
    if into.patient_id is None:
        raise _wrong(_("Nobody knows yet whose case %(number)s is: say whose first."), into)


def _refuse_source(case: Case, into: Case) -> None:
    if case.pk == into.pk:
        raise _wrong(_("Case %(number)s can't be merged into itself."), case)
    if case.merged_into_id is not None:
        raise _wrong(_("Case %(number)s has been merged already."), case)
    if case.patient_id != into.patient_id:
        raise _wrong(_("Case %(number)s is another patient's: cases are never merged across patients."), case)
    if case.pk in kin.ancestors(into):
        raise _wrong(
            _("Case %(number)s stands above the one it should go into: merge the other way round."), case
        )


def _wrong(words: Any, case: Case) -> ValidationError:
    return ValidationError(words % {"number": case.number})


def _go_over(actor: Any, case: Case, into: Case) -> None:
    now = timezone.now()
    kept = _kept(case, into)
    Merge.objects.create(
        into=into,
        case=case,
        by=actor if isinstance(actor, User) else None,
        at=now,
        until=now + timedelta(hours=CaseRules.now().merge_undo_hours),
        kept=kept | _carry(case, into),
    )
    into.priority = min(into.priority, case.priority) if case.state != "closed" else into.priority
    moving.recall_last(into)
    _end(case, into, now)
    rules.record(actor, case, "merged", {"to": into.number})
    rules.record(actor, into, "merged", {"from": case.number})


def _asks(case: Case) -> bool:
    """Whether its customer waits for an answer that we owe."""
    return case.unread > 0 or (case.state in {"new", "open"} and moving.awaited(case) is not None)


def _taken_up(case: Case) -> bool:
    """What a customer's message does to a case that rests. Whether it woke it."""
    if case.state == "waiting":
        case.state = "open"
        case.waiting_on = "" if case.waiting_on == "customer" else case.waiting_on
    if case.snoozed_until is None or case.wake_only_then:
        return False
    case.snoozed_until = None
    return True


def _kept(case: Case, into: Case) -> dict[str, Any]:
    """How both stood, by codes and moments."""
    stood: dict[str, Any] = {name: getattr(case, name) for name in PUT_BACK}
    moments = {name: getattr(case, name) for name in MOMENTS}
    stood |= {name: at and at.isoformat() for name, at in moments.items()}
    return {"stood": stood, "priority": into.priority}


def _carry(case: Case, into: Case) -> dict[str, Any]:
    refs = case.conversations.values_list("pk", flat=True)
    return {
        "conversations": moving.move(list(refs), of=case, to=into),
        "children": _children_over(case, into),
        "followers": _followers_over(case, into),
        "tags": _tags_over(case, into),
        "belongings": {one.code: one.over(case, into) for one in BELONGINGS},
    }


def _children_over(case: Case, into: Case) -> list[int]:
    children = list(case.children.exclude(pk=into.pk).values_list("pk", flat=True))
    Case.objects.filter(pk__in=children).update(parent=into)
    return children


def _followers_over(case: Case, into: Case) -> list[int]:
    there = into.followers.values("user")
    new = list(case.followers.exclude(user__in=there).values_list("user_id", flat=True))
    Follower.objects.bulk_create([Follower(case=into, user_id=user) for user in new])
    return new


def _tags_over(case: Case, into: Case) -> list[int]:
    new = list(case.tags.exclude(pk__in=into.tags.values("pk")).values_list("pk", flat=True))
    into.tags.add(*new)
    return new


def _end(case: Case, into: Case, now: Any) -> None:
    """Closed as a double, but for one that had been closed before: how that ended still stands."""
    if case.state != "closed":
        case.state, case.closed_at, case.disposition = "closed", now, "duplicate"
    case.merged_into, case.unread, case.waiting_on = into, 0, ""
    case.snoozed_until, case.wake_only_then = None, False
    rules.save(case, *ENDED)


def standing(case: Case) -> Merge | None:
    """The merge by which ``case`` went into another, unless it was undone."""
    found: Merge | None = case.merges.filter(undone_at=None).select_related("into", "by").first()
    return found


def unmerge(actor: Any, *, case: Case) -> Case:
    """Take ``case`` out of the one it went into, with all that came from it. Raises ValidationError when too late."""
    require(actor, "cases.merge", case)
    with transaction.atomic():
        held = rules.locked_together([case.pk, _undoable(case).into_id])
        merge = _undoable(held[case.pk])
        if merge.into_id not in held:
            raise _wrong(_("Somebody merged case %(number)s anew meanwhile. Look again."), case)
        case, into = held[case.pk], held[merge.into_id]
        if into.merged_into_id is not None:
            raise _wrong(_("Case %(number)s has been merged further: undo that first."), into)
        _bring_back(case, into, merge)
        merge.undone_at = timezone.now()
        merge.save(update_fields=["undone_at"])
        sla.event(case, "unmerged", actor=actor)
        _reply_clocks_apart(actor, into)
        sla.event(into, "reclassified", actor=actor)
        for each in (case, into):
            complaints.keep_clocks(actor, each)
        rules.record(actor, case, "unmerged", {"from": into.number})
        rules.record(actor, into, "unmerged", {"to": case.number})
    return case


def _reply_clocks_apart(actor: Any, into: Case) -> None:
    """It goes on waiting for what its own customer said, since they said it, and for nothing else."""
    sla.event(into, "parted", actor=actor)
    if since := moving.awaited(into):
        sla.event(into, "customer_spoke", actor=actor, at=since)
    else:
        for kind in sla.RESPONSES:
            sla.finish(into, kind, actor=actor)


def _undoable(case: Case) -> Merge:
    merge = standing(case)
    if merge is None:
        raise _wrong(_("Case %(number)s is not merged into another."), case)
    if merge.until <= timezone.now():
        raise _wrong(_("It is too late to take case %(number)s out again: split what you need."), case)
    return merge


def _bring_back(case: Case, into: Case, merge: Merge) -> None:
    kept = merge.kept
    still_in = Merge.objects.filter(into=into, undone_at=None).exclude(pk=merge.pk)
    others = list(still_in.select_related("case").order_by("pk"))
    _hand_on(merge, others)
    moving.move(kept["conversations"], of=into, to=case)
    Case.objects.filter(pk__in=kept["children"], parent=into).update(parent=case)
    into.followers.filter(user__in=kept["followers"]).delete()
    into.tags.remove(*kept["tags"])
    for one in BELONGINGS:
        if one.code in kept["belongings"]:
            one.back(case, into, kept["belongings"][one.code])
    _stand_again(case, merge)
    if into.priority == case.priority:
        rest = (each.case.priority for each in others if each.kept["stood"]["state"] != "closed")
        into.priority = min([kept["priority"], *rest])
    for each in (case, into):
        moving.recall_last(each)
    rules.save(case, *ENDED)
    rules.save(into, "priority", *moving.SHOWN)


def _hand_on(merge: Merge, others: list[Merge]) -> None:
    """What another merge that stands brought as well stays, and goes when that one is undone."""
    kept = merge.kept
    before = min([merge, *others], key=lambda each: each.pk).kept["priority"]
    for other in others:
        had = {
            "tags": set(other.case.tags.values_list("pk", flat=True)),
            "followers": set(other.case.followers.values_list("user_id", flat=True)),
        }
        for name, its in had.items():
            other.kept[name] += [pk for pk in kept[name] if pk in its]
            kept[name] = [pk for pk in kept[name] if pk not in its]
        other.kept["priority"] = before
        other.save(update_fields=["kept"])
    kept["priority"] = before


def _stand_again(case: Case, merge: Merge) -> None:
    stood = merge.kept["stood"]
    for name in PUT_BACK:
        setattr(case, name, stood[name])
    for name in MOMENTS:
        setattr(case, name, stood[name] and parse_datetime(stood[name]))
    case.merged_into = None
    spoken = moving.awaited(case, after=merge.at) is not None
    if spoken and _taken_up(case):
        snoozing.heard([case.pk])
    if (case.unread or spoken) and case.state in {"waiting", "closed"}:
        case.state, case.closed_at, case.disposition = "open", None, ""
