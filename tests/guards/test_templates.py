"""Templates and scripts hold nothing that the strict policy refuses, and no sentence outside gettext."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.template.loader import get_template

from tests.guards import markup
from tests.guards.test_doors import routes


def name(path: Path) -> str:
    return path.relative_to(markup.ROOT).as_posix()


@pytest.mark.parametrize("path", markup.TEMPLATES, ids=name)
def test_template_is_clean(path: Path) -> None:
    assert markup.wrong_with(path) == []


@pytest.mark.parametrize("path", markup.TEMPLATES, ids=name)
def test_template_compiles(path: Path) -> None:
    get_template(path.relative_to(markup.ROOT / "templates").as_posix())


@pytest.mark.parametrize("path", markup.SCRIPTS, ids=name)
def test_script_writes_no_markup_and_keeps_nothing(path: Path) -> None:
    assert markup.sinks_in(path.read_text()) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("<script>go()</script>", "inline script"),
        ('<p style="color: red"></p>', "inline style attribute"),
        ("<style>p {}</style>", "inline style element"),
        ('<button onclick="go()"></button>', "inline handler onclick"),
        ('<a href=" JavaScript:go()"></a>', "script in href"),
        ('<script src="https://cdn.example/x.js"></script>', "foreign address in script src"),
        ("<p>{{ name|safe }}</p>", "unescaped: name|safe"),
        ("<p>{% autoescape off %}{{ name }}{% endautoescape %}</p>", "unescaped: autoescape off"),
        (
            "<p>{% blocktrans with a=b|safe %}Hello {{ a }}{% endblocktrans %}</p>",
            "unescaped: blocktrans with a=b|safe",
        ),
        ("<p>Hello {{ name }}</p>", "untranslated text: Hello"),
        ('<input placeholder="Your name">', "untranslated placeholder: Your name"),
        (
            '{% if a %}<p {% if b %}class="x"{% endif %}>Still here</p>{% endif %}',
            "untranslated text: Still here",
        ),
    ],
)
def test_what_is_planted_is_found(planted: str, found: str) -> None:
    assert markup.wrong_in(planted) == [found]


@pytest.mark.parametrize(
    "allowed",
    [
        '<script type="module" src="{% static "js/x.js" %}"></script>',
        '<script nonce="{{ request.csp_nonce }}">go()</script>',
        '{% blocktrans %}Hello <b title="x1">you</b>{% endblocktrans %}',
        '<p aria-label="{% trans "Orders" %}">{% trans "Orders" %} 3 · {{ n }}</p>',
        "<kbd>Ctrl</kbd>{% comment %}words{% endcomment %}",
    ],
)
def test_what_is_right_is_left_alone(allowed: str) -> None:
    assert markup.wrong_in(allowed) == []


@pytest.mark.parametrize(
    "planted",
    ["a.outerHTML = b;", 'eval("1")', "localStorage.setItem(a, b)", 'x.insertAdjacentHTML("end", y)'],
)
def test_a_planted_sink_is_found(planted: str) -> None:
    assert markup.sinks_in(planted) != []


POLLED = re.compile(r"<[^>]*?hx-(?:get|post)=\"{% url \"([a-z:-]+)\"[^>]*hx-trigger=\"[^\"]*every [^>]*")


def polls_that_extend(texts: Iterable[str]) -> list[str]:
    """Addresses that a page asks for by itself, again and again, and that count as use of the session."""
    doors = {name: getattr(pattern.callback, "door", None) for name, pattern, *_ in routes()}
    asked = {name for text in texts for name in POLLED.findall(text)}
    return sorted(name for name in asked if doors[name].extends_session)


def test_what_a_page_asks_again_by_itself_keeps_no_session_alive():
    """S2: a page that is left open is no use of it, however long the thing takes that it waits for."""
    texts = [path.read_text() for path in markup.TEMPLATES]
    assert sum(len(POLLED.findall(text)) for text in texts) >= 4
    assert polls_that_extend(texts) == []


def test_a_planted_poll_that_extends_is_found():
    planted = '<div hx-get="{% url "portal:orders" %}" hx-trigger="load, every 9s"></div>'
    assert polls_that_extend([planted]) == ["portal:orders"]
