"""Takes out of a text what has no place in a conversation: numbers that identify a person or a card.

A number alone proves little: nine digits may be an order. So a pattern either proves itself (the check digit
of a card, the shape of a Medicare number, dashes where a social security number has them) or stands by a word
that says what it is. Order numbers, tracking numbers, telephone numbers and dates survive.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

MASK = "▮▮▮"
WORDS = r"number|no|num|nr|is|are|id|it's|its|my|the|es|el|mi|n[uú]mero|de"
NEAR = rf"[^\w\n]{{0,4}}(?:(?:{WORDS})\b[^\w\n]{{0,4}}){{0,4}}"
# First digits and lengths of the card schemes: a tracking number of the carriers has others.
CARD = re.compile(
    r"4\d{12}(\d{3}){0,2}|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(0[0-5]|[689]\d)\d{11}|35\d{14}|6(011|5\d\d|4[4-9]\d)\d{12}"
)


@dataclass(frozen=True)
class Redacted:
    """A text without what was found in it, and how many of each kind that was."""

    text: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.counts.total()


@dataclass(frozen=True)
class Rule:
    """What a kind of number looks like: group ``number`` is taken out where ``proven`` says yes."""

    kind: str
    pattern: re.Pattern[str]
    proven: Callable[[str], bool] = bool


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def is_card(text: str) -> bool:
    """By the shape of the card schemes' numbers and the check digit at their end (Luhn)."""
    digits = _digits(text)
    doubled = "0246813579"
    total = sum(int(doubled[int(d)] if n % 2 else d) for n, d in enumerate(reversed(digits)))
    return total % 10 == 0 and CARD.fullmatch(digits) is not None


def is_ssn(text: str) -> bool:
    """By the areas, groups and serials that are never given out."""
    digits = _digits(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return (
        len(digits) == 9
        and area not in {"000", "666"}
        and area < "900"
        and group != "00"
        and serial != "0000"
    )


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _rule(kind: str, pattern: str, proven: Callable[[str], bool] = bool) -> Rule:
    return Rule(kind, re.compile(pattern, re.IGNORECASE), proven)


LETTER = "AC-HJKMNP-RT-Y"  # a Medicare number has no S, L, O, I, B or Z
MBI = rf"[1-9][{LETTER}][{LETTER}\d]\d-?[{LETTER}][{LETTER}\d]\d-?[{LETTER}]{{2}}\d{{2}}"
BEFORE, AFTER = r"(?<![\w-])", r"(?![\w-])"
SSN_WORD = r"\b(?:ssn|s\.s\.n\.?|social(?:\s+security)?|seguro\s+social)\b"
MEMBER_WORD = (
    r"\b(?:member|subscriber|policy|insurance|medicaid|medicare|group|afiliad[oa]|p[oó]liza|seguro)\b"
)

# In this order: a rule that proves itself goes before one that needs a word beside it.
RULES = (
    _rule("medicare", rf"{BEFORE}(?P<number>{MBI}){AFTER}"),
    _rule("card", r"(?<![\w.-])(?P<number>\d(?:[ -]?\d){12,18})(?![\w-])", is_card),
    _rule("ssn", rf"{BEFORE}(?P<number>\d{{3}}([- .–])\d{{2}}\2\d{{4}}){AFTER}", is_ssn),
    _rule("ssn", rf"{SSN_WORD}{NEAR}(?P<number>\d(?:[ .-]?\d){{8}})(?!\w)", is_ssn),
    _rule(
        "ssn", rf"{SSN_WORD}{NEAR}(?:ends? (?:in|with)|last (?:4|four))?{NEAR}(?P<number>\d{{4}})(?![\w-])"
    ),
    _rule("member", rf"{MEMBER_WORD}{NEAR}(?P<number>[a-z]{{0,4}}-?\d[a-z0-9-]{{4,18}})(?!\w)", _has_digit),
)


def redact(text: str) -> Redacted:
    """The text with every identifying number masked, and a count by kind (ssn, card, medicare, member)."""
    counts: Counter[str] = Counter()
    for rule in RULES:
        text = rule.pattern.sub(partial(_mask, rule, counts), text)
    return Redacted(text, counts)


def _mask(rule: Rule, counts: Counter[str], found: re.Match[str]) -> str:
    number = found["number"]
    if not rule.proven(number):
        return found[0]
    counts[rule.kind] += 1
    start = found.start("number") - found.start()
    return found[0][:start] + MASK + found[0][start + len(number) :]
