"""A case as a list shows it: initials for a name, one line of what was said last, and the time that is left."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import calendars
from cases.models import Case, Message
from cases.models.sla import CLOCKS
from config.templatetags.look import say_when
from portal import levels
from portal.models import EmergencyAccess, User, Verification

NEAR, SOON = 10, 60  # business minutes before a breach at which a chip turns red, and amber
FIELDS = (
    "number",
    "channel",
    "state",
    "priority",
    "tier",
    "waiting_on",
    "unread",
    "version",
    "last_contact_at",
    "closed_at",
    "snoozed_until",
    "next_due_at",
    "next_warn_at",
    "next_due_kind",
    "next_due_calendar",
    "guest_name",
    "patient__first_name",
    "patient__last_name",
    "owner__display_name",
    "last_message__body",
    "last_message__author_role",
    "reason__label",
)


@dataclass(frozen=True)
class Due:
    """The next breach of a case. ``left`` is business minutes, negative once it ran out; ``runs``: it counts now."""

    at: datetime
    left: int
    runs: bool
    kind: str = ""
    warned: bool | None = None

    @property
    def tone(self) -> str:
        """Amber from the clock's own warning on; by the minutes left where it has none."""
        if self.warned is not None:
            return "bad" if self.left < 0 else "warn" if self.warned else "good"
        if self.left < NEAR:
            return "bad"
        return "warn" if self.left < SOON else "good"

    @property
    def said(self) -> str:
        return in_words(self.left)

    @property
    def wall(self) -> str:
        by = _("By %(when)s") % {"when": say_when(self.at)}
        return f"{by} · {dict(CLOCKS)[self.kind]}" if self.kind else by


@dataclass(frozen=True)
class Row:
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
    tier: int = 1
    waiting_on: str = ""
    snoozed_until: datetime | None = None
    due: Due | None = None
    place: str = ""


def shown(cases: QuerySet[Case], actor: User) -> QuerySet[Case]:
    """With what a row needs, and with nothing else that would have to be decrypted."""
    related = cases.select_related("patient", "owner", "last_message", "reason").only(*FIELDS)
    return related.annotate(line_open=_may_read(actor))


def _may_read(actor: User) -> Q:
    """Where ``actor`` may be shown what was said last: on their own cases, those of nobody we know, those whose
    customer they verified or opened in an emergency, and those whose patient wrote it themselves, signed in.
    """
    now = timezone.now()
    purpose = Concat(Value("case:"), Cast(OuterRef("pk"), TextField()), output_field=TextField())
    good = Verification.objects.filter(agent=actor, passed=True, ended_at=None, expires_at__gt=now)
    glass = EmergencyAccess.objects.filter(patient=OuterRef("patient"), user=actor, until__gt=now)
    verified = Exists(good.filter(patient=OuterRef("patient"), purpose=purpose))
    return Q(owner=actor) | Q(patient=None) | _signed_in_lately(now) | Q(verified) | Q(Exists(glass))


def _signed_in_lately(now: datetime) -> Q:
    figures = levels.rules()
    written, chatted = timedelta(hours=figures.written_hours), timedelta(minutes=figures.verified_minutes)
    lately = Q(last_message__conversation__channel="portal", last_message__sent_at__gt=now - written)
    lately |= Q(last_message__conversation__channel="chat", last_message__sent_at__gt=now - chatted)
    return lately & Q(last_message__author=F("patient__user"), last_message__author_role="customer")


def rows(cases: Sequence[Case], actor: User, place: Callable[[Case], str] = lambda case: "") -> list[Row]:
    """``place`` tells where in its list a case stands."""
    dues = _dues(cases)
    return [_row(case, actor, dues.get(case.pk), place(case)) for case in cases]


class Opened(Protocol):
    """A case as the list's query brings it: with whether its last words may be shown."""

    line_open: bool


def _row(case: Case, actor: User, due: Due | None, place: str) -> Row:
    last = quoted(case)
    return Row(
        pk=case.pk,
        number=case.number,
        channel=case.channel,
        channel_label=case.get_channel_display(),
        initials=initials(case),
        last_line=first_line(last.body) if last else _about(case),
        last_by_us=bool(last and last.author_role in {"agent", "supervisor", "bot"}),
        at=getattr(case, "clock", None) or case.last_contact_at,
        owner=letters(case.owner.display_name) if case.owner else "",
        owner_is_me=case.owner_id == actor.pk,
        unread=case.unread,
        state=case.state,
        state_label=case.get_state_display(),
        priority=case.priority,
        tier=case.tier,
        waiting_on=case.get_waiting_on_display() if case.waiting_on not in {"", "customer"} else "",
        snoozed_until=case.snoozed_until,
        due=due,
        place=place,
    )


def quoted(case: Case) -> Message | None:
    """The message whose first line is shown, where there is one that may be."""
    return case.last_message if cast(Opened, case).line_open else None


def _about(case: Case) -> str:
    """In place of what was said, where it may not be shown; "" where nothing was."""
    if case.last_message_id is None:
        return ""
    return case.reason.label if case.reason else _("Open the case to read it.")


def _dues(cases: Iterable[Case]) -> dict[int, Due]:
    """The time left of each, counted in the hours of the calendar that its next clock runs by."""
    running = [case for case in cases if case.next_due_at is not None and case.state != "closed"]
    hours, usual = calendars.known()
    now = timezone.now()
    return {case.pk: _due(case, hours.get(case.next_due_calendar_id or 0, usual), now) for case in running}


def _due(case: Case, hours: calendars.Hours, now: datetime) -> Due:
    at = cast(datetime, case.next_due_at)
    hours = calendars.or_always(hours, now)
    ahead, behind = calendars.between(hours, now, at), calendars.between(hours, at, now)
    left = int(ahead) if at > now else -max(int(behind), 1)
    warned = None if case.next_warn_at is None else case.next_warn_at <= now
    return Due(at, left, calendars.is_open(hours, now), case.next_due_kind, warned)


def in_words(minutes: int) -> str:
    """Business minutes as short as a chip wants them: 12 min, 3 h, 2 d (of 24 hours)."""
    late = minutes < 0
    minutes = abs(minutes)
    steps = ((1440, _("%(n)d d")), (60, _("%(n)d h")), (1, _("%(n)d min")))
    said = next((words % {"n": minutes // span} for span, words in steps if minutes >= span), _("now"))
    return _("%(time)s late") % {"time": said} if late else said


def initials(case: Case) -> str:
    """Of the patient, else of what a guest calls themselves; "?" for somebody who said nothing."""
    return (case.patient.initials if case.patient else letters(case.guest_name)) or "?"


def letters(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper()


def first_line(body: str, most: int = 140) -> str:
    flat = " ".join(body[: most * 2].split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
