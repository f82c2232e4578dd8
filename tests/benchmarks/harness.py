"""Ours against a floor, in alternation, on the same machine in the same run.

A benchmark notes rows; ``make bench`` ends with one table of all that this run noted, which stays in
``var/bench.txt``, and each row's last figures in ``var/bench.json``. No benchmark asserts a time: a target that
was missed is said in the table.
"""

import json
import operator
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 7
VAR = Path(__file__).resolve().parents[2] / "var"
TARGET = re.compile(r"(<=|>=|<|>) ([\d.,]*\d) ?(us|ms|s|/s|MB/s)?")
COMPARED = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000}


class WrongTarget(ValueError):
    """A target that nothing can be held against."""


@dataclass(frozen=True)
class Row:
    """One line of the table. ``ours`` and ``floor`` are medians in ``unit``; ``spread`` is that of the ratio.

    ``ratio`` is ours over the floor: small is good for times, large for rates. ``target`` says what to reach:
    ``<= 1.5`` is of the ratio, ``< 50 ms`` and ``>= 100,000 /s`` are of ours, several stand with commas.
    """

    name: str
    unit: str
    ours: float
    floor: float
    ratio: float
    spread: float
    target: str = ""

    @property
    def met(self) -> str:
        """``yes``, ``NO``, or nothing where no target is set."""
        if not self.target:
            return ""
        return "yes" if all(self._reaches(part) for part in self.target.split(", ")) else "NO"

    def _reaches(self, part: str) -> bool:
        wanted = TARGET.fullmatch(part)
        if wanted is None:
            raise WrongTarget(part)
        how, number, unit = wanted.groups()
        figure = self.ours if unit else self.ratio
        return bool(COMPARED[how](figure, float(number.replace(",", "")) * MICROSECONDS.get(unit, 1)))


noted: list[Row] = []


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
    noted.append(row)
    return row


def line(row: Row) -> str:
    figures = f"{row.ours:>12,.1f} {row.floor:>12,.1f} {row.unit:<5} {row.ratio:>8.2f} {row.spread / 2:>7.2f}"
    return f"{row.name:<68} {figures}  {row.target:<16} {row.met}".rstrip()


def table(rows: list[Row]) -> str:
    """One line for each row, and how many of them miss their target."""
    head = f"{'':<68} {'ours':>12} {'floor':>12} {'':<5} {'ratio':>8} {'+-':>7}  {'target':<16} met"
    aimed, missed = [row for row in rows if row.target], [row for row in rows if row.met == "NO"]
    return "\n".join([head, *map(line, rows), f"{len(missed)} of {len(aimed)} targets missed."])


def keep(rows: list[Row], folder: Path = VAR) -> None:
    """The table of this run, and every row's last figures by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.txt").write_text(table(rows) + "\n")
    results = folder / "bench.json"
    known = json.loads(results.read_text()) if results.exists() else {}
    results.write_text(
        json.dumps(known | {row.name: asdict(row) | {"met": row.met} for row in rows}, indent=1)
    )
