"""The queue: which cases stand in each view of the rail, in what order, and how many.

Every list is read off an index that already has its order, a page at a time from where the last page ended,
so it costs the same among a thousand cases as among a million. Counts stop at MOST, for the same reason.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Conversation
from config.security import audit
from portal.access import require
from portal.models import User

PAGE = 20
MOST = 100
RECENTLY = timedelta(days=7)


class NoSuchPlace(ValueError):
    """A page is asked for from a place that no list of ours has."""


def _mine(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(~Q(state="closed"), owner=actor)


def _unassigned(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(~Q(state="closed"), owner=None)


def _unread(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(~Q(state="closed"), unread__gt=0)


def _waiting(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(~Q(state="closed"), state="waiting")


def _chats_waiting(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(conversations__state="queued")


def _open(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(~Q(state="closed"))


def _closed(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    return cases.filter(state="closed", closed_at__gte=timezone.now() - RECENTLY)


@dataclass(frozen=True)
class View:
    """A list in the rail. ``clock`` is the column it is ordered by; ``key`` the letter after ``g``."""

    code: str
    key: str
    label: Any
    icon: str
    empty: Any
    narrow: Callable[[QuerySet[Case], User], QuerySet[Case]]
    clock: str = "last_contact_at"
    oldest_first: bool = False


VIEWS = {
    view.code: view
    for view in (
        View("mine", "m", _("Mine"), "user", _("Cases you take or are given stand here."), _mine),
        View(
            "chats",
            "h",
            _("Chats waiting"),
            "message-circle",
            _("Nobody is waiting for a chat."),
            _chats_waiting,
            clock="conversations__queued_at",
            oldest_first=True,
        ),
        View(
            "unassigned",
            "u",
            _("Unassigned"),
            "inbox",
            _("Every open case has an owner."),
            _unassigned,
            oldest_first=True,
        ),
        View(
            "unread", "n", _("Unread"), "mail", _("Every message has been seen."), _unread, oldest_first=True
        ),
        View(
            "waiting",
            "w",
            _("Waiting on customer"),
            "hourglass",
            _("Cases where the customer has the next move stand here."),
            _waiting,
        ),
        View("open", "o", _("All open"), "folder-open", _("No case is open."), _open),
        View(
            "closed",
            "c",
            _("Closed recently"),
            "archive",
            _("Nothing was closed in the last 7 days."),
            _closed,
            clock="closed_at",
        ),
    )
}
FIRST = "mine"


@dataclass(frozen=True)
class Row:
    """A case as a list shows it: initials for a name, and one line of what was said last."""

    pk: int
    number: str
    channel: str
    channel_label: str
    initials: str
    last_line: str
    last_by_us: bool
    at: datetime
    owner: str
    owner_is_me: bool
    unread: int
    state: str
    state_label: str
    priority: int


@dataclass(frozen=True)
class Page:
    """Rows and the place the next page begins at; "" where there is none."""

    view: View
    rows: list[Row]
    next: str
    stamp: str


def page(actor: User, view: View, *, after: str = "", size: int = PAGE) -> Page:
    """A page of ``view``, on the trail as one entry. NoSuchPlace on a wrong ``after``."""
    require(actor, "console.use")
    found = list(_shown(_from(_ordered(actor, view), view, after))[: size + 1])
    shown = found[:size]
    _record(shown, f"queue: {view.code}")
    return Page(
        view,
        [row(case, actor) for case in shown],
        _place(shown[-1]) if len(found) > size else "",
        stamp(shown),
    )


def one(actor: User, view: View, number: str) -> Row | None:
    """The row of one case, or None where ``view`` no longer has it."""
    require(actor, "console.use")
    case = _shown(_ordered(actor, view).filter(number=number)).first()
    if case is None:
        return None
    _record([case], f"queue: {view.code}")
    return row(case, actor)


def counts(actor: User) -> dict[str, int]:
    """How many cases stand in each view, in one query; MOST means so many or more."""
    require(actor, "console.use")
    some = {code: _capped(view, actor) for code, view in VIEWS.items()}
    return dict(User.objects.filter(pk=actor.pk).values(**some)[0])


def changed_stamp(actor: User, view: View, *, size: int = PAGE) -> str:
    """A word that changes when the first page of ``view`` would: no row of anybody is opened for it."""
    require(actor, "console.use")
    return stamp(_ordered(actor, view).only("version", "unread", "last_message_id")[:size])


def stamp(cases: Iterable[Case]) -> str:
    marks = ",".join(f"{case.pk}.{case.version}.{case.unread}.{case.last_message_id}" for case in cases)
    return hashlib.blake2b(marks.encode(), digest_size=9).hexdigest()


def _ordered(actor: User, view: View) -> QuerySet[Case]:
    cases = view.narrow(Case.objects.visible_to(actor), actor).annotate(clock=F(view.clock))
    return cases.order_by(*(["clock", "pk"] if view.oldest_first else ["-clock", "-pk"]))


def _from(cases: QuerySet[Case], view: View, after: str) -> QuerySet[Case]:
    if not after:
        return cases
    at, pk = _read_place(after)
    towards = "gt" if view.oldest_first else "lt"
    beyond = Q(**{f"clock__{towards}": at}) | Q(**{"clock": at, f"pk__{towards}": pk})
    # The first condition is implied by the second, and is the one an index scan can begin at.
    return cases.filter(Q(**{f"clock__{towards}e": at}), beyond)


def _place(case: Case) -> str:
    return f"{case.clock.astimezone(UTC):%Y%m%dT%H%M%S%f}.{case.pk}"  # type: ignore[attr-defined]


def _read_place(after: str) -> tuple[datetime, int]:
    at, _dot, pk = after.partition(".")
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), int(pk)
    except ValueError:
        raise NoSuchPlace(after[:40]) from None


ROW_FIELDS = (
    "number",
    "channel",
    "state",
    "priority",
    "unread",
    "version",
    "last_contact_at",
    "closed_at",
    "guest_name",
    "patient__first_name",
    "patient__last_name",
    "owner__display_name",
    "last_message__body",
    "last_message__author_role",
)


def _shown(cases: QuerySet[Case]) -> QuerySet[Case]:
    """With what a row needs, and with nothing else that would have to be decrypted."""
    return cases.select_related("patient", "owner", "last_message").only(*ROW_FIELDS)


def _capped(view: View, actor: User) -> Func:
    some = view.narrow(Case.objects.visible_to(actor), actor).order_by().values("pk")[:MOST]
    return Func(ArraySubquery(some), function="cardinality", output_field=IntegerField())


def _record(cases: Sequence[Case], what: str) -> None:
    patients = {case.patient_id for case in cases if case.patient_id}
    if cases:
        audit.read(patients, what, objects=cases, fields=("initials", "last message"))


def row(case: Case, actor: User) -> Row:
    last = case.last_message
    return Row(
        pk=case.pk,
        number=case.number,
        channel=case.channel,
        channel_label=case.get_channel_display(),
        initials=initials(case),
        last_line=first_line(last.body) if last else "",
        last_by_us=bool(last and last.author_role in {"agent", "supervisor", "bot"}),
        at=case.clock,  # type: ignore[attr-defined]
        owner=letters(case.owner.display_name) if case.owner else "",
        owner_is_me=case.owner_id == actor.pk,
        unread=case.unread,
        state=case.state,
        state_label=case.get_state_display(),
        priority=case.priority,
    )


def initials(case: Case) -> str:
    """Of the patient, else of what a guest calls themselves; "?" for somebody who said nothing."""
    return (case.patient.initials if case.patient else letters(case.guest_name)) or "?"


def letters(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper()


def first_line(body: str, most: int = 140) -> str:
    flat = " ".join(body[: most * 2].split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


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
    rows = served.select_related("case__patient").only(
        "state", "guest_name", "case__number", "case__guest_name",
        "case__patient__first_name", "case__patient__last_name",
    ).annotate(unread=Subquery(unread)).order_by("accepted_at", "pk")  # fmt: skip
    return [_chat(conversation) for conversation in rows]


def _chat(conversation: Any) -> Chat:
    case = conversation.case
    return Chat(
        conversation.pk, case.number, initials(case), conversation.unread, conversation.state == "waiting"
    )
