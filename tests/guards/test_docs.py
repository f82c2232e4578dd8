"""What the documents say of files, commands, settings and pages is there."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands

from tests.guards.house import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OUR_FOLDERS = (
    "config/",
    "portal/",
    "cases/",
    "billing/",
    "agents/",
    "static/",
    "templates/",
    "tests/",
    "docs/",
)
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|#|mailto:)([^)#]+)")
CODE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
TARGET = re.compile(r"make ([a-z]+)")


def missing(page: Path, text: str) -> list[str]:
    """Links, paths, commands and make targets of a page that lead nowhere."""
    wrong = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    named = [word.rstrip("/") for word in CODE.findall(text) if word.startswith(OUR_FOLDERS)]
    wrong += [path for path in named if not _exists(path)]
    wrong += [name for name in COMMAND.findall(text) if name not in get_commands()]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong += [name for code in CODE.findall(text) for name in TARGET.findall(code) if name not in targets]
    return wrong


def _exists(path: str) -> bool:
    path = path.split(" ")[0]
    if any(mark in path for mark in "<{*"):
        return True
    places = (ROOT / path, ROOT / f"{path}.py", ROOT / "templates" / path)
    return any(place.exists() for place in places)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_names_is_there(page):
    assert missing(page, page.read_text()) == []


def unwritten(text: str) -> list[str]:
    """Tests that a text names and that nobody has written."""
    written = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
    return sorted(name for name in named if f"def {name}(" not in written)


def test_every_test_named_is_there():
    text = "".join(page.read_text() for page in PAGES)
    assert unwritten(text) == []
    assert len(re.findall(r"`test_[a-z0-9_]+`", text)) > 100


def test_a_test_that_nobody_wrote_is_noticed():
    name = "_".join(("test", "that", "is", "nowhere"))
    assert unwritten(f"`{name}` and `test_a_test_that_nobody_wrote_is_noticed`") == [name]


def test_a_dead_link_path_command_and_target_are_noticed():
    text = "[x](gone.md) `portal/gone.py` `manage.py fly_away` `make coffee`"
    assert missing(ROOT / "README.md", text) == ["gone.md", "portal/gone.py", "fly_away", "coffee"]


def unexplained(code: str) -> list[str]:
    """Settings that code reads from the environment and that no page tells of."""
    read = re.compile(r'env\.(?:text|secret|flag|number|items|choice|fernet_keys)\(\s*"([A-Z0-9_]+)"')
    told = (ROOT / "docs/operations.md").read_text() + (ROOT / "README.md").read_text()
    asked = set(read.findall(code))
    return sorted(name for name in asked if f"`{name}`" not in told and f"{name}=" not in told)


def test_every_setting_from_the_environment_is_explained():
    assert unexplained("".join(path.read_text() for path in (ROOT / "config").glob("*.py"))) == []


def test_a_setting_that_nobody_explains_is_noticed():
    assert unexplained('env.flag("FLY", False) env.text(\n  "PUBLIC_URL")') == ["FLY"]
