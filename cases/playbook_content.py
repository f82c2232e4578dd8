"""What a version of a playbook holds, read from its JSON: fields to collect, steps, branches, scripts.

    {"purpose", "level", "identifiers": [...], "steer": {en, es}, "first": step,
     "escalation": [{"lane", "when"}], "fields": [{name, label, type, ...}], "steps": [{code, kind, title, ...}]}

A step's ``scripts`` are ``{channel: {language: words}}``; ``any`` stands for the channels that have none of
their own. Text messages and e-mail never use ``any``: what is not written for them becomes ``steer``, which
says nothing and asks the customer to sign in or to call.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext_lazy as _

from cases import outside
from config.business_day import business_day
from portal import verification

KINDS = {
    "say": _("Say"),
    "ask": _("Ask"),
    "verify": _("Verify"),
    "decide": _("Decide"),
    "act": _("Act"),
    "escalate": _("Escalate"),
    "tell": _("Tell the outcome"),
    "close": _("Close"),
}
SPOKEN = frozenset({"say", "ask", "verify", "tell"})  # kinds that have words for the customer
TYPES = {
    "text": _("Text"),
    "number": _("Number"),
    "date": _("Date"),
    "choice": _("Choice"),
    "phone": _("Phone number"),
    "money": _("Amount of money"),
    "order": _("Order number"),
    "yesno": _("Yes or no"),
}
TESTS = {
    "equals": _("is"),
    "not": _("is not"),
    "in": _("is one of"),
    "more": _("is more than"),
    "less": _("is less than"),
    "older_than": _("is more days ago than"),
    "within": _("is within the last days"),
    "known": _("is known"),
    "unknown": _("is not known"),
}
TESTS_OF = {
    "text": ("known", "unknown"),
    "phone": ("known", "unknown"),
    "order": ("known", "unknown"),
    "number": ("equals", "not", "more", "less", "known", "unknown"),
    "money": ("equals", "not", "more", "less", "known", "unknown"),
    "date": ("older_than", "within", "known", "unknown"),
    "choice": ("equals", "not", "in", "known", "unknown"),
    "yesno": ("equals", "not", "known", "unknown"),
}
IDENTIFIERS = {code: one.label for code, one in verification.IDENTIFIERS.items()}
CHANNELS = ("phone", "chat", "portal", "email", "sms")
LANGUAGES = ("en", "es")
LANES = {"specialist": _("Specialist"), "clinical": _("Clinical"), "manager": _("Manager")}
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Field:
    """Something to collect. ``what`` is the kind of fact that verification must have opened to show it again."""

    name: str
    label: str
    type: str = "text"
    required: bool = True
    phi: bool = False
    what: str = "asked"
    choices: tuple[tuple[str, str], ...] = ()
    least: str = ""
    most: str = ""


@dataclass(frozen=True)
class Condition:
    field: str
    test: str
    value: str = ""


@dataclass(frozen=True)
class Branch:
    """Where to go on when all conditions hold. ``words`` say so to the agent."""

    when: tuple[Condition, ...]
    then: str
    words: str = ""


@dataclass(frozen=True)
class Step:
    """``level`` is what verification must have reached to see its words or do it; ``failed`` leads on where a
    verification step is not passed."""

    code: str
    kind: str
    title: str
    guide: str = ""
    scripts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    required: bool = True
    level: int = 0
    branches: tuple[Branch, ...] = ()
    next: str = ""
    failed: str = ""
    action: str = ""
    lane: str = ""

    def ways(self) -> list[str]:
        """Every step one may come to from here."""
        return [way for way in (*(branch.then for branch in self.branches), self.next, self.failed) if way]


@dataclass(frozen=True)
class Escalation:
    lane: str
    when: str


@dataclass(frozen=True)
class Content:
    purpose: str
    level: int
    identifiers: tuple[str, ...]
    steer: Mapping[str, str]
    first: str
    escalation: tuple[Escalation, ...]
    fields: Mapping[str, Field]
    steps: Mapping[str, Step]

    def script(self, step: Step, channel: str, language: str) -> str:
        """The words for the customer; English where there are none in ``language``."""
        own = step.scripts.get(channel)
        if own is None:
            own = self.steer if channel in outside.CHANNELS else step.scripts.get("any")
        return (own or {}).get(language) or (own or {}).get("en", "") if step.kind in SPOKEN else ""

    def onward(self, step: Step, values: Mapping[str, Any]) -> tuple[str, Branch | None]:
        """The step to go on to after ``step``, and the branch that led there."""
        for branch in step.branches:
            if all(holds(condition, self.fields[condition.field], values) for condition in branch.when):
                return branch.then, branch
        return step.next, None


def read(raw: Mapping[str, Any]) -> Content:
    """``raw`` as it is stored. Of a shape that cases.playbook_checks has found sound."""
    return Content(
        purpose=raw.get("purpose", ""),
        level=raw.get("level", 1),
        identifiers=tuple(raw.get("identifiers", ())),
        steer=raw.get("steer", {}),
        first=raw.get("first", ""),
        escalation=tuple(Escalation(**path) for path in raw.get("escalation", ())),
        fields={one["name"]: _field(one) for one in raw.get("fields", ())},
        steps={one["code"]: _step(one) for one in raw.get("steps", ())},
    )


def _field(raw: Mapping[str, Any]) -> Field:
    choices = tuple((value, label) for value, label in raw.get("choices", ()))
    return Field(**{**raw, "choices": choices})


def _step(raw: Mapping[str, Any]) -> Step:
    branches = tuple(
        Branch(
            tuple(Condition(**condition) for condition in branch["when"]),
            branch["then"],
            branch.get("words", ""),
        )
        for branch in raw.get("branches", ())
    )
    return Step(**{**raw, "branches": branches, "fields": tuple(raw.get("fields", ()))})


# --- conditions --------------------------------------------------------------------------------------
def holds(condition: Condition, of: Field, values: Mapping[str, Any]) -> bool:
    """Whether a condition is met. What is not known meets nothing but ``unknown``."""
    value = values.get(condition.field)
    if value in (None, ""):
        return condition.test == "unknown"
    return _TESTS[condition.test](str(value), condition.value, of)


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("NaN")


def _same(value: str, asked: str, of: Field) -> bool:
    return _number(value) == _number(asked) if of.type in {"number", "money"} else value == asked


def _ago(value: str, days: str) -> bool:
    """Whether a day lies more than ``days`` behind us."""
    return (business_day() - date.fromisoformat(value)).days > int(days)


_TESTS: dict[str, Callable[[str, str, Field], bool]] = {
    "equals": _same,
    "not": lambda value, asked, of: not _same(value, asked, of),
    "in": lambda value, asked, of: value in _listed(asked),
    "more": lambda value, asked, of: _number(value) > _number(asked),
    "less": lambda value, asked, of: _number(value) < _number(asked),
    "older_than": lambda value, asked, of: _ago(value, asked),
    "within": lambda value, asked, of: not _ago(value, asked),
    "known": lambda value, asked, of: True,
    "unknown": lambda value, asked, of: False,
}


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


def in_words(condition: Condition, fields: Mapping[str, Field]) -> str:
    """``Late by how many days is more than 3``."""
    of = fields.get(condition.field)
    label = of.label if of else condition.field
    return " ".join(
        word for word in (label, str(TESTS[condition.test]), _value_in_words(condition, of)) if word
    )


def _value_in_words(condition: Condition, of: Field | None) -> str:
    named = dict(of.choices) if of else {}
    return ", ".join(named.get(word, word) for word in _listed(condition.value))


def all_of(conditions: Iterable[Condition], fields: Mapping[str, Field]) -> str:
    return str(_(" and ")).join(in_words(condition, fields) for condition in conditions)
