"""Every benchmark puts its figures into the one table: none prints for itself or measures for nobody."""

import ast
from pathlib import Path

import pytest

from tests.benchmarks.harness import Row, WrongTarget, keep, table

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
MODULES = sorted(FOLDER.glob("test_*.py"))
NOTING = {"note", "compare"}


def out_of_the_table(text: str) -> list[str]:
    """What in a benchmark's module keeps figures from the table, in words."""
    tree = ast.parse(text)
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "tests.benchmarks.harness"
        for alias in node.names
    }
    wrong = [] if called & imported & NOTING else ["notes no row"]
    return wrong + (["prints"] if "print" in called else [])


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_a_benchmark_notes_its_rows(module: Path) -> None:
    assert out_of_the_table(module.read_text()) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("def test_speed():\n    print(3)", ["notes no row", "prints"]),
        ("from tests.benchmarks.harness import note\ndef test_speed():\n    pass", ["notes no row"]),
        ("def note(): pass\nnote()", ["notes no row"]),
        ("from tests.benchmarks.harness import note\nnote()\nprint(1)", ["prints"]),
    ],
)
def test_a_planted_violation_is_caught(text: str, wrong: list[str]) -> None:
    assert out_of_the_table(text) == wrong


def _row(target: str, *, ours: float = 40_000.0, ratio: float = 1.2) -> Row:
    return Row("a page", "us", ours, ours / ratio, ratio, 0.1, target)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        ("", ""),
        ("<= 1.5", "yes"),
        ("<= 1.1", "NO"),
        (">= 1.5", "NO"),
        ("<= 1.5, < 50 ms", "yes"),
        ("<= 1.5, < 30 ms", "NO"),
        ("< 1 s", "yes"),
        (">= 50,000 /s", "NO"),
        ("<= 10 us", "NO"),
    ],
)
def test_a_target_is_of_the_ratio_or_of_ours(target: str, met: str) -> None:
    assert _row(target).met == met


def test_a_target_that_says_nothing_is_refused() -> None:
    with pytest.raises(WrongTarget):
        _ = _row("fast").met


def test_the_table_stays_for_others_to_show(tmp_path: Path) -> None:
    """A run of a few benchmarks keeps the others' last figures."""
    keep([_row("<= 1.5"), Row("another", "us", 1, 1, 1, 0)], tmp_path)
    keep([_row("<= 1.1")], tmp_path)
    assert (tmp_path / "bench.txt").read_text() == table([_row("<= 1.1")]) + "\n"
    assert "1 of 1 targets missed." in table([_row("<= 1.1")])
    assert '"another"' in (tmp_path / "bench.json").read_text()
