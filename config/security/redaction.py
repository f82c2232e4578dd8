"""Takes out of a text what has no place in a conversation: numbers that identify a person or a card.

A number alone proves little: nine digits may be an order. So a pattern either proves itself (the check digit
of a card, the shape of a Medicare number, dashes where a social security number has them) or stands by a word
that says what it is. Order numbers, tracking numbers, telephone numbers and dates survive.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from unicodedata import decimal

MASK = "▮▮▮"
WORDS = r"number|no|num|nr|is|are|id|it's|its|my|the|es|el|mi|n[uú]mero|de"
NEAR = rf"[^\w\n]{{0,4}}(?:(?:{WORDS})\b[^\w\n]{{0,4}}){{0,4}}"
NEAR_OR_BELOW = rf"[\W_]{{0,4}}(?:(?:{WORDS})\b[\W_]{{0,4}}){{0,4}}"
# What people put between groups of digits. Either a mark or spaces, so that no text is tried in many ways.
GAP = r"(?:[^\S\n]{0,2}[-‐‑‒–—._/·•][^\S\n]{0,2}|[^\S\n]{1,3})"
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
    """What a kind of number looks like. ``part`` is what of the group ``number`` is one, "" where nothing is."""

    kind: str
    pattern: re.Pattern[str]
    part: Callable[[str], str] = str
    unless_after: re.Pattern[str] | None = None

    def found(self, text: str, at: int) -> tuple[int, int] | None:
        """Where the next number begins and ends."""
        while (match := self.pattern.search(text, at)) is not None:
            start = match.start("number")
            part = "" if self._is_named_otherwise(text, start) else self.part(match["number"])
            if part:
                return start, start + len(part)
            at = match.start() + 1
        return None

    def _is_named_otherwise(self, text: str, start: int) -> bool:
        return self.unless_after is not None and bool(
            self.unless_after.search(text[max(0, start - 60) : start])
        )


def _digits(text: str) -> str:
    """Also of other scripts, and in full width."""
    return "".join(str(decimal(letter)) for letter in text if letter.isdecimal())


def card_in(text: str) -> str:
    """The card number that ``text`` begins with: an expiry date or a security code may follow."""
    ends = [
        n for n in range(13, len(text) + 1) if text[n - 1].isdecimal() and not text[n : n + 1].isdecimal()
    ]
    return next((text[:n] for n in reversed(ends) if is_card(text[:n])), "")


def is_card(text: str) -> bool:
    """By the shape of the card schemes' numbers and the check digit at their end (Luhn)."""
    digits = _digits(text)
    if CARD.fullmatch(digits) is None:
        return False
    doubled = "0246813579"
    total = sum(int(doubled[int(d)] if n % 2 else d) for n, d in enumerate(reversed(digits)))
    return total % 10 == 0


def ssn_in(text: str) -> str:
    """By the areas, groups and serials that are never given out."""
    digits = _digits(text)
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    given = area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"
    return text if given else ""


def _with_digits(text: str) -> str:
    return text if len(_digits(text)) > 4 else ""


def _rule(kind: str, pattern: str, part: Callable[[str], str] = str, unless_after: str = "") -> Rule:
    unless = re.compile(unless_after, re.IGNORECASE) if unless_after else None
    return Rule(kind, re.compile(pattern, re.IGNORECASE), part, unless)


LETTER = "AC-HJKMNP-RT-Y"  # a Medicare number has no S, L, O, I, B or Z
MBI = rf"[1-9][{LETTER}][{LETTER}\d]\d{GAP}?[{LETTER}][{LETTER}\d]\d{GAP}?[{LETTER}]{{2}}\d{{2}}"
BEFORE, AFTER = r"(?<![\w-])", r"(?![\w-])"
NINE = rf"\d(?:{GAP}?\d){{8}}"
SSN_WORD = (
    r"\b(?:ssn|s[. ]s[. ]n\.?|ss(?=\s?\#)|soc(?:ial)?\.?(?:\s+sec(?:urity)?\.?)?|seguro\s+social)"
    r"(?:['’]s)?(?![^\W\d_])"
)
MEMBER_WORD = (
    r"\b(?:member|subscriber|policy|insurance|medicaid|medicare|group|miembro|afiliad[oa]|p[oó]liza|seguro)"
)
TRACKING = r"\b(?:track|rastreo|fedex|ups\b|usps)[^\d\n]{0,24}[\d -]*$"

# In this order: a rule that proves itself goes before one that needs a word beside it.
RULES = (
    _rule("medicare", rf"(?:{BEFORE}|(?<=\bmbi))(?P<number>{MBI}){AFTER}"),
    _rule(
        "card",
        rf"(?:(?<![\w.-])|(?<=_)|(?<=card)|(?<=tarjeta))(?P<number>[2-6](?:{GAP}?\d){{12,18}})(?!\w)",
        card_in,
        TRACKING,
    ),
    _rule("ssn", rf"{BEFORE}(?P<number>\d{{3}}({GAP})\d{{2}}\2\d{{4}}(?:-?[a-z])?){AFTER}", ssn_in),
    _rule("ssn", rf"{SSN_WORD}{NEAR_OR_BELOW}(?P<number>{NINE})(?!\w)"),
    _rule(
        "ssn",
        rf"{BEFORE}(?P<number>{NINE})(?=[^\w\n]{{1,3}}(?:(?:is|es)\s(?:(?:my|mi|the|el)\s)?|\(){SSN_WORD})",
    ),
    _rule(
        "ssn", rf"{SSN_WORD}{NEAR}(?:ends? (?:in|with)|last (?:4|four))?{NEAR}(?P<number>\d{{4}})(?![\w-])"
    ),
    _rule(
        "member",
        rf"{MEMBER_WORD}[^\w\n]{{0,3}}(?:id|number|no|\#)\b{NEAR}"
        r"(?P<number>(?:[a-z]{1,4}[ -])?\d{1,9}(?:[ -]\d{1,9}){0,5})(?!\w)",
        _with_digits,
    ),
    _rule("member", rf"{MEMBER_WORD}\b{NEAR}(?P<number>[a-z]{{0,4}}-?\d[a-z0-9-]{{4,18}})(?!\w)"),
)


def redact(text: str) -> Redacted:
    """The text with every identifying number masked, and a count by kind (ssn, card, medicare, member)."""
    counts: Counter[str] = Counter()
    for rule in RULES:
        at = 0
        while (place := rule.found(text, at)) is not None:
            start, end = place
            text, at = text[:start] + MASK + text[end:], start + len(MASK)
            counts[rule.kind] += 1
    return Redacted(text, counts)
