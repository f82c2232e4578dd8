"""A thousand contacts placed among three hundred agents: against looking at everybody for each contact."""

import pytest

from agents.placement import Agent, Item, decide
from tests.agents.test_assignment import NOW, RULES, _able, _with, crowd
from tests.benchmarks.harness import compare

pytestmark = pytest.mark.benchmark


def everybody_for_each(items: list[Item], agents: list[Agent]) -> list[tuple[int, int]]:
    left, turn, placed = {one.key: one for one in agents}, {one.key: 0 for one in agents}, []
    for what in sorted(items, key=lambda one: one.place):
        able = [who for who in left.values() if _able(who, what)]
        if able:
            chosen = min(able, key=lambda who: (who.key != what.last_agent, who.used, turn[who.key], who.key))
            placed.append((what.key, chosen.key))
            left[chosen.key], turn[chosen.key] = _with(chosen, what), len(placed)
    return placed


@pytest.mark.parametrize(("items", "agents"), [(1000, 300), (4000, 300), (1000, 1200)])
def test_placing(items: int, agents: int) -> None:
    waiting, there = crowd(items, agents)
    compare(
        f"placing {items:,} contacts among {agents:,} agents",
        lambda: decide(waiting, there, RULES, NOW),
        lambda: everybody_for_each(waiting, there),
        rounds=5,
        target="< 1 s" if (items, agents) == (1000, 300) else "",
    )
