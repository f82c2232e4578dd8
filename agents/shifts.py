"""Shifts, and the baton between them: what a leaving agent has open goes to those who come, in one act.

Each open case is offered, with a summary, to somebody of the coming shift; where nobody of it can take it, it
goes back into the line of its team. So does what is not taken over in time. Nothing is left with who left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agents import floor, offers, presence, summary
from agents.models import AgentPresence, Offer, Shift
from agents.placement import decide
from cases import cases, conversations
from cases.cases import Conflict
from cases.models import Case, Conversation
from config.security import audit
from config.sweeps import each
from portal.access import PERMISSIONS, System, require
from portal.models import User

BATON = System("shift baton")
AT_ONCE = 500


@dataclass(frozen=True)
class Piece:
    """An open case of who leaves, with the summary that goes along, and who should have it."""

    case: Case
    summary: str
    to: User | None


@dataclass(frozen=True)
class Baton:
    """What a shift hands to the next. ``receivers`` are those of the coming shift."""

    shift: Shift | None
    pieces: list[Piece]
    receivers: list[User]


@dataclass(frozen=True)
class Handed:
    """How many cases are offered to colleagues, and how many went back into the line."""

    offered: int
    released: int


Given = Mapping[int, tuple[User | None, str]]


def ending(user: User, now: datetime | None = None) -> Shift | None:
    """The shift of ``user`` whose time to hand over has come, and that has not been handed over yet."""
    now = now or timezone.now()
    overlap = timedelta(minutes=floor.rules().overlap_minutes)
    ends = Shift.objects.filter(user=user, handed_over_at=None, start__lte=now, end__lte=now + overlap)
    return ends.filter(end__gt=now - timedelta(days=1)).order_by("-end").first()


def coming(leaver: User, at: datetime) -> list[User]:
    """Who is on duty when ``leaver`` goes at ``at``, and stays beyond."""
    on_duty = Shift.objects.filter(start__lte=at, end__gt=at).exclude(user=leaver).values("user")
    return list(User.objects.holding(PERMISSIONS["cases.work"]).filter(pk__in=on_duty))


def open_work(user: User) -> QuerySet[Case]:
    """Everything that stands with somebody: their open cases, and those whose chat they serve."""
    serves = Q(conversations__in=presence.served_by([user]))
    mine = Case.objects.filter(Q(owner=user) | serves).exclude(state="closed")
    return mine.distinct().order_by("pk")


def baton(actor: User, now: datetime | None = None) -> Baton:
    """What ``actor`` has to hand over, each piece with a summary and the one whom placing would choose."""
    require(actor, "cases.work")
    return _baton(actor, now or timezone.now())


def _baton(user: User, now: datetime) -> Baton:
    shift = ending(user, now)
    receivers = coming(user, max(shift.end, now) if shift else now)
    work = list(summary.with_facts(open_work(user))[:AT_ONCE])
    chosen = _choose(work, receivers, now)
    with audit.acting(purpose="shift baton"):
        patients = {case.patient_id for case in work if case.patient_id}
        audit.read(patients, "shift baton", objects=work, fields=("summary",))
    return Baton(shift, [Piece(case, summary.of(case), chosen.get(case.pk)) for case in work], receivers)


def _choose(work: list[Case], receivers: list[User], now: datetime) -> dict[int, User]:
    """By skill, then whoever carries least; a shift that comes takes what there is, however much."""
    if not work or not receivers:
        return {}
    known = floor.setting()
    there = {row.user_id: row for row in AgentPresence.objects.filter(user__in=receivers)}
    rows = [there.get(user.pk) or AgentPresence(user=user) for user in receivers]
    items = floor.matters(Case.objects.filter(pk__in=[case.pk for case in work]), known)
    teams = {item.team for item in items if item.team is not None}
    agents = [floor.everywhere(floor.boundless(one), teams) for one in floor.agents_of(rows, known)]
    names = {user.pk: user for user in receivers}
    return {one.item: names[one.agent] for one in decide(items, agents, known.costs, now)}


def hand_over(actor: User, *, given: Given) -> Handed:
    """Hand everything over, all or nothing. ``given``: the receiver (None: the line) and the words for each case.

    What came in since the page was shown goes where placing would have it.
    """
    require(actor, "cases.work")
    return _hand_over(actor, actor, given)


@transaction.atomic
def _hand_over(actor: User | System, leaver: User, given: Given) -> Handed:
    now = timezone.now()
    baton = _baton(leaver, now)
    allowed = {user.pk for user in baton.receivers}
    until = now + timedelta(minutes=floor.rules().baton_minutes)
    offered = 0
    for piece in baton.pieces:
        to, words = given.get(piece.case.pk, (piece.to, piece.summary))
        receiver = to if to is not None and to.pk in allowed else None
        offered += _hand(actor, leaver, piece.case, receiver, words, until)
    if baton.shift is not None:
        Shift.objects.filter(pk=baton.shift.pk).update(handed_over_at=now)
    return Handed(offered, len(baton.pieces) - offered)


def _hand(
    actor: User | System, leaver: User, case: Case, to: User | None, words: str, until: datetime
) -> bool:
    """Offer one case, or put it back into the line. Whether it is offered."""
    offers.withdraw(Offer.objects.filter(case=case))
    held = cases.locked(case)
    if words.strip():
        conversations.note(actor, conversation=conversations.thread_of(held), body=words)
    if to is None:
        offers.put_back(held, leaver.pk)
        return False
    offers.offer(
        actor, case=held, to=to, giver=leaver, kind="baton", until=until,
        conversation=_chat(held, leaver), summary=words,
    )  # fmt: skip
    return True


def _chat(case: Case, leaver: User) -> Conversation | None:
    return presence.served_by([leaver]).filter(case=case).first()


# --- receiving ---------------------------------------------------------------------------------------
def handed_to(actor: User) -> list[Offer]:
    """What the shift before hands to ``actor``."""
    return [one for one in offers.of(actor) if one.kind == "baton"]


def take_all(actor: User) -> tuple[int, list[str]]:
    """Take over everything that is handed to one: how many, and in words why the others could not be."""
    require(actor, "cases.work")
    taken, refused = 0, []
    for one in handed_to(actor):
        try:
            offers.accept(actor, offer=one)
            taken += 1
        except presence.NoRoom:
            refused.append(_("%(number)s: you have no room for another chat.") % {"number": one.case.number})
        except (Conflict, offers.Gone):
            refused.append(_("%(number)s: somebody else has it by now.") % {"number": one.case.number})
    return taken, refused


def sweep() -> int:
    """Hand over for those who left without doing so. How many shifts; doing it twice does no harm."""
    now = timezone.now()
    over = Shift.objects.filter(handed_over_at=None, end__lte=now, end__gt=now - timedelta(days=1))
    left = over.exclude(user__presence__state__in=presence.HERE).select_related("user")
    return each(_hand_over_for, list(left[:AT_ONCE]))


def _hand_over_for(shift: Shift) -> bool:
    with transaction.atomic():
        rows = Shift.objects.select_for_update(skip_locked=True, of=("self",))
        mine = rows.select_related("user").filter(pk=shift.pk, handed_over_at=None).first()
        if mine is None:
            return False
        on_again = Shift.objects.filter(user=mine.user, start__lte=timezone.now(), end__gt=timezone.now())
        if not on_again.exists():
            _hand_over(BATON, mine.user, {})
        Shift.objects.filter(pk=mine.pk).update(handed_over_at=timezone.now())
    return True
