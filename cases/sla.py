"""The clocks of a case: what happens on it starts, pauses, resumes and stops them; time warns and runs them out.

``event`` is called in the transaction of whatever happened, under the lock of its case; ``spoken`` is the same for
the many cases of a batch of messages. ``look`` finds the clocks whose moment has come. Snoozing or escalating a
case pauses nothing: only a customer who has the word does.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import moving
from cases.calendars import known
from cases.clock_ledger import Ledger, keep, store, turned, who
from cases.clock_words import Standing, running, standing
from cases.clocks import ACTIVE, Turning
from cases.models import Case, Clock, ClockEvent
from portal.access import STAFF_REALM, require

__all__ = [
    "Standing",
    "begin",
    "cancel",
    "event",
    "finish",
    "look",
    "move",
    "opened",
    "running",
    "spoken",
    "standing",
]

RESPONSES = ("first_response", "next_response")
OF_CASES = (*RESPONSES, "acknowledgement", "resolution")
MOST_AT_ONCE = 200
SHORTEST_REASON = 10
FURTHEST_MOVE = timedelta(days=366)

STANDING = """
    SELECT case_id, kind, state FROM cases_clock
    WHERE case_id = ANY(%s) AND state IN ('running', 'paused')
    UNION ALL SELECT 0, 'promised', '' WHERE EXISTS (SELECT FROM cases_slapolicy WHERE active)
"""


# --- what happens on a case --------------------------------------------------------------------------
def event(case: Case, what: str, *, actor: Any = None, at: datetime | None = None, cause: str = "") -> None:
    """Something happened on a case: ``opened``, ``customer_spoke``, ``in_line``, ``we_spoke``, ``unsaid``,
    ``acknowledged``, ``waits``, ``resumes``, ``reclassified``, ``closed``, ``reopened``, ``merged``, ``unmerged``,
    ``parted`` or ``cancelled``.

    The caller holds the case's lock and has saved what changed. ``at`` only for what happened before now;
    ``cause`` are words of our own, kept sealed with the story.
    """
    _happen({case.pk: [what]}, actor=actor, at=at, reason=cause)


def opened(cases: Iterable[Case], *, actor: Any = None) -> None:
    """Many cases were opened together, and the caller's transaction holds them all."""
    _happen({case.pk: ["opened"] for case in cases}, actor=actor)


def begin(case: Case, kind: str, *, actor: Any = None, at: datetime | None = None) -> None:
    """Start a clock that no event starts (those of a complaint); nothing where none is promised or it runs."""
    _happen({case.pk: [f"begin {kind}"]}, actor=actor, at=at)


def finish(case: Case, kind: str, *, actor: Any = None, at: datetime | None = None) -> None:
    """What a clock of ``begin`` promised is done."""
    _happen({case.pk: [f"finish {kind}"]}, actor=actor, at=at)


def spoken(said: Mapping[int, list[str]]) -> None:
    """What a batch of messages says to the clocks: for each case ``we_spoke`` and ``customer_spoke`` in order.

    One query tells which cases have clocks that this moves; in most conversations that is none.
    """
    if not said:
        return
    standing: dict[int, set[str]] = {0: set(), **{case_id: set() for case_id in said}}
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [list(said)])
        for case_id, kind, state in cursor.fetchall():
            standing[case_id] |= {kind, state}
    promised = bool(standing.pop(0))
    moved = {case_id: whats for case_id, whats in said.items() if _moves(standing[case_id], whats, promised)}
    if moved:
        _happen(moved)


def _moves(standing: set[str], whats: list[str], promised: bool) -> bool:
    """Whether any clock of a case starts, goes on or stops by this."""
    awaited = bool(standing.intersection(RESPONSES))
    if "we_spoke" in whats and (awaited or "acknowledgement" in standing):
        return True
    return "customer_spoke" in whats and ("paused" in standing or (promised and not awaited))


def _happen(
    happened: Mapping[int, list[str]], *, actor: Any = None, at: datetime | None = None, reason: str = ""
) -> None:
    ledger = Ledger(list(happened))
    for case_id, whats in happened.items():
        for what in whats:
            turning = ledger.turning(what, actor=actor, at=at, reason=reason)
            HAPPENINGS[what.partition(" ")[0]](ledger, case_id, turning)
    ledger.store()


# --- what each happening does ------------------------------------------------------------------------
def _opened(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """A customer who opens a case waits for an answer; whom we write down ourselves has it already."""
    actor = turning.who.get("actor")
    if actor is not None and actor.realm == STAFF_REALM:
        ledger.start(case_id, turning, "resolution", "first_response")
        for clock in ledger.active(case_id, "first_response"):
            turning.cancel(clock)
        return
    ledger.start(case_id, turning, "acknowledgement", "resolution")
    if ledger.policies and ledger.facts[case_id].channel != "chat":
        ledger.start(case_id, turning, "first_response")


def _customer_spoke(ledger: Ledger, case_id: int, turning: Turning) -> None:
    _resumes(ledger, case_id, turning)
    _await_reply(ledger, case_id, turning)


def _await_reply(ledger: Ledger, case_id: int, turning: Turning, at: datetime | None = None) -> None:
    if ledger.active(case_id, *RESPONSES):
        return
    promised = ledger.promised(case_id, turning)
    first = "first_response" in promised and not ledger.had(case_id, "first_response")
    ledger.start(case_id, turning, "first_response" if first else "next_response", at=at)


def _we_spoke(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id, *RESPONSES, "acknowledgement"):
        turning.stop(clock)


def _unsaid(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """A reply of ours reached nobody: what it had stopped goes on as though it had never been said."""
    since = moving.unheard_since(case_id)
    if since is None:
        return
    for clock in ledger.ended(case_id, "we_spoke", how="stopped"):
        if clock.stopped_at and clock.stopped_at >= since:
            turning.revive(clock, waits=ledger.facts[case_id].waits)


def _acknowledged(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id, "acknowledgement"):
        turning.stop(clock)


def _waits(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id):
        turning.pause(clock)


def _resumes(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id):
        turning.resume(clock)


def _reclassified(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """Other promises hold from now on: clocks go on by them, end without one, or begin."""
    promised = ledger.promised(case_id, turning)
    for clock in ledger.active(case_id):
        if clock.kind in promised:
            turning.retarget(clock, promised[clock.kind], waits=ledger.facts[case_id].waits)
        else:
            turning.cancel(clock)
    if not ledger.policies or ledger.facts[case_id].state == "closed":
        return
    for clock in _owe_again(ledger, case_id, turning, "reclassified", promised):
        turning.retarget(clock, promised[clock.kind], waits=ledger.facts[case_id].waits)
    if ledger.active(case_id, "first_response") and not ledger.had(case_id, "acknowledgement"):
        ledger.start(case_id, turning, "acknowledgement")
    ledger.start(case_id, turning, "resolution")


def _owe_again(
    ledger: Ledger, case_id: int, turning: Turning, cause: str, kinds: Container[str] = OF_CASES
) -> list[Clock]:
    """Clocks that this cause cancelled and whose promise nobody has kept since go on; those that do.

    Time that passed while the case was closed does not count. One who has asked anew since waits for one answer.
    """
    cancelled = ledger.cancelled(case_id, cause)
    answer = moving.last_answer(case_id) if cancelled else None
    revived = []
    for clock in cancelled:
        kept = clock.kind != "resolution" and answer and clock.stopped_at and answer >= clock.stopped_at
        asked = clock.kind in RESPONSES and ledger.active(case_id, *RESPONSES)
        if clock.kind in OF_CASES and clock.kind in kinds and not (kept or asked):
            turning.revive(clock, waits=ledger.facts[case_id].waits, meanwhile=cause != "closed")
            revived.append(clock)
    return revived


def _closed(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """What was to be said and was not is no promise kept: it counts no more, unless the case is opened again."""
    for clock in ledger.active(case_id, *OF_CASES):
        if clock.kind == "resolution":
            turning.stop(clock)
        else:
            turning.cancel(clock)


def _reopened(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """A new round of the time to solve; whoever waited when it was closed goes on waiting, by the time used then."""
    if ledger.policies and ledger.facts[case_id].state != "closed":
        _owe_again(ledger, case_id, turning, "closed")
        ledger.start(case_id, turning, "resolution")


def _merged(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """Its clocks end here; whoever waits for an answer goes on waiting, since then, on the case it became part of."""
    awaited = min((clock.started_at for clock in ledger.active(case_id, *RESPONSES)), default=None)
    for clock in ledger.active(case_id):
        turning.cancel(clock)
    into = ledger.facts[case_id].merged_into_id
    if awaited is not None and into is not None:
        ledger.store()
        survivor = Ledger([into])
        _await_reply(
            survivor, into, survivor.turning("merged", actor=None, at=awaited, reason=""), at=awaited
        )
        survivor.store()


def _unmerged(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """What the merge cancelled goes on as though it never had; a reply that was given meanwhile is given."""
    facts = ledger.facts[case_id]
    if facts.state == "closed":
        return
    since = moving.awaited(Case(pk=case_id))
    for clock in ledger.cancelled(case_id, "merged"):
        if since or clock.kind == "resolution":
            turning.revive(clock, waits=facts.waits)
    _reopened(ledger, case_id, turning)
    if ledger.policies and since:
        _await_reply(ledger, case_id, turning, at=since)


def _parted(ledger: Ledger, case_id: int, turning: Turning) -> None:
    """A case came out of this one again: what was awaited for it is awaited there."""
    mine = {clock.pk: clock for clock in ledger.active(case_id, *RESPONSES)}
    carried = ClockEvent.objects.filter(clock__in=mine, kind="started", cause="merged")
    for pk in set(carried.values_list("clock", flat=True)):
        turning.cancel(mine[pk])


def _cancelled(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id):
        turning.cancel(clock)


def _begin(ledger: Ledger, case_id: int, turning: Turning) -> None:
    ledger.start(case_id, turning, turning.cause.partition(" ")[2])


def _finish(ledger: Ledger, case_id: int, turning: Turning) -> None:
    for clock in ledger.active(case_id, turning.cause.partition(" ")[2]):
        turning.stop(clock)


HAPPENINGS: dict[str, Callable[[Ledger, int, Turning], None]] = {
    "opened": _opened,
    "customer_spoke": _customer_spoke,
    "in_line": _customer_spoke,
    "we_spoke": _we_spoke,
    "unsaid": _unsaid,
    "acknowledged": _acknowledged,
    "waits": _waits,
    "resumes": _resumes,
    "reclassified": _reclassified,
    "closed": _closed,
    "reopened": _reopened,
    "merged": _merged,
    "unmerged": _unmerged,
    "parted": _parted,
    "cancelled": _cancelled,
    "begin": _begin,
    "finish": _finish,
}


# --- what time does, and what is done by hand --------------------------------------------------------
def look(at: datetime | None = None, *, most: int = MOST_AT_ONCE) -> int:
    """Warn of the clocks whose moment has come, or note that they ran out; how many were looked at.

    Rows that somebody else holds are left to them, or to the next look: two may look at once.
    """
    with transaction.atomic():
        due = due_clocks(at or timezone.now())
        clocks = list(due.select_for_update(no_key=True, skip_locked=True)[:most])
        turning = Turning(at or timezone.now(), "time", known)
        for clock in clocks:
            turning.look(clock)
        turned(clocks)
        keep(turning.story)
    return len(clocks)


def due_clocks(at: datetime) -> Any:
    """Clocks whose moment has passed, the longest passed first."""
    return Clock.objects.filter(next_moment_at__lt=at).order_by("next_moment_at")


def move(actor: Any, *, clock: Clock, due_at: datetime, reason: str) -> Clock:
    """Let a clock run out at another moment. Raises ValidationError; the reason stays with the clock's story."""
    require(actor, "clocks.change", clock)
    _refuse_without_reason(reason)
    if due_at > timezone.now() + FURTHEST_MOVE:
        raise ValidationError({"due_at": _("A clock is moved by a year at most: look at the year again.")})
    with transaction.atomic():
        found = _under_lock(clock)
        if found.state != "running":
            raise ValidationError(_("Only a running clock can be moved."))
        if due_at <= max(timezone.now(), found.changed_at):
            raise ValidationError({"due_at": _("A clock can't be moved backwards into the past.")})
        _by_hand(actor, found, reason, lambda turning: turning.move(found, due_at))
    return found


def cancel(actor: Any, *, clock: Clock, reason: str) -> Clock:
    """Take a promise back that should not have been made. Raises ValidationError."""
    require(actor, "clocks.change", clock)
    _refuse_without_reason(reason)
    with transaction.atomic():
        found = _under_lock(clock)
        if found.state not in ACTIVE:
            raise ValidationError(_("This clock has ended already."))
        _by_hand(actor, found, reason, lambda turning: turning.cancel(found))
    return found


def _refuse_without_reason(reason: str) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        raise ValidationError({"reason": _("Say why, in at least ten characters.")})


def _under_lock(clock: Clock) -> Clock:
    """The clock as it stands, its case locked before it as all who turn clocks do."""
    Case.objects.select_for_update(no_key=True, of=("self",)).values("pk").get(pk=clock.case_id)
    found: Clock = Clock.objects.select_for_update(no_key=True).get(pk=clock.pk)
    return found


def _by_hand(actor: Any, clock: Clock, reason: str, turn: Callable[[Turning], None]) -> None:
    from cases import cases  # which calls this module

    turning = Turning(timezone.now(), "by hand", known, who=who(actor), reason=reason.strip())
    turn(turning)
    store(turning.story)
    cases.record(actor, clock.case, "clock", {"clock": clock.kind, "what": turning.story[-1].kind})
