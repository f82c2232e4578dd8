"""What a template or a script of ours may not hold, and how it is found."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from django.template.base import Lexer, Token, TokenType

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SCRIPTS = sorted((ROOT / "static/js").glob("*.js"))

LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("form", "action")}
SPOKEN = {"aria-label", "placeholder", "title", "alt", "data-confirm", "data-label"}
WORD = re.compile(r"[^\W\d_]{2,}")
COPY = re.compile(r"^(blocktrans(late)?|comment|verbatim|block (look|card|idle)$)\b")
# The names of nobody's language.
UNSPOKEN = {"kbd", "code", "script", "style", "title"}
SINKS = re.compile(
    r"\.(outerHTML|srcdoc|cssText)\s*=|\b(insertAdjacentHTML|document\.write|eval|Function|localStorage"
    r"|indexedDB|setAttribute\(.(style|on\w+).)\s*[(,.\[]"
)
UNESCAPED = re.compile(r"\|\s*safe(seq)?\b|^autoescape\s+off\b")
# Partials that stand inside a tag and hold nothing but attributes.
ATTRIBUTES = {"components/idle_data.html", "cases/messages/upload_words.html"}


def _tokens(source: str) -> Iterator[Token]:
    """Tokens outside ``blocktrans`` and its like."""
    inside = ""
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            word = token.contents.split()[0]
            if inside:
                inside = "" if word == f"end{inside}" else inside
            elif COPY.match(token.contents):
                inside = word
        elif inside:
            continue
        yield token


def _plain(source: str) -> str:
    """The markup with every variable and tag taken out."""
    return "".join(token.contents if token.token_type == TokenType.TEXT else " " for token in _tokens(source))


class Reader(HTMLParser):
    """Collects what is wrong with markup."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self.within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found += self._attributes(tag, given)
        if tag == "style" and "nonce" not in given:
            self.found.append("inline style element")
        if tag == "script" and not {"src", "nonce"} & set(given) and given.get("type") != "application/json":
            self.found.append("inline script")
        self.within.append(tag)

    def _attributes(self, tag: str, given: dict[str, str]) -> Iterator[str]:
        for name, value in given.items():
            if name == "style":
                yield "inline style attribute"
            if name.startswith("on") or name.startswith("hx-on"):
                yield f"inline handler {name}"
            if re.match(r"\s*javascript:", value, re.I):
                yield f"script in {name}"
            if (tag, name) in LOADED and re.match(r"\s*(https?:)?//", value, re.I):
                yield f"foreign address in {tag} {name}"
            if name in SPOKEN and WORD.search(value):
                yield f"untranslated {name}: {value}"

    def handle_endtag(self, tag: str) -> None:
        if tag in self.within:
            del self.within[len(self.within) - 1 - self.within[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        said = data.strip()
        if WORD.search(said) and not UNSPOKEN & set(self.within):
            self.found.append(f"untranslated text: {said[:60]}")


def wrong_with(path: Path) -> list[str]:
    """What a template holds against the policy and against translation."""
    source = path.read_text()
    inside = path.relative_to(ROOT / "templates").as_posix() in ATTRIBUTES
    return wrong_in(f"<p {source}></p>" if inside else source)


def wrong_in(source: str) -> list[str]:
    reader = Reader()
    reader.feed(_plain(source))
    reader.close()
    return [*reader.found, *unescaped_in(source)]


def unescaped_in(source: str) -> list[str]:
    """Where what somebody typed would become markup."""
    tokens = (token for token in Lexer(source).tokenize() if token.token_type != TokenType.TEXT)
    return [f"unescaped: {token.contents}" for token in tokens if UNESCAPED.search(token.contents)]


def sinks_in(source: str) -> list[str]:
    """Where a script would run text, style by it or keep it. Markup goes through the page's own policy."""
    lines = (line for line in source.splitlines() if not line.strip().startswith("//"))
    return [found.group(0) for line in lines for found in SINKS.finditer(line)]
