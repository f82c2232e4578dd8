"""How a clock turns: started, paused, resumed, stopped, moved. Nothing is stored here; cases.sla does that.

What has run is never given back: a pause keeps ``used``, and whatever comes after it counts on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cases.calendars import NONE, Hours, Known, NeverOpen, after, is_reached, open_time
from cases.models import Clock, ClockEvent
from cases.promises import Target

ACTIVE = ("running", "paused")
ONCE = ("first_response", "acknowledgement")  # a case has them once; until they stop nobody has said anything
UNCOUNTED = "never open"
STARTS = ("started", "resumed", "retargeted")
MEASURE = ("within", "calendar_id", "warn_at_percent", "pauses", "policy_name")


@dataclass
class Turning:
    """One thing that happened on a case, and what it does to the clocks; ``story`` collects it.

    ``live`` things happen now: they never come before what a clock already knows, however the system's time
    was set. What is told of the past keeps its moment, and does not touch clocks that started after it.
    """

    at: datetime
    cause: str
    calendars: Callable[[], Known]
    live: bool = True
    who: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    story: list[ClockEvent] = field(default_factory=list)

    def start(self, case_id: int, channel: str, target: Target, *, at: datetime | None = None) -> Clock:
        began = at or self.at
        clock = Clock(
            case_id=case_id,
            kind=target.kind,
            channel=channel,
            state="running",
            started_at=began,
            running_since=began,
            changed_at=began,
            **{name: getattr(target, name) for name in MEASURE},
        )
        self._aim(clock)
        self._tell(clock, "started", began)
        return clock

    def pause(self, clock: Clock) -> None:
        """Stand still, where the clock is one that does."""
        if clock.state != "running" or not stands_still(clock) or (at := self._moment(clock)) is None:
            return
        self._settle(clock, at)
        self._bank(clock, at)
        self._rest(clock, "paused", at)

    def resume(self, clock: Clock) -> None:
        if clock.state != "paused" or (at := self._moment(clock)) is None:
            return
        self._run_on(clock, at)
        self._tell(clock, "resumed", at)

    def stop(self, clock: Clock) -> None:
        """What was promised is done."""
        self._end(clock, "stopped")

    def cancel(self, clock: Clock) -> None:
        """Nothing is promised any more; it counts neither as kept nor as missed, unless it ran out before."""
        self._end(clock, "cancelled")

    def revive(self, clock: Clock, *, waits: bool, meanwhile: bool = True) -> None:
        """One that had ended goes on with the time it had used. What passed ``meanwhile`` counts, or does not."""
        if clock.state in ACTIVE or clock.stopped_at is None:
            return
        since, clock.stopped_at = clock.stopped_at, None
        if waits and stands_still(clock):
            self._rest(clock, "paused", self.at)
            return
        self._run_on(clock, since if meanwhile else max(self.at, since))
        clock.changed_at = max(self.at, since)
        self._tell(clock, "resumed", clock.changed_at)

    def retarget(self, clock: Clock, target: Target, *, waits: bool) -> None:
        """Another policy measures it from now on; what has run stays run. ``waits``: the customer has the word."""
        if all(getattr(clock, name) == getattr(target, name) for name in MEASURE):
            return
        if (at := self._moment(clock)) is None:
            return
        was, running = clock.due_at, clock.state == "running"
        if running:
            self._settle(clock, at)
            self._bank(clock, at)
        for name in MEASURE:
            setattr(clock, name, getattr(target, name))
        if clock.used < clock.within * clock.warn_at_percent / 100:
            clock.warned_at = None
        if waits and stands_still(clock):
            self._rest(clock, "retargeted", at, was)
        else:
            self._run_on(clock, at)
            self._tell(clock, "retargeted", at, was)

    def move(self, clock: Clock, due_at: datetime) -> None:
        """Due at another moment, by hand. The caller made sure that it runs and that ``due_at`` is to come."""
        at, was = max(self.at, clock.changed_at), clock.due_at
        self._settle(clock, at)
        self._bank(clock, at)
        clock.within = clock.used + open_time(self._hours(clock), at, due_at)
        clock.warned_at = None
        self._run_on(clock, at)
        clock.due_at = due_at
        self._look_next(clock)
        self._tell(clock, "moved", at, was)

    def look(self, clock: Clock) -> str:
        """The moment to look has come: ``warned`` or ``breached`` where that is news, else nothing."""
        if self._settle(clock, self.at):
            return "breached"
        if clock.warned_at or clock.breached_at or clock.warn_at is None or clock.warn_at >= self.at:
            self._look_next(clock)
            return ""
        clock.warned_at = self.at
        self._look_next(clock)
        self._tell(clock, "warned", self.at, cause="time")
        return "warned"

    # --- underneath ----------------------------------------------------------------------------------
    def _moment(self, clock: Clock) -> datetime | None:
        """When it happened to this clock; None where that was before the clock began."""
        if not self.live and self.at < clock.started_at:
            return None
        return max(self.at, clock.changed_at)

    def _end(self, clock: Clock, kind: str) -> None:
        if clock.state not in ACTIVE or (at := self._moment(clock)) is None:
            return
        if clock.state == "running":
            self._settle(clock, at)
            self._bank(clock, at)
        clock.stopped_at = at
        self._rest(clock, kind, at)

    def _settle(self, clock: Clock, at: datetime) -> bool:
        """A breach that nobody had looked at yet stands at the moment the clock ran out."""
        if clock.breached_at or clock.due_at is None or clock.due_at >= at:
            return False
        clock.breached_at = clock.due_at
        self._look_next(clock)
        self._tell(clock, "breached", clock.due_at, cause="time")
        return True

    def _bank(self, clock: Clock, at: datetime) -> None:
        if clock.running_since is not None:
            clock.used += open_time(self._hours(clock), clock.running_since, at)

    def _rest(self, clock: Clock, kind: str, at: datetime, was: datetime | None = None) -> None:
        clock.state = "paused" if kind == "retargeted" else kind
        clock.changed_at, was = at, was or clock.due_at
        clock.running_since = clock.next_moment_at = None
        if clock.state == "paused":
            clock.due_at = clock.warn_at = None
        self._tell(clock, kind, at, was)

    def _run_on(self, clock: Clock, at: datetime) -> None:
        clock.state, clock.running_since, clock.changed_at = "running", at, at
        self._aim(clock)

    def _aim(self, clock: Clock) -> None:
        clock.due_at = clock.breached_at or self._reaches(clock, clock.within)
        clock.warn_at = self._reaches(clock, clock.within * clock.warn_at_percent / 100)
        self._look_next(clock)

    def _reaches(self, clock: Clock, used: timedelta) -> datetime:
        """When so much of it will have been used; by the wall where its calendar never opens so long."""
        since, left = clock.running_since or self.at, max(used - clock.used, NONE)
        try:
            return after(self._hours(clock), since, left)
        except NeverOpen:
            return since + left

    def _look_next(self, clock: Clock) -> None:
        clock.next_moment_at = None
        if clock.state == "running" and clock.due_at and not clock.breached_at:
            quiet = clock.warned_at or clock.warn_at is None
            clock.next_moment_at = clock.due_at if quiet else min(clock.warn_at or clock.due_at, clock.due_at)

    def _hours(self, clock: Clock) -> Hours:
        return self.calendars()[0][clock.calendar_id or 0]

    def _tell(
        self, clock: Clock, kind: str, at: datetime, was: datetime | None = None, *, cause: str = ""
    ) -> None:
        who = {} if cause else {**self.who, "reason": self.reason or None}
        event = ClockEvent(
            clock=clock,
            case_id=clock.case_id,
            kind=kind,
            cause=cause or self.cause,
            at=at,
            due_at=clock.due_at,
            was_due_at=was,
            **who,
        )
        self.story.append(event)
        if kind in STARTS and cause != UNCOUNTED and not is_counted(clock, self._hours(clock)):
            self._tell(clock, "retargeted", at, cause=UNCOUNTED)


def stands_still(clock: Clock) -> bool:
    """Whether it pauses while the customer has the word: not before they had a first one from us."""
    return clock.pauses and clock.kind not in ONCE


def is_counted(clock: Clock, hours: Hours) -> bool:
    """Whether the calendar of a clock opens long enough to keep what it promises; else it runs by the wall."""
    if clock.state != "running" or clock.running_since is None:
        return True
    return is_reached(hours, clock.running_since, clock.within - clock.used)
