"""What the clocks of a case look like to people: how much is left, in which colour, and why, in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.calendars import Hours, known, open_time
from cases.clocks import ACTIVE, UNCOUNTED, is_counted
from cases.models import Case, Clock, ClockEvent
from cases.people import shown_name
from config.templatetags.look import say_when

TONES = {"green": "good", "amber": "warn", "red": "bad", "": ""}
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Told:
    """One line of a clock's story. ``reason`` is what somebody typed."""

    at: datetime
    words: str
    by: str
    reason: str


@dataclass(frozen=True)
class Standing:
    """A clock as it is shown. ``left`` is open time and ``left_wall`` time by the wall; below zero once it ran out.

    Both are None where the clock does not run. ``colour`` is green, amber, red or "" where it has ended.
    """

    clock: Clock
    label: str
    state: str
    due_at: datetime | None
    left: timedelta | None
    left_wall: timedelta | None
    colour: str
    why: str
    story: list[Told]

    @property
    def tone(self) -> str:
        """The colour as chips are toned."""
        return TONES[self.colour]

    @property
    def left_words(self) -> str:
        return span(self.left) if self.left is not None else ""

    @property
    def wall_words(self) -> str:
        return span(self.left_wall) if self.left_wall is not None else ""

    @property
    def due_words(self) -> str:
        return say_when(self.due_at) if self.due_at else ""


def standing(case: Case, *, at: datetime | None = None) -> list[Standing]:
    """The clocks of a case, running ones first, each with its story. The caller may see the case. 3 queries."""
    now = at or timezone.now()
    hours = known()[0]
    told: dict[int, list[ClockEvent]] = {}
    for event in case.clock_events.select_related("actor"):
        told.setdefault(event.clock_id, []).append(event)
    clocks = sorted(case.clocks.all(), key=lambda clock: (clock.state not in ACTIVE, -clock.pk))
    return [_shown(clock, hours, told.get(clock.pk, []), now) for clock in clocks]


def running(case: Case, *, at: datetime | None = None) -> list[Standing]:
    """The clocks of a case that have not ended, without their stories: 2 queries, or 1 where there are none."""
    clocks = list(case.clocks.filter(state__in=ACTIVE).order_by("-pk"))
    hours = known()[0] if clocks else {}
    return [_shown(clock, hours, [], at or timezone.now()) for clock in clocks]


def _left(hours: Hours | None, now: datetime, due: datetime) -> timedelta:
    """Open time left, or how long ago it ran out, below zero."""
    if hours is None:
        return due - now
    return open_time(hours, now, due) if due >= now else -open_time(hours, due, now)


def span(left: timedelta) -> str:
    """A span as short as a chip wants it: 12 s, 4 min, 3 h 20, 2 d."""
    sign, size = ("-" if left < timedelta(0) else ""), abs(left)
    if size < MINUTE:
        return sign + _("%(n)d s") % {"n": size.seconds}
    if size < HOUR:
        return sign + _("%(n)d min") % {"n": size // MINUTE}
    if size < 2 * DAY:
        return sign + _("%(h)d h %(m)02d") % {"h": size // HOUR, "m": size % HOUR // MINUTE}
    return sign + _("%(n)d d") % {"n": size // DAY}


def _shown(clock: Clock, hours: dict[int, Hours], told: list[ClockEvent], now: datetime) -> Standing:
    runs = clock.state == "running"
    due = clock.due_at if runs else None
    own = hours.get(clock.calendar_id or 0)
    counted = own if own and is_counted(clock, own) else None
    return Standing(
        clock,
        clock.get_kind_display(),
        str(clock.get_state_display()),
        clock.due_at,
        _left(counted, now, due) if due else None,
        due - now if due else None,
        _colour(clock, now),
        _why(clock, is_uncounted=own is not counted),
        [Told(event.at, _in_words(event), _by(event), event.reason or "") for event in told],
    )


def _colour(clock: Clock, now: datetime) -> str:
    if clock.state not in ACTIVE:
        return ""
    if clock.breached_at or (clock.due_at and clock.due_at < now):
        return "red"
    return "amber" if clock.warn_at and clock.warn_at <= now else "green"


def _why(clock: Clock, *, is_uncounted: bool) -> str:
    """Why it has the length it has, and why it stands still where it does or goes by the wall."""
    words = _("%(policy)s: %(within)s of open time.") % {
        "policy": clock.policy_name,
        "within": in_full(clock.within),
    }
    if clock.state == "paused":
        left = max(clock.within - clock.used, timedelta(0))
        return f"{words} {_('It stands still while the customer has the word; %s are left.') % in_full(left)}"
    if is_uncounted and clock.calendar:
        fault = _("It cannot be counted: calendar %(calendar)s is never open so long. It runs by the wall.")
        words = f"{words} {fault % {'calendar': clock.calendar.name}}"
    if clock.breached_at:
        return f"{words} {_('It ran out %s.') % say_when(clock.breached_at)}"
    return words


def in_full(size: timedelta) -> str:
    """A span in words: 2 days, 4 hours, 90 seconds."""
    if size >= 2 * DAY and not size % HOUR:
        hours = size // HOUR
        if not hours % 24:
            return ngettext("%d day", "%d days", hours // 24) % (hours // 24)
    if size >= HOUR:
        hours, minutes = size // HOUR, size % HOUR // MINUTE
        said = ngettext("%d hour", "%d hours", hours) % hours
        return said if not minutes else f"{said} {ngettext('%d minute', '%d minutes', minutes) % minutes}"
    if size >= 2 * MINUTE:
        return ngettext("%d minute", "%d minutes", size // MINUTE) % (size // MINUTE)
    seconds = int(size.total_seconds())
    return ngettext("%d second", "%d seconds", seconds) % seconds


def _by(event: ClockEvent) -> str:
    return shown_name(event.actor) if event.actor else event.actor_name


def _in_words(event: ClockEvent) -> str:
    due = say_when(event.due_at) if event.due_at else ""
    was = say_when(event.was_due_at) if event.was_due_at else ""
    done = {
        "started": _("Started: %(cause)s. Due %(due)s."),
        "paused": _("Paused: %(cause)s. It was due %(was)s."),
        "resumed": _("Resumed: %(cause)s. Due %(due)s."),
        "stopped": _("Stopped: %(cause)s."),
        "cancelled": _("Cancelled: %(cause)s."),
        "retargeted": _("Measured anew: %(cause)s. Due %(due)s.") if due else _("Measured anew: %(cause)s."),
        "warned": _("Warning: due %(due)s."),
        "breached": _("Ran out."),
        "moved": _("Moved by hand from %(was)s to %(due)s."),
    }
    return done[event.kind] % {"cause": _cause(event.cause), "due": due, "was": was}


def _cause(code: str) -> str:
    causes = {
        "opened": _("the case was opened"),
        "customer_spoke": _("the customer wrote"),
        "in_line": _("the customer is back in line"),
        "we_spoke": _("we answered"),
        "unsaid": _("our answer reached nobody"),
        "acknowledged": _("we told the customer that we have it"),
        "waits": _("the customer has the word"),
        "resumes": _("we have the word"),
        "reclassified": _("what the case is about changed"),
        "closed": _("the case was closed"),
        "reopened": _("the case was opened again"),
        "merged": _("cases were merged"),
        "unmerged": _("the merge was undone"),
        "parted": _("the merge was undone"),
        "cancelled": _("nothing is promised any more"),
        "by hand": _("by hand"),
        UNCOUNTED: _("its calendar is never open so long, and it runs by the wall"),
    }
    return causes.get(
        code, _("a complaint was taken up") if code.startswith("begin") else _("it was answered")
    )
