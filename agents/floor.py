"""What waits and who is there, read in a fixed number of queries, as agents.placement wants it."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Case as When
from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    Window,
)
from django.db.models import When as Whenever
from django.db.models.functions import RowNumber

from agents.models import (
    AgentCapacity,
    AgentPresence,
    AgentSkill,
    ChannelLoad,
    Offer,
    RoutingRules,
    SkillDemand,
    TeamRouting,
)
from agents.placement import LANES, OTHER_LANE, Agent, Item, Need, Rules
from cases.models import Case, Conversation, Team
from portal.access import PERMISSIONS
from portal.models import User

AT_ONCE = 1000
SERVED = ("open", "waiting")
ON_OUR_DESK = ("new", "open")
PASSED = ("declined", "timed_out")
LANGUAGE = "patient__language"
ASKED_BY = {
    "reason_id": "reason_id",
    "family": "reason__family",
    "language": LANGUAGE,
    "product_line": "product_line",
}


@dataclass(frozen=True)
class Setting:
    """What supervisors have set: figures, costs, demands, and how each team is served."""

    rules: RoutingRules
    loads: dict[str, ChannelLoad]
    demands: list[SkillDemand]
    teams: dict[int | None, TeamRouting]

    @property
    def costs(self) -> Rules:
        return Rules({channel: load.cost for channel, load in self.loads.items()})

    @property
    def asks(self) -> list[str]:
        """What tells apart contacts that different people can take: team and channel, and whatever a demand names."""
        named = [path for name, path in ASKED_BY.items() if any(getattr(one, name) for one in self.demands)]
        return ["team_id", "channel", *named]

    @property
    def pushed(self) -> list[int | None]:
        """Teams whose contacts are offered; None stands for contacts of no team."""
        return [team for team, routing in self.teams.items() if routing.mode == "push"]


@dataclass(frozen=True)
class Waiting:
    """A contact that waits, with the rows it stands for."""

    item: Item
    case: int
    conversation: Any = None


def rules() -> RoutingRules:
    """The floor's figures; the usual ones where nobody set any."""
    return RoutingRules.objects.first() or RoutingRules(pk=1)


def setting() -> Setting:
    demands = SkillDemand.objects.filter(active=True, skill__active=True)
    return Setting(
        rules=rules(),
        loads=_loads(),
        demands=list(demands.select_related("skill", "wider_skill")),
        teams={routing.team_id: routing for routing in TeamRouting.objects.all()},
    )


def _loads() -> dict[str, ChannelLoad]:
    return {load.channel: load for load in ChannelLoad.objects.all()}


def any_pushed() -> bool:
    return TeamRouting.objects.filter(mode="push").exists()


# --- what waits --------------------------------------------------------------------------------------
WANTED = (
    "team_id",
    "channel",
    "priority",
    "product_line",
    "next_due_at",
    "reason_id",
    "reason__family",
    "reason__lane",
    LANGUAGE,
)


def waiting(known: Setting, now: datetime, *, teams: Collection[int | None] | None = None) -> list[Waiting]:
    """Chats in the line and cases without an owner, of ``teams`` (all where None), the most pressing first.

    Nothing that is offered to somebody already, that sleeps, or whose chat is with the assistant. Of more than is
    looked at in one go every ask keeps its most pressing: a backlog that nobody here can work off hides no other.
    """
    everything = [*_chats(teams, known.asks, now), *_cases(teams, known.asks)]
    found = sorted(everything, key=lambda row: row["nth"])[:AT_ONCE]
    passed = _passed([row["case"] for row in found], now - timedelta(minutes=known.rules.passed_minutes))
    shown = [_waiting(row, known.demands, passed[row["case"]]) for row in found]
    return sorted(shown, key=lambda each: each.item.place)


def _chats(teams: Collection[int | None] | None, asks: list[str], now: datetime) -> list[dict[str, Any]]:
    line = Conversation.objects.filter(state="queued", channel="chat", case__isnull=False)
    line = line.filter(_of_teams(teams, "case__team")).filter(~Exists(_offered("case")))
    rows = line.annotate(
        last=Subquery(_last_of_patient("case__patient", "case")), rank=_lane("case__reason__lane")
    )
    order = ("rank", "case__priority", F("case__next_due_at").asc(nulls_last=True), "queued_at")
    spoken = ["language"] if LANGUAGE in asks else []
    rows = _fairly(rows, [*(f"case__{name}" for name in asks), *spoken], order)
    wanted = [f"case__{name}" for name in ("owner_id", *WANTED)]
    values = rows.values("pk", "case", "queued_at", "language", "last", "nth", *wanted)[:AT_ONCE]
    short = ({name.removeprefix("case__"): value for name, value in row.items()} for row in values)
    return [row | {"channel": "chat", "since": row["queued_at"] or now} for row in short]


def _cases(teams: Collection[int | None] | None, asks: list[str]) -> list[dict[str, Any]]:
    chatting = Conversation.objects.filter(case=OuterRef("pk"), channel="chat").exclude(state="closed")
    free = Case.objects.filter(owner=None, state__in=ON_OUR_DESK, snoozed_until=None, merged_into=None)
    free = free.filter(_of_teams(teams, "team")).filter(~Exists(_offered("pk")), ~Exists(chatting))
    return _rows(free, asks)


def _rows(cases: QuerySet[Case], asks: list[str]) -> list[dict[str, Any]]:
    rows = cases.annotate(last=Subquery(_last_of_patient("patient", "pk")), rank=_lane("reason__lane"))
    order = ("rank", "priority", F("next_due_at").asc(nulls_last=True), "last_contact_at")
    rows = _fairly(rows, asks, order)
    values = rows.values("pk", "last_contact_at", "last", "nth", *WANTED)[:AT_ONCE]
    return [row | {"case": row["pk"], "pk": None, "since": row["last_contact_at"]} for row in values]


def _fairly(rows: QuerySet[Any], asks: list[str], order: tuple[Any, ...]) -> QuerySet[Any]:
    """The first of every ask before the second of any: wherever this is cut, each has its most pressing in it."""
    nth = Window(RowNumber(), partition_by=[F(name) for name in asks], order_by=list(order))
    cut: QuerySet[Any] = rows.annotate(nth=nth).order_by("nth", *order)
    return cut


def matters(cases: QuerySet[Case], known: Setting) -> list[Item]:
    """These cases as placing sees them, whoever has them, by one query."""
    return [_waiting(row, known.demands, set()).item for row in _rows(cases, known.asks)]


def _of_teams(teams: Collection[int | None] | None, path: str) -> Q:
    if teams is None:
        return Q()
    named = Q(**{f"{path}__in": [team for team in teams if team is not None]})
    return named | Q(**{f"{path}__isnull": True}) if None in teams else named


def _offered(case: str) -> QuerySet[Offer]:
    return Offer.objects.filter(case=OuterRef(case), state="open")


def _last_of_patient(patient: str, case: str) -> QuerySet[Case, Any]:
    """Who had the patient's last case; nobody for a guest."""
    theirs = Case.objects.filter(patient=OuterRef(patient), owner__isnull=False).exclude(pk=OuterRef(case))
    return theirs.order_by("-last_contact_at").values("owner")[:1]


def _lane(path: str) -> When:
    ranks = [Whenever(**{path: lane}, then=Value(rank)) for lane, rank in LANES.items()]
    return When(*ranks, default=Value(OTHER_LANE), output_field=IntegerField())


def _passed(cases: list[int], since: datetime) -> dict[int, set[int]]:
    passed: dict[int, set[int]] = defaultdict(set)
    answers = Offer.objects.filter(case__in=cases, state__in=PASSED, answered_at__gt=since)
    for case, agent in answers.values_list("case", "agent"):
        passed[case].add(agent)
    return passed


def _waiting(row: dict[str, Any], demands: list[SkillDemand], passed: set[int]) -> Waiting:
    language = row.get("language") or row["patient__language"] or ""
    item = Item(
        key=row["case"],
        channel=row["channel"],
        since=row["since"],
        team=row["team_id"],
        lane=row["reason__lane"] or "",
        priority=row["priority"],
        due_at=row["next_due_at"],
        needs=tuple(_need(demand) for demand in demands if _asks(demand, row, language)),
        last_agent=row.get("owner_id") or row["last"],
        passed=frozenset(passed),
    )
    return Waiting(item, row["case"], row["pk"])


def _asks(demand: SkillDemand, row: dict[str, Any], language: str) -> bool:
    named = (
        (demand.team_id, row["team_id"]),
        (demand.family, row["reason__family"]),
        (demand.reason_id, row["reason_id"]),
        (demand.channel, row["channel"]),
        (demand.language, language),
        (demand.product_line, row["product_line"]),
    )
    return all(not wanted or wanted == found for wanted, found in named)


def _need(demand: SkillDemand) -> Need:
    wider = demand.wider_skill.code if demand.wider_skill else ""
    return Need(demand.skill.code, demand.level, demand.wider_after, wider)


# --- who is there ------------------------------------------------------------------------------------
def agents_there(known: Setting) -> list[Agent]:
    """Everybody of the desk who is online, with what they can still take."""
    desk = User.objects.holding(PERMISSIONS["cases.work"]).order_by().values("pk")
    return agents_of(AgentPresence.objects.filter(state="online", user__in=desk), known)


def agents_of(presences: Iterable[AgentPresence], known: Setting) -> list[Agent]:
    """These agents as placing sees them: eight queries, however many they are."""
    rows = {row.user_id: row for row in presences}
    everybody = list(rows)
    skills, teams = _skills(everybody), _teams(everybody)
    own, counts = _capacities(everybody), _counts(everybody)
    return [
        _agent(row, skills[pk], teams[pk], own[pk], counts[pk], known) for pk, row in sorted(rows.items())
    ]


def _agent(
    row: AgentPresence,
    skills: dict[str, int],
    teams: set[int],
    own: dict[str, Decimal],
    counts: dict[str, int],
    known: Setting,
) -> Agent:
    costs = known.costs
    capacity = {channel: load.capacity for channel, load in known.loads.items()}
    capacity |= {"chat": Decimal(row.chat_capacity) * costs.cost("chat")} | own
    used = {channel: count * costs.cost(channel) for channel, count in counts.items()}
    in_all = own.get("", known.rules.units_in_all)
    carried = sum(used.values(), Decimal(0))
    return Agent(
        key=row.user_id,
        teams=frozenset(teams),
        skills=skills,
        room={channel: units - used.get(channel, 0) for channel, units in capacity.items() if channel},
        room_in_all=in_all - carried,
        used=carried,
        given_at=row.last_given_at,
    )


def _skills(agents: list[int]) -> dict[int, dict[str, int]]:
    held: dict[int, dict[str, int]] = defaultdict(dict)
    rows = AgentSkill.objects.filter(user__in=agents, skill__active=True)
    for user, code, level in rows.values_list("user", "skill__code", "level"):
        held[user][code] = level
    return held


def _teams(agents: list[int]) -> dict[int, set[int]]:
    teams: dict[int, set[int]] = defaultdict(set)
    members = Team.members.through.objects.filter(user__in=agents)
    for user, team in members.values_list("user", "team"):
        teams[user].add(team)
    return teams


def _capacities(agents: list[int]) -> dict[int, dict[str, Decimal]]:
    own: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for user, channel, units in AgentCapacity.objects.filter(user__in=agents).values_list(
        "user", "channel", "units"
    ):
        own[user][channel] = units
    return own


def _counts(agents: list[int]) -> dict[int, dict[str, int]]:
    """How many contacts of each channel somebody has in hand: chats served, cases that wait for us, offers."""
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    chats = Conversation.objects.filter(agent__in=agents, channel="chat", state__in=SERVED)
    cases = Case.objects.filter(owner__in=agents, state__in=ON_OUR_DESK, snoozed_until=None)
    offers = Offer.objects.filter(agent__in=agents, state="open")
    for rows, whose in (
        (chats.values("agent", "channel"), "agent"),
        (cases.exclude(channel="chat").values("owner", "channel"), "owner"),
        (offers.values("agent", channel=F("case__channel")), "agent"),
    ):
        for row in rows.annotate(count=Count("pk")).order_by():
            counts[row[whose]][row["channel"]] += row["count"]
    return counts


@dataclass(frozen=True)
class Load:
    """What an agent carries, in units: in hand, still to take, the usual figures by channel, and their own."""

    used: Decimal
    left: Decimal
    usual: dict[str, Decimal]
    own: dict[str, Decimal]


def load_of(presence: AgentPresence) -> Load:
    """How one agent stands. How many chats at once is said apart."""
    known = Setting(rules(), _loads(), [], {})
    whose = presence.user_id
    own = _capacities([whose])[whose]
    agent = _agent(presence, {}, set(), own, _counts([whose])[whose], known)
    usual = {channel: load.capacity for channel, load in known.loads.items() if channel != "chat"}
    own = _capacities([presence.user_id])[presence.user_id]
    return Load(agent.used, max(agent.room_in_all, Decimal(0)), {"": known.rules.units_in_all, **usual}, own)


def unhindered(agent: Agent) -> Agent:
    """As somebody who asks for work by hand: only live chats have a limit."""
    most = Decimal(10**6)
    room = {channel: units if channel == "chat" else most for channel, units in agent.room.items()}
    return replace(agent, room=room, room_in_all=most)


def boundless(agent: Agent) -> Agent:
    """As one of a shift that takes over whatever the last one leaves."""
    return replace(unhindered(agent), room={})


def everywhere(agent: Agent, teams: Collection[int]) -> Agent:
    """Who is in no team works for all of ``teams``."""
    return replace(agent, teams=agent.teams or frozenset(teams))
