"""A migration that was merged is never edited: it ran already wherever the product is installed.

``migrations.sha256`` holds each with its digest. A new one is appended once it is final; its line is in the failure.
"""

import hashlib
from pathlib import Path

from tests.guards.house import APPS, ROOT

LEDGER = ROOT / "tests/guards/migrations.sha256"
FILES = [path for app in APPS for path in sorted((ROOT / app / "migrations").glob("[0-9]*.py"))]


def line_of(path: Path, root: Path = ROOT) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(root).as_posix()}"


def listed(ledger: str) -> dict[str, str]:
    """Line by path; what stands there twice would hide an edit."""
    lines = ledger.splitlines()
    known = {line.split("  ")[1]: line for line in lines}
    assert len(known) == len(lines)
    return known


def edited(found: list[str], known: dict[str, str]) -> list[str]:
    """Listed migrations that are not there any more as they were listed."""
    now = set(found)
    return sorted(path for path, line in known.items() if line not in now)


def unlisted(found: list[str], known: dict[str, str]) -> list[str]:
    """The lines to append."""
    return [line for line in found if line.split("  ")[1] not in known]


def test_no_migration_that_was_merged_is_edited() -> None:
    assert edited([line_of(path) for path in FILES], listed(LEDGER.read_text())) == []


def test_every_migration_is_in_the_ledger() -> None:
    missing = unlisted([line_of(path) for path in FILES], listed(LEDGER.read_text()))
    assert missing == [], f"append to {LEDGER.name} once they are final"


def test_an_edit_a_loss_and_a_new_migration_are_noticed(tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{number}.py" for number in range(3))
    for path in (first, second, third):
        path.write_text("operations = []\n")
    known = listed("\n".join(line_of(path, tmp_path) for path in (first, second)))
    assert edited([line_of(path, tmp_path) for path in (first, second, third)], known) == []
    first.write_text("operations = [1]\n")
    found = [line_of(first, tmp_path), line_of(third, tmp_path)]
    assert edited(found, known) == ["0.py", "1.py"]
    assert unlisted(found, known) == [line_of(third, tmp_path)]
