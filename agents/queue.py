"""The queue: which cases stand in each view of the rail, in what order, and how many.

Every list is read off an index that already has its order, a page at a time from where the last page ended,
so it costs the same among a thousand cases as among a million. Counts stop at MOST, for the same reason.

VIEWS is the registry: a subject adds a line whose query an index serves. Agents add views of their own, see
agents/saved_views.py.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agents import rows
from agents.rows import Row
from cases.models import Case, Conversation, Reason
from config.security import audit
from portal.access import require
from portal.models import User

PAGE = 50
MOST = 100
RECENTLY = timedelta(days=7)
SOON = timedelta(minutes=10)
DUE, CONTACT = "due", "contact"
ENDLESS = "none"  # the place of cases that no clock runs on

Cases = QuerySet[Case]


class NoSuchPlace(ValueError):
    """A page is asked for from a place that no list of ours has."""


def _open_now(**more: Any) -> Callable[[Cases, User], Cases]:
    return lambda cases, actor: cases.filter(~Q(state="closed"), **more)


def _mine(cases: Cases, actor: User) -> Cases:
    return cases.filter(~Q(state="closed"), owner=actor, snoozed_until=None)


def _waiting(cases: Cases, actor: User) -> Cases:
    return cases.filter(~Q(state="closed"), state="waiting", waiting_on__in=("", "customer"))


def _due_soon(cases: Cases, actor: User) -> Cases:
    now = timezone.now()
    return cases.filter(~Q(state="closed"), next_due_at__gte=now, next_due_at__lt=now + SOON)


def _breached(cases: Cases, actor: User) -> Cases:
    return cases.filter(~Q(state="closed"), next_due_at__lt=timezone.now())


def _callbacks_today(cases: Cases, actor: User) -> Cases:
    here = timezone.now().astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))
    tomorrow = here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return cases.filter(callbacks__state="scheduled", callbacks__starts_at__lt=tomorrow)


def _equipment_down(cases: Cases, actor: User) -> Cases:
    """By keys, of which the database knows how many cases each has: where there are none, none is looked at."""
    lane = Reason.objects.filter(lane="equipment_down").values_list("pk", flat=True)
    return cases.filter(~Q(state="closed"), reason__in=list(lane) or [0])


def _mentions(cases: Cases, actor: User) -> Cases:
    return cases.filter(
        notifications__user=actor, notifications__kind="mentioned", notifications__read_at=None
    )


def _closed(cases: Cases, actor: User) -> Cases:
    return cases.filter(state="closed", closed_at__gte=timezone.now() - RECENTLY)


@dataclass(frozen=True)
class View:
    """A list in the rail. ``clock`` is the column it is ordered by; ``key`` the letter after ``g``.

    ``by_breach``: it can be sorted by the next breach too, off an index. ``hot``: its count is an alarm.
    """

    code: str
    key: str
    label: Any
    icon: str
    empty: Any
    narrow: Callable[[Cases, User], Cases]
    clock: str = "last_contact_at"
    oldest_first: bool = False
    by_breach: bool = False
    hot: bool = False
    saved: Any = None


NOBODY_WAITS = _("Nobody waits here. Well done.")
VIEWS = {
    view.code: view
    for view in (
        View(
            "mine", "m", _("Mine"), "user", _("Cases you take or are given stand here."), _mine,
            by_breach=True,
        ),
        View(
            "chats", "h", _("Chats waiting"), "message-circle", _("Nobody is waiting for a chat."),
            lambda cases, actor: cases.filter(conversations__state="queued"),
            clock="conversations__queued_at", oldest_first=True, hot=True,
        ),
        View(
            "unassigned", "u", _("Unassigned"), "inbox", _("Every open case has an owner."),
            _open_now(owner=None, snoozed_until=None), oldest_first=True, by_breach=True,
        ),
        View(
            "unread", "n", _("Unread"), "mail", _("Every message has been seen."),
            _open_now(unread__gt=0), oldest_first=True,
        ),
        View(
            "due", "d", _("Due within 10 minutes"), "timer", _("No promise runs out in the next 10 minutes."),
            _due_soon, clock="next_due_at", oldest_first=True, hot=True,
        ),
        View(
            "breached", "b", _("Breached"), "alarm-clock-off", _("Every promise stands."),
            _breached, clock="next_due_at", oldest_first=True, hot=True,
        ),
        View(
            "callbacks", "l", _("Callbacks today"), "phone-outgoing", _("Nobody was promised a call for today."),
            _callbacks_today, clock="callbacks__starts_at", oldest_first=True,
        ),
        View(
            "equipment_down", "q", _("Equipment down"), "octagon-alert",
            _("Nobody has told of equipment that failed."), _equipment_down, oldest_first=True, hot=True,
        ),
        View(
            "waiting", "w", _("Waiting on customer"), "hourglass",
            _("Cases where the customer has the next move stand here."), _waiting,
        ),
        View(
            "prescriber", "p", _("Waiting on prescriber"), "stethoscope",
            _("Cases that wait for a prescriber's word stand here."),
            _open_now(waiting_on="prescriber"), oldest_first=True,
        ),
        View(
            "mentions", "i", _("Mentions"), "at-sign", _("Nobody has asked for you by name."),
            _mentions, clock="notifications__at",
        ),
        View(
            "snoozed", "z", _("Snoozed"), "moon", _("Cases that were put off to a time stand here."),
            _open_now(snoozed_until__isnull=False), clock="snoozed_until", oldest_first=True,
        ),
        View(
            "escalated", "e", _("Escalated"), "trending-up", NOBODY_WAITS, _open_now(tier__gt=1), by_breach=True
        ),
        View("open", "o", _("All open"), "folder-open", _("No case is open."), _open_now(), by_breach=True),
        View(
            "closed", "c", _("Closed recently"), "archive", _("Nothing was closed in the last 7 days."),
            _closed, clock="closed_at",
        ),
    )
}  # fmt: skip
FIRST = "mine"


@dataclass(frozen=True)
class Page:
    """Rows and the place the next page begins at; "" where there is none."""

    view: View
    sort: str
    rows: list[Row]
    next: str
    stamp: str


def sort_of(view: View, wanted: str) -> str:
    """The order ``view`` is shown in where ``wanted`` is asked for."""
    return DUE if wanted == DUE and view.by_breach else CONTACT


def page(
    actor: User, view: View, *, after: str = "", until: str = "", sort: str = CONTACT, size: int = PAGE
) -> Page:
    """A page of ``view``, on the trail as one entry; what lies between two places. NoSuchPlace on a wrong one."""
    require(actor, "console.use")
    sort = sort_of(view, sort)
    found = _between(actor, view, sort, after, until, size + 1)
    shown = found[:size]
    _record(shown, f"queue: {view.code}")
    more = _place(shown[-1], sort) if len(found) > size else ""
    return Page(view, sort, _rows(shown, actor, sort), more, stamp(shown))


def _rows(cases: Sequence[Case], actor: User, sort: str) -> list[Row]:
    return rows.rows(cases, actor, lambda case: _place(case, sort))


def one(actor: User, view: View, number: str, *, sort: str = CONTACT) -> Row | None:
    """The row of one case, or None where ``view`` no longer has it."""
    require(actor, "console.use")
    case = rows.shown(_ordered(actor, view).filter(number=number), actor).first()
    if case is None:
        return None
    _record([case], f"queue: {view.code}")
    return _rows([case], actor, sort_of(view, sort))[0]


def counts(actor: User, views: Iterable[View]) -> dict[str, int]:
    """How many cases stand in each view, in one query; MOST means so many or more."""
    require(actor, "console.use")
    some = {view.code: _capped(view, actor) for view in views}
    return dict(User.objects.filter(pk=actor.pk).values(**some)[0])


def changed_stamp(actor: User, view: View, *, sort: str = CONTACT, size: int = PAGE) -> str:
    """A word that changes when the first page of ``view`` would: no row of anybody is opened for it."""
    require(actor, "console.use")
    return stamp(_between(actor, view, sort_of(view, sort), "", "", size, _marks_alone))


def _marks_alone(cases: Any, actor: User) -> Any:
    return cases.only("version", "unread", "last_message_id", "next_due_at")


def stamp(cases: Iterable[Case]) -> str:
    marks = ",".join(f"{case.pk}.{case.version}.{case.unread}.{case.last_message_id}" for case in cases)
    return hashlib.blake2b(marks.encode(), digest_size=9).hexdigest()


# --- order and places --------------------------------------------------------------------------------
def _between(
    actor: User, view: View, sort: str, after: str, until: str, most: int, shown: Any = rows.shown
) -> list[Case]:
    if sort == DUE:
        return _by_breach(actor, view, after, until, most, shown)
    cases = _up_to(_from(_ordered(actor, view), view, after), view, until)
    return list(shown(cases, actor)[:most])


def _ordered(actor: User, view: View) -> Cases:
    cases = view.narrow(Case.objects.visible_to(actor), actor).annotate(clock=F(view.clock))
    return cases.order_by(*(["clock", "pk"] if view.oldest_first else ["-clock", "-pk"]))


def _by_breach(actor: User, view: View, after: str, until: str, most: int, shown: Any) -> list[Case]:
    """Those with a running clock, the next breach first; then those without one, each off the same index."""
    cases = view.narrow(Case.objects.visible_to(actor), actor)
    found: list[Case] = []
    if not after.startswith(ENDLESS):
        found = list(shown(_with_clock(cases, after, until), actor)[:most])
    if len(found) < most and (not until or until.startswith(ENDLESS)):
        found += list(shown(_without_clock(cases, after, until), actor)[: most - len(found)])
    return found


def _with_clock(cases: Cases, after: str, until: str) -> Cases:
    cases = cases.filter(next_due_at__isnull=False).order_by("next_due_at", "pk")
    if after:
        cases = cases.filter(*_beyond("next_due_at", "gt", after))
    if until and not until.startswith(ENDLESS):
        cases = cases.filter(~_past("next_due_at", "gt", until))
    return cases


def _without_clock(cases: Cases, after: str, until: str) -> Cases:
    cases = cases.filter(next_due_at=None).order_by("pk")
    if after.startswith(ENDLESS):
        cases = cases.filter(pk__gt=_number_of(after))
    return cases.filter(pk__lte=_number_of(until)) if until else cases


def _from(cases: Cases, view: View, after: str) -> Cases:
    return cases.filter(*_beyond("clock", "gt" if view.oldest_first else "lt", after)) if after else cases


def _up_to(cases: Cases, view: View, until: str) -> Cases:
    return cases.filter(~_past("clock", "gt" if view.oldest_first else "lt", until)) if until else cases


def _past(column: str, towards: str, place: str) -> Q:
    at, pk = _read_place(place)
    return Q(**{f"{column}__{towards}": at}) | Q(**{column: at, f"pk__{towards}": pk})


def _beyond(column: str, towards: str, place: str) -> tuple[Q, Q]:
    """The first condition is implied by the second, and is the one an index scan can begin at."""
    return Q(**{f"{column}__{towards}e": _read_place(place)[0]}), _past(column, towards, place)


class Timed(Protocol):
    """A case as a view's query brings it: with the time that it is ordered by."""

    clock: datetime | None


def _place(case: Case, sort: str = CONTACT) -> str:
    at = case.next_due_at if sort == DUE else cast(Timed, case).clock
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S%f}.{case.pk}" if at else f"{ENDLESS}.{case.pk}"


def _read_place(place: str) -> tuple[datetime, int]:
    at, _dot, pk = place.partition(".")
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), int(pk)
    except ValueError:
        raise NoSuchPlace(place[:40]) from None


def _number_of(place: str) -> int:
    try:
        return int(place.partition(".")[2])
    except ValueError:
        raise NoSuchPlace(place[:40]) from None


def _capped(view: View, actor: User) -> Func:
    some = view.narrow(Case.objects.visible_to(actor), actor).order_by().values("pk")[:MOST]
    return Func(ArraySubquery(some), function="cardinality", output_field=IntegerField())


def _record(cases: Sequence[Case], what: str) -> None:
    """One entry for the rows that showed what was said last, and one for those that did not."""
    quoted = [case for case in cases if rows.quoted(case)]
    bare = [case for case in cases if not rows.quoted(case)]
    for part, fields in ((quoted, ("initials", "last message")), (bare, ("initials",))):
        if part:
            audit.read(
                {case.patient_id for case in part if case.patient_id}, what, objects=part, fields=fields
            )


# --- the chats one serves ----------------------------------------------------------------------------
@dataclass(frozen=True)
class Chat:
    """A live chat that the agent serves, as the rail shows it."""

    conversation: Any
    number: str
    initials: str
    unread: int
    waiting: bool


def my_chats(actor: User) -> list[Chat]:
    """The chats this agent serves now, longest served first."""
    require(actor, "console.use")
    served = Conversation.objects.visible_to(actor).filter(
        agent=actor, state__in=["open", "waiting"], channel="chat", case__isnull=False
    )
    unread = Case.objects.filter(pk=OuterRef("case")).values("unread")
    found = served.select_related("case__patient").only(
        "state", "guest_name", "case__number", "case__guest_name",
        "case__patient__first_name", "case__patient__last_name",
    ).annotate(unread=Subquery(unread)).order_by("accepted_at", "pk")  # fmt: skip
    return [_chat(conversation) for conversation in found]


def _chat(conversation: Any) -> Chat:
    case = conversation.case
    return Chat(
        conversation.pk,
        case.number,
        rows.initials(case),
        conversation.unread,
        conversation.state == "waiting",
    )
