"""The placing of contacts as a pure function: its order, its choices, its cost (R-CHAN-4)."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.placement import Agent, Floor, Item, Need, Placement, Rules, decide

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
RULES = Rules({"chat": Decimal(1), "phone": Decimal(3), "portal": Decimal("0.25"), "email": Decimal("0.5")})
CHANNELS = ["chat", "phone", "portal", "email"]
SKILLS = ["billing", "clinical", "spanish", "oxygen"]


def item(key: int = 1, *, minutes: float = 1, **said: Any) -> Item:
    return Item(key=key, since=NOW - timedelta(minutes=minutes), **({"channel": "chat"} | said))


def agent(key: int = 1, *, room: int = 3, **said: Any) -> Agent:
    room_of = {channel: Decimal(room) for channel in CHANNELS}
    return Agent(key=key, **({"room": room_of, "room_in_all": Decimal(room)} | said))


def placed(items: list[Item], agents: list[Agent], now: datetime = NOW) -> list[tuple[int, int]]:
    return [(one.item, one.agent) for one in decide(items, agents, RULES, now)]


# --- the order ---------------------------------------------------------------------------------------
def test_equipment_down_goes_first_then_clinical_then_priority_breach_and_wait() -> None:
    soon, later = NOW + timedelta(minutes=5), NOW + timedelta(hours=5)
    in_order = [
        item(9, lane="equipment_down", priority=4),
        item(8, lane="clinical", priority=4),
        item(7, priority=1, due_at=later),
        item(6, priority=2, due_at=soon),
        item(5, priority=2, due_at=later, minutes=9),
        item(4, priority=2, due_at=later, minutes=8),
        item(3, priority=2, minutes=60),
        item(2, priority=3, minutes=90),
    ]
    shuffled = Random(3).sample(in_order, len(in_order))
    assert [key for key, _ in placed(shuffled, [agent(room=20)])] == [9, 8, 7, 6, 5, 4, 3, 2]


# --- the choice --------------------------------------------------------------------------------------
def test_who_had_the_customer_last_goes_before_who_carries_less() -> None:
    agents = [agent(1, used=Decimal(2)), agent(2)]
    [one] = decide([item(last_agent=1)], agents, RULES, NOW)
    assert (one.agent, one.why["rule"]) == (1, "last_agent")


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(agent(1, room=0), id="no room"),
        pytest.param(agent(1, teams=frozenset({8})), id="another team"),
        pytest.param(agent(3), id="not there"),
    ],
)
def test_the_last_agent_is_passed_by_who_cannot_take_it(last: Agent) -> None:
    other = agent(2, teams=frozenset({7}))
    assert placed([item(team=7, last_agent=1)], [last, other]) == [(1, 2)]


def test_the_fewest_units_win() -> None:
    agents = [agent(1, used=Decimal("1.5")), agent(2, used=Decimal("1.25")), agent(3, used=Decimal(2))]
    [one] = decide([item()], agents, RULES, NOW)
    assert (one.agent, one.why["rule"]) == (2, "fewest")


def test_an_equal_that_cannot_have_it_is_no_ground_for_a_turn() -> None:
    """Neither one who passed on it, nor one whose hands are full, nor one who carries more by now."""
    passed = [item(1, passed=frozenset({2}))]
    assert [one.why["rule"] for one in decide(passed, [agent(1), agent(2)], RULES, NOW)] == ["fewest"]
    full = [agent(1), agent(2, room=0)]
    assert [one.why["rule"] for one in decide([item()], full, RULES, NOW)] == ["fewest"]
    items = [item(1, minutes=9, last_agent=2), item(2), item(3)]
    made = decide(items, [agent(1), agent(2, given_at=NOW)], RULES, NOW)
    assert [(one.agent, one.why["rule"]) for one in made] == [(2, "last_agent"), (1, "fewest"), (2, "turn")]


def test_equals_take_turns() -> None:
    agents = [agent(1, given_at=NOW), agent(2, given_at=NOW - timedelta(hours=1)), agent(3)]
    items = [item(key, minutes=10 - key) for key in range(6)]
    assert [who for _, who in placed(items, agents)] == [3, 2, 1, 3, 2, 1]


def test_skills_have_to_match_at_their_level() -> None:
    needs = (Need("billing", 2), Need("spanish", 1))
    agents = [
        agent(1, skills={"billing": 3}),
        agent(2, skills={"billing": 1, "spanish": 3}),
        agent(3, skills={"billing": 2, "spanish": 1}, used=Decimal(2)),
    ]
    assert placed([item(needs=needs)], agents) == [(1, 3)]
    assert placed([item(needs=needs)], agents[:2]) == []


def test_a_long_wait_widens_what_is_asked() -> None:
    needs = (Need("oxygen", 3, wider_after=10, wider="device"),)
    agents = [agent(1), agent(2, skills={"device": 1})]
    assert placed([item(needs=needs, minutes=9)], agents) == []
    [one] = decide([item(needs=needs, minutes=10)], agents, RULES, NOW)
    assert (one.agent, one.why["widened"], one.why["skills"]) == (2, ["oxygen"], ["device"])
    anybody = (Need("oxygen", 3, wider_after=10),)
    assert placed([item(needs=anybody, minutes=10)], agents) == [(1, 1)]


def test_who_passed_on_it_is_not_asked_again() -> None:
    assert placed([item(passed=frozenset({1}))], [agent(1), agent(2, used=Decimal(2))]) == [(1, 2)]
    assert placed([item(passed=frozenset({1}), last_agent=1)], [agent(1)]) == []


def test_who_was_passed_by_for_one_contact_gets_the_next() -> None:
    items = [item(1, minutes=2, passed=frozenset({1})), item(2)]
    assert placed(items, [agent(1), agent(2, used=Decimal(1))]) == [(1, 2), (2, 1)]


def test_units_are_spent_by_channel_and_in_all() -> None:
    one = replace(agent(room=4), room={"chat": Decimal(2), "phone": Decimal(3)})
    items = [item(key, minutes=9 - key) for key in range(3)] + [
        item(7, channel="phone"),
        item(8, channel="email"),
    ]
    assert [key for key, _ in placed(items, [one])] == [0, 1, 8]


def test_a_clock_that_was_set_back_makes_no_negative_wait() -> None:
    [one] = decide([item(minutes=-30)], [agent()], RULES, NOW)
    assert one.why["waited"] == 0


# --- properties --------------------------------------------------------------------------------------
keys = st.integers(1, 40)
some_skills = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3), max_size=3)
some_needs = st.lists(
    st.builds(
        Need,
        st.sampled_from(SKILLS),
        st.integers(1, 3),
        st.none() | st.integers(0, 30),
        st.sampled_from(["", *SKILLS]),
    ),
    max_size=2,
)
some_items = st.lists(
    st.builds(
        item,
        keys,
        minutes=st.integers(0, 90),
        channel=st.sampled_from(CHANNELS),
        team=st.none() | st.integers(1, 3),
        lane=st.sampled_from(["", "clinical", "equipment_down"]),
        priority=st.integers(1, 4),
        due_at=st.none() | st.integers(-60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
        needs=some_needs.map(tuple),
        last_agent=st.none() | st.integers(1, 9),
        passed=st.frozensets(st.integers(1, 9), max_size=3),
    ),
    max_size=25,
    unique_by=lambda one: one.key,
)
some_agents = st.lists(
    st.builds(
        agent,
        st.integers(1, 9),
        room=st.integers(0, 5),
        teams=st.frozensets(st.integers(1, 3)),
        skills=some_skills,
        used=st.integers(0, 4).map(Decimal),
        given_at=st.none() | st.integers(0, 50).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    ),
    max_size=8,
    unique_by=lambda one: one.key,
)


@given(some_items, some_agents, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_same_inputs_give_the_same_placements_in_whatever_order_they_are_read(
    items: list[Item], agents: list[Agent], rng: Random
) -> None:
    expected = decide(items, agents, RULES, NOW)
    shuffled = decide(rng.sample(items, len(items)), rng.sample(agents, len(agents)), RULES, NOW)
    assert shuffled == expected


@given(some_items, some_agents)
@settings(max_examples=150, deadline=None)
def test_nobody_gets_what_they_cannot_take(items: list[Item], agents: list[Agent]) -> None:
    known, there = {one.key: one for one in items}, {one.key: one for one in agents}
    placements = decide(items, agents, RULES, NOW)
    assert max(Counter(one.item for one in placements).values(), default=1) == 1
    spent: Counter[Any] = Counter()
    for one in placements:
        what, who = known[one.item], there[one.agent]
        assert who.key not in what.passed
        assert what.team is None or what.team in who.teams
        assert _has_skills(who, what)
        spent[who.key] += RULES.cost(what.channel)
        spent[who.key, what.channel] += RULES.cost(what.channel)
        assert spent[who.key] <= who.room_in_all
        assert spent[who.key, what.channel] <= who.room[what.channel]


@given(some_items, some_agents)
@settings(max_examples=150, deadline=None)
def test_what_is_left_waiting_fits_nobody(items: list[Item], agents: list[Agent]) -> None:
    placements = decide(items, agents, RULES, NOW)
    waits = [one for one in items if one.key not in {each.item for each in placements}]
    tired = _after(placements, {one.key: one for one in items}, agents)
    assert decide(waits, tired, RULES, NOW) == []


@given(some_items, some_agents)
@settings(max_examples=150, deadline=None)
def test_the_simple_way_agrees(items: list[Item], agents: list[Agent]) -> None:
    """Everybody looked at for every item, with nothing kept in between; so is the ground that is told for it."""
    expected, left = [], {one.key: one for one in agents}
    turn = {
        one.key: n
        for n, one in enumerate(
            sorted(agents, key=lambda a: (a.given_at or datetime.min.replace(tzinfo=UTC), a.key))
        )
    }
    for what in sorted(items, key=lambda one: one.place):
        able = [who for who in left.values() if _able(who, what)]
        if not able:
            continue
        last = [who for who in able if who.key == what.last_agent]
        chosen = last[0] if last else min(able, key=lambda who: (who.used, turn[who.key], who.key))
        equals = [who for who in able if who.used == chosen.used]
        ground = "last_agent" if last else "turn" if len(equals) > 1 else "fewest"
        expected.append((what.key, chosen.key, ground, str(chosen.used)))
        left[chosen.key] = _with(chosen, what)
        turn[chosen.key] = len(turn) + len(expected)
    made = decide(items, agents, RULES, NOW)
    assert [(one.item, one.agent, one.why["rule"], one.why["carried"]) for one in made] == expected


def _able(who: Agent, what: Item) -> bool:
    cost = RULES.cost(what.channel)
    room = who.room_in_all >= cost and who.room[what.channel] >= cost
    team = what.team is None or what.team in who.teams
    return room and team and who.key not in what.passed and _has_skills(who, what)


def _has_skills(who: Agent, what: Item) -> bool:
    waited = (NOW - what.since).total_seconds() / 60
    wanted = [
        (need.skill, need.level) if need.wider_after is None or waited < need.wider_after else (need.wider, 1)
        for need in what.needs
    ]
    return all(not skill or who.skills.get(skill, 0) >= level for skill, level in wanted)


def _with(who: Agent, what: Item) -> Agent:
    cost = RULES.cost(what.channel)
    room = dict(who.room) | {what.channel: who.room[what.channel] - cost}
    return replace(who, room=room, room_in_all=who.room_in_all - cost, used=who.used + cost)


def _after(placements: list[Placement], known: dict[int, Item], agents: list[Agent]) -> list[Agent]:
    left = {one.key: one for one in agents}
    for one in placements:
        left[one.agent] = _with(left[one.agent], known[one.item])
    return list(left.values())


# --- its cost ----------------------------------------------------------------------------------------
def crowd(items: int, agents: int, seed: int = 1) -> tuple[list[Item], list[Agent]]:
    """A busy morning: five teams, four skills, four channels."""
    rng = Random(seed)
    waiting = [
        item(
            key, minutes=rng.randrange(60), channel=rng.choice(CHANNELS), team=rng.choice([1, 2, 3, 4, 5]),
            priority=rng.choice([1, 2, 3, 3, 3, 4]), lane=rng.choice(["", "", "", "clinical", "equipment_down"]),
            needs=tuple(Need(skill) for skill in SKILLS if rng.random() < 0.2),
            last_agent=rng.choice([None, rng.randrange(agents)]), passed=frozenset(rng.sample(range(agents), 2)),
        )
        for key in range(items)
    ]  # fmt: skip
    there = [
        agent(
            key, room=rng.choice([3, 6, 9]), teams=frozenset(rng.sample([1, 2, 3, 4, 5], 3)),
            skills={skill: 2 for skill in SKILLS if rng.random() < 0.6}, used=Decimal(rng.randrange(4)),
        )
        for key in range(agents)
    ]  # fmt: skip
    return waiting, there


def looks(items: int, agents: int) -> int:
    waiting, there = crowd(items, agents)
    floor = Floor(there, RULES)
    for one in sorted(waiting, key=lambda each: each.place):
        floor.place(one, NOW)
    return floor.looks


def test_agents_are_not_looked_at_anew_for_each_contact() -> None:
    """With twice the contacts, far fewer than twice the looks at everybody."""
    once, twice = looks(2000, 300), looks(4000, 300)
    assert twice - once < 2000 * 300 / 20
    assert looks(1000, 300) < 1000 * 300 / 3
