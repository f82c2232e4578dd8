"""Who gets what waits: a pure function of what waits, who is there and what time it is.

Contacts go out by lane (equipment down, then clinical), priority, next breach and wait. Each goes to whoever
had it last, where they are there and have room; else, of those who have the skills, to the one who carries
the fewest units, and among equals to the one whose turn is longest ago.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from heapq import heapify, heappop, heappush, heapreplace
from typing import Any, NamedTuple

LANES = {"equipment_down": 0, "clinical": 1}
OTHER_LANE = 2
NEVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
USUAL_COST = Decimal(1)


class Need(NamedTuple):
    """A skill at a level; after ``wider_after`` minutes ``wider`` is enough, and nothing where that is ""."""

    skill: str
    level: int = 1
    wider_after: int | None = None
    wider: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A contact that waits. ``lane`` is a key of LANES or "", ``passed`` those who would not have it."""

    key: int
    channel: str
    since: datetime
    team: int | None = None
    lane: str = ""
    priority: int = 3
    due_at: datetime | None = None
    needs: tuple[Need, ...] = ()
    last_agent: int | None = None
    passed: frozenset[int] = frozenset()

    @property
    def place(self) -> tuple[int, int, datetime, datetime, int]:
        return LANES.get(self.lane, OTHER_LANE), self.priority, self.due_at or NEVER, self.since, self.key


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who is there. ``room`` is what they can still take of each channel, in units."""

    key: int
    teams: frozenset[int] = frozenset()
    skills: Mapping[str, int] = field(default_factory=dict)
    room: Mapping[str, Decimal] = field(default_factory=dict)
    room_in_all: Decimal = Decimal(0)
    used: Decimal = Decimal(0)
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """``costs``: units that a contact of each channel takes."""

    costs: Mapping[str, Decimal] = field(default_factory=dict)

    def cost(self, channel: str) -> Decimal:
        return self.costs.get(channel, USUAL_COST)


@dataclass(frozen=True, slots=True)
class Placement:
    """Which item goes to whom, and why: codes and figures, for agents.reasons to say in words."""

    item: int
    agent: int
    why: dict[str, Any]


class Ask(NamedTuple):
    """What an item wants of an agent: all items that want the same stand before the same line of agents."""

    channel: str
    team: int | None
    skills: frozenset[tuple[str, int]]


Rank = tuple[Decimal, int, int]


def decide(items: Iterable[Item], agents: Iterable[Agent], rules: Rules, now: datetime) -> list[Placement]:
    """Place what can be placed, in the order it goes out. The order of the arguments' elements is of no matter."""
    floor = Floor(agents, rules)
    placed = (floor.place(item, now) for item in sorted(items, key=lambda item: item.place))
    return [placement for placement in placed if placement is not None]


class Floor:
    """The agents, as what they carry grows from placement to placement.

    Each ask keeps a heap of the agents who fit it. What an agent carries only ever grows, so an entry that is
    out of date is put back at its new place when it comes up, and one without room is dropped for good.
    ``looks`` counts agents that were looked at.
    """

    def __init__(self, agents: Iterable[Agent], rules: Rules) -> None:
        self.rules = rules
        self.agents = {agent.key: agent for agent in agents}
        self.used = {agent.key: agent.used for agent in self.agents.values()}
        self.left = {agent.key: agent.room_in_all for agent in self.agents.values()}
        self.room = {agent.key: dict(agent.room) for agent in self.agents.values()}
        by_turn = sorted(self.agents.values(), key=lambda agent: (agent.given_at or LONG_AGO, agent.key))
        self.turn = {agent.key: turn for turn, agent in enumerate(by_turn)}
        self.turns = len(by_turn)
        self.lines: dict[Ask, list[Rank]] = {}
        self.looks = 0

    def place(self, item: Item, now: datetime) -> Placement | None:
        ask, widened = asked(item, now)
        key, rule = self._last(item, ask), "last_agent"
        if key is None:
            key, rule = self._next(ask, item.passed)
        if key is None:
            return None
        why = explain(item, ask, now) | {"rule": rule, "carried": str(self.used[key]), "widened": widened}
        self._take(key, item.channel)
        return Placement(item.key, key, why)

    def _last(self, item: Item, ask: Ask) -> int | None:
        agent = self.agents.get(item.last_agent) if item.last_agent is not None else None
        if agent is None or agent.key in item.passed:
            return None
        return agent.key if self._fits(agent, ask) and self._has_room(agent.key, ask.channel) else None

    def _next(self, ask: Ask, passed: frozenset[int]) -> tuple[int | None, str]:
        """Who comes first of those who can have it, and whether an equal of theirs could have had it too."""
        line, aside = self._line(ask), []
        able: list[Rank] = []
        while len(able) < 2 and (rank := self._first(line, ask.channel)) is not None:
            if able and rank[0] > able[0][0]:
                break
            aside.append(heappop(line))
            if rank[-1] not in passed:
                able.append(rank)
        for entry in aside:
            heappush(line, entry)
        if not able:
            return None, ""
        return able[0][-1], "turn" if len(able) > 1 else "fewest"

    def _first(self, line: list[Rank], channel: str) -> Rank | None:
        """The first of a line as it stands by now, left in it."""
        while line:
            self.looks += 1
            key = line[0][-1]
            rank = self._rank(key)
            if not self._has_room(key, channel):
                heappop(line)
            elif line[0] != rank:
                heapreplace(line, rank)
            else:
                return rank
        return None

    def _line(self, ask: Ask) -> list[Rank]:
        if ask not in self.lines:
            line = [self._rank(key) for key, agent in self.agents.items() if self._fits(agent, ask)]
            heapify(line)
            self.lines[ask] = line
        return self.lines[ask]

    def _fits(self, agent: Agent, ask: Ask) -> bool:
        self.looks += 1
        if ask.team is not None and ask.team not in agent.teams:
            return False
        return all(agent.skills.get(skill, 0) >= level for skill, level in ask.skills)

    def _rank(self, key: int) -> Rank:
        return self.used[key], self.turn[key], key

    def _has_room(self, key: int, channel: str) -> bool:
        cost = self.rules.cost(channel)
        return self.left[key] >= cost and self.room[key].get(channel, self.left[key]) >= cost

    def _take(self, key: int, channel: str) -> None:
        cost = self.rules.cost(channel)
        self.used[key] += cost
        self.left[key] -= cost
        if channel in self.room[key]:
            self.room[key][channel] -= cost
        self.turn[key], self.turns = self.turns, self.turns + 1


def asked(item: Item, now: datetime) -> tuple[Ask, list[str]]:
    """What the item wants by now, and which skills its wait has widened."""
    waited = (now - item.since).total_seconds() / 60
    skills, widened = set(), []
    for need in item.needs:
        if need.wider_after is None or waited < need.wider_after:
            skills.add((need.skill, need.level))
            continue
        widened.append(need.skill)
        if need.wider:
            skills.add((need.wider, 1))
    return Ask(item.channel, item.team, frozenset(skills)), sorted(widened)


def explain(item: Item, ask: Ask, now: datetime) -> dict[str, Any]:
    """What put the item where it stood in the line."""
    return {
        "lane": item.lane,
        "priority": item.priority,
        "waited": max(int((now - item.since).total_seconds()), 0),
        "due_in": int((item.due_at - now).total_seconds()) if item.due_at else None,
        "skills": sorted(skill for skill, _ in ask.skills),
    }
