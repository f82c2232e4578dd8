"""The tokens keep WCAG 2.2 AA in both themes: 4.5 to 1 for text, 3 to 1 for edges and the focus ring."""

import re

import pytest

from tests.guards.markup import ROOT

SOURCE = (ROOT / "static/css/tokens.css").read_text()
GROUNDS = ["paper", "surface", "sunken"]
TEXT = [
    *((ink, ground) for ink in ("ink", "ink-soft", "accent") for ground in GROUNDS),
    ("on-accent", "accent"),
    ("on-accent", "accent-strong"),
    ("on-accent-soft", "accent-soft"),
    ("ink-soft", "accent-soft"),
    ("on-said", "said"),
    *((tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "info", "note")),
    *((tone, "surface") for tone in ("good", "warn", "bad")),
]
EDGES = [(edge, ground) for edge in ("line-strong", "ring") for ground in ("paper", "surface")]


def _colours(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))


LIGHT_SOURCE, DARK_SOURCE = SOURCE.split("@media (prefers-color-scheme: dark)")
THEMES = {"light": _colours(LIGHT_SOURCE), "dark": _colours(DARK_SOURCE)}


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    assert contrast(THEMES[theme][ink], THEMES[theme][ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("edge", "ground"), EDGES)
def test_edges_and_the_ring_can_be_seen(theme: str, edge: str, ground: str) -> None:
    assert contrast(THEMES[theme][edge], THEMES[theme][ground]) >= 3


def test_both_themes_name_the_same_colours() -> None:
    assert THEMES["light"].keys() == THEMES["dark"].keys()


def test_black_on_white_is_21_and_grey_on_white_fails() -> None:
    assert round(contrast("#000000", "#ffffff")) == 21
    assert contrast("#999999", "#ffffff") < 4.5
