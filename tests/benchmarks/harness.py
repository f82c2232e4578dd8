"""Ours against a floor, in alternation, on the same machine in the same run.

A benchmark measures pairs of callables and notes rows; ``make bench`` prints one table of all and keeps it in
``var/bench.json``. No benchmark asserts a time: the ratio and its spread are for people to judge.
"""

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 7
RESULTS = Path(__file__).resolve().parents[2] / "var" / "bench.json"


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ours`` and ``floor`` are medians in ``unit``; ``spread`` is that of the ratio.

    ``ratio`` is ours over the floor: small is good for times, large for rates. ``target`` says what to reach.
    """

    name: str
    unit: str
    ours: float
    floor: float
    ratio: float
    spread: float
    target: str = ""


def timed(work: Callable[[], object], times: int = 1) -> float:
    """Microseconds of one call, over ``times`` calls in a row."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1e6


def compare(
    name: str,
    ours: Callable[[], object],
    floor: Callable[[], object],
    *,
    times: int = 1,
    rounds: int = ROUNDS,
    target: str = "",
) -> Row:
    """Time both in alternation, after one round to warm up, and note the row (microseconds a call)."""
    timed(ours), timed(floor)
    pairs = [(timed(ours, times), timed(floor, times)) for _ in range(rounds)]
    return note(name, "us", pairs, target=target)


def note(name: str, unit: str, pairs: list[tuple[float, float]], *, target: str = "") -> Row:
    """Note a row from pairs of figures (ours, floor), one a round, taken in alternation."""
    ratios = sorted(ours / floor for ours, floor in pairs)
    row = Row(
        name,
        unit,
        statistics.median(ours for ours, _ in pairs),
        statistics.median(floor for _, floor in pairs),
        statistics.median(ratios),
        ratios[-1] - ratios[0],
        target,
    )
    keep(row)
    return row


def keep(row: Row) -> None:
    """Put a row into the results, in place of an older one of its name."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps(known | {row.name: asdict(row)}, indent=1))
    print(line(row))


def line(row: Row) -> str:
    figures = f"{row.ours:>12,.1f} {row.floor:>12,.1f} {row.unit:<6} {row.ratio:>7.2f} ±{row.spread / 2:.2f}"
    return f"{row.name:<46} {figures}  {row.target}"


def table() -> str:
    """Everything measured so far, one line each."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    head = f"{'':<46} {'ours':>12} {'floor':>12} {'':<6} {'ratio':>7}"
    return "\n".join([head, *(line(Row(**row)) for row in known.values())])
