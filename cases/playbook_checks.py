"""What is wrong with a playbook, in words, before anybody works by it: each problem with the step it stands at.

``of(raw)`` looks at shape first, then at names, words and limits, then at the way through: a dead end, a loop
without an exit, a step nobody reaches, a step reached by somebody who was not verified for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from cases import playbook_content as pc
from cases.playbook_actions import ACTIONS
from cases.playbook_content import Content, Field, Step
from cases.playbook_values import bound
from cases.playbook_words import problems_of_words
from portal.models import verification

MOST_STEPS, MOST_FIELDS = 40, 40
HEADER = {"purpose", "level", "identifiers", "steer", "first", "escalation", "fields", "steps"}
MOST_DAYS = 36_500
LIMITS: dict[str, Callable[[str], Any]] = {"date": bound, "number": Decimal, "money": Decimal}
WHATS = dict(verification.WHATS)
TEXTS = {"code", "kind", "title", "guide", "next", "failed", "action", "lane"}


@dataclass(frozen=True)
class Problem:
    """``step`` is a step's code; empty: the playbook as a whole."""

    step: str
    words: str

    def __str__(self) -> str:
        return f"{self.step}: {self.words}" if self.step else self.words


def of(raw: Any) -> list[Problem]:
    """Everything wrong with ``raw``, by step; empty where it can be published."""
    if wrong := shape(raw):
        return wrong
    content = pc.read(raw)
    found = [*_header(content, raw), *_fields(content), *_names(content)]
    for step in content.steps.values():
        found += [Problem(step.code, words) for words in _step(content, step)]
        found += [Problem(step.code, words) for words in problems_of_words(content, step)]
    return found + (list(_ways(content)) if not _lost(content) else [])


def shape(raw: Any) -> list[Problem]:
    """What keeps ``raw`` from being read at all."""
    return list(_shape(raw))


# --- shape -------------------------------------------------------------------------------------------
def _shape(raw: Any) -> Iterator[Problem]:
    """Whether the JSON is of the form that ``read`` expects; nothing else is looked at until it is."""
    if not isinstance(raw, dict):
        yield Problem("", _("A playbook is a JSON object."))
        return
    for name in sorted(set(raw) - HEADER):
        yield Problem("", _("Nobody knows what “%(name)s” is.") % {"name": name})
    for name in ("fields", "steps", "escalation", "identifiers"):
        if not isinstance(raw.get(name, []), list):
            yield Problem("", _("“%(name)s” is a list.") % {"name": name})
            return
    texts = [raw.get("purpose", ""), raw.get("first", ""), *raw.get("identifiers", [])]
    if (
        not isinstance(raw.get("level", 1), int)
        or not _is_scripts({"": raw.get("steer", {})})
        or not _is_texts(texts)
    ):
        yield Problem("", _("“level” is a number, “steer” has words by language, the others are texts."))
        return
    for path in raw.get("escalation", []):
        yield from _parts(path, {"lane", "when"}, {"lane", "when"}, _("an escalation"))
    for one in raw.get("fields", []):
        yield from _field_shape(one)
    for one in raw.get("steps", []):
        yield from _step_shape(one)


def _parts(one: Any, known: set[str], needed: set[str], what: str) -> Iterator[Problem]:
    if not isinstance(one, dict):
        yield Problem("", _("%(what)s is a JSON object.") % {"what": what})
        return
    for name in sorted(set(one) - known):
        yield Problem("", _("%(what)s has no “%(name)s”.") % {"what": what, "name": name})
    for name in sorted(part for part in needed if not isinstance(one.get(part), str) or not one[part]):
        yield Problem("", _("%(what)s lacks its “%(name)s”.") % {"what": what, "name": name})


def _field_shape(one: Any) -> Iterator[Problem]:
    found = list(_parts(one, {part.name for part in fields(Field)}, {"name", "label"}, _("a field")))
    yield from found
    if found:
        return
    texts = [one.get(name, "") for name in ("type", "what", "least", "most")]
    switches = [one.get(name, True) for name in ("required", "phi")]
    choices = one.get("choices", [])
    pairs = isinstance(choices, list) and all(_is_texts(pair) and len(pair) == 2 for pair in choices)
    if not _is_texts(texts) or not all(isinstance(switch, bool) for switch in switches) or not pairs:
        yield Problem("", _("Field “%(name)s” is not of the form a field has.") % {"name": one["name"]})


def _step_shape(one: Any) -> Iterator[Problem]:
    found = list(_parts(one, {part.name for part in fields(Step)}, {"code", "kind", "title"}, _("a step")))
    yield from found
    if found:
        return
    code = one["code"]
    if wrong := [name for name in sorted(TEXTS & set(one)) if not isinstance(one[name], str)]:
        yield Problem(code, _("“%(name)s” is a text.") % {"name": wrong[0]})
    if not isinstance(one.get("level", 0), int) or not isinstance(one.get("required", True), bool):
        yield Problem(code, _("“level” is a number and “required” true or false."))
    if not _is_texts(one.get("fields", [])) or not _is_scripts(one.get("scripts", {})):
        yield Problem(code, _("“fields” are names, “scripts” are words by channel and language."))
    if not isinstance(one.get("branches", []), list) or not all(map(_is_branch, one.get("branches", []))):
        yield Problem(code, _("A branch has “when” (field, test, value), “then” and “words”."))


def _is_texts(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _is_scripts(scripts: Any) -> bool:
    return isinstance(scripts, dict) and all(
        isinstance(words, dict) and _is_texts([*words, *words.values()]) for words in scripts.values()
    )


def _is_branch(branch: Any) -> bool:
    return (
        isinstance(branch, dict)
        and set(branch) <= {"when", "then", "words"}
        and isinstance(branch.get("then"), str)
        and isinstance(branch.get("words", ""), str)
        and isinstance(branch.get("when"), list)
        and bool(branch["when"])
        and all(_is_condition(one) for one in branch["when"])
    )


def _is_condition(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and {"field", "test"} <= set(one) <= {"field", "test", "value"}
        and _is_texts(list(one.values()))
    )


# --- names and limits --------------------------------------------------------------------------------
def _header(content: Content, raw: Mapping[str, Any]) -> Iterator[Problem]:
    if not content.purpose:
        yield Problem("", _("Say what the playbook is for."))
    if content.level not in (0, 1, 2):
        yield Problem("", _("The verification level is 0, 1 or 2."))
    if unknown := [name for name in content.identifiers if name not in pc.IDENTIFIERS]:
        yield Problem("", _("Nobody knows the identifier “%(name)s”.") % {"name": unknown[0]})
    if content.level and len(set(content.identifiers)) < 2:
        yield Problem("", _("Name at least two identifiers to verify the caller by."))
    for language in pc.LANGUAGES:
        if not content.steer.get(language):
            words = _("The words that steer to the portal are missing in %(language)s.")
            yield Problem("", words % {"language": _language(language)})
    for path in content.escalation:
        if path.lane not in pc.LANES:
            yield Problem("", _("Nobody knows the escalation lane “%(lane)s”.") % {"lane": path.lane})
    if len(raw.get("steps", [])) > MOST_STEPS or len(raw.get("fields", [])) > MOST_FIELDS:
        most = {"steps": MOST_STEPS, "fields": MOST_FIELDS}
        yield Problem("", _("At most %(steps)d steps and %(fields)d fields.") % most)
    yield from _doubles([one["code"] for one in raw.get("steps", [])], _("Two steps are called “%(name)s”."))
    yield from _doubles(
        [one["name"] for one in raw.get("fields", [])], _("Two fields are called “%(name)s”.")
    )


def _language(code: str) -> str:
    return {"en": _("English"), "es": _("Spanish")}[code]


def _doubles(names: list[str], words: str) -> Iterator[Problem]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("", words % {"name": name})


def _fields(content: Content) -> Iterator[Problem]:
    for field in content.fields.values():
        for words in _field(field):
            yield Problem("", _("Field “%(name)s” %(words)s") % {"name": field.name, "words": words})


def _field(field: Field) -> Iterator[str]:
    if field.type not in pc.TYPES:
        yield _("is of the type “%(type)s”, which nobody knows.") % {"type": field.type}
    if field.type == "choice" and not field.choices:
        yield _("offers no choices.")
    if field.phi and field.what not in WHATS:
        yield _("is opened by “%(what)s”, which nobody knows.") % {"what": field.what}
    if not all(_is_limit(field, limit) for limit in (field.least, field.most) if limit):
        yield _("has limits that are not of its type.")


def _is_limit(field: Field, limit: str) -> bool:
    judge = LIMITS.get(field.type)
    try:
        found = judge(limit) if judge else None
    except (ValueError, ArithmeticError):
        return False
    return found.is_finite() if isinstance(found, Decimal) else found is not None


def _names(content: Content) -> Iterator[Problem]:
    """Steps that others lead to and that do not exist."""
    if content.first not in content.steps:
        yield Problem("", _("The first step, “%(code)s”, does not exist.") % {"code": content.first})
    for step in content.steps.values():
        for way in sorted(set(step.ways()) - set(content.steps)):
            yield Problem(step.code, _("leads to “%(code)s”, which does not exist.") % {"code": way})


def _lost(content: Content) -> bool:
    return any(True for _problem in _names(content)) or not content.steps


# --- each step ---------------------------------------------------------------------------------------
def _step(content: Content, step: Step) -> Iterator[str]:
    if step.kind not in pc.KINDS:
        yield _("nobody knows the kind “%(kind)s”.") % {"kind": step.kind}
        return
    if step.level not in (0, 1, 2):
        yield _("its verification level is 0, 1 or 2.")
    if step.kind == "verify" and not (step.level and step.failed):
        yield _("a verification says its level, and where to go when it fails.")
    if step.kind != "verify" and step.failed:
        yield _("only a verification can fail.")
    if step.kind == "escalate" and step.lane not in pc.LANES:
        yield _("says no lane to escalate to.")
    if step.kind == "escalate" and step.lane == "clinical" and "symptoms" not in step.fields:
        yield _("calls a clinician and does not ask for “symptoms”.")
    if step.kind == "act" and not step.action:
        yield _("says no action.")
    if step.action and step.action not in ACTIONS:
        yield _("the action “%(name)s” is not registered.") % {"name": step.action}
    if step.kind == "ask" and not step.fields:
        yield _("asks for nothing.")
    if unknown := [name for name in step.fields if name not in content.fields]:
        yield _("asks for “%(name)s”, which is no field of this playbook.") % {"name": unknown[0]}
    for branch in step.branches:
        for condition in branch.when:
            yield from _condition(content, condition)


def _condition(content: Content, condition: pc.Condition) -> Iterator[str]:
    field = content.fields.get(condition.field)
    if field is None:
        yield _("decides by “%(name)s”, which is no field of this playbook.") % {"name": condition.field}
    elif not any(field.name in step.fields for step in content.steps.values()):
        yield _("decides by “%(name)s”, which no step asks for.") % {"name": condition.field}
    elif condition.test not in pc.TESTS_OF.get(field.type, ()):
        yield _("“%(name)s” can't be tested by “%(test)s”.") % {"name": field.name, "test": condition.test}
    elif not _comparable(field, condition):
        yield _("“%(value)s” is no value of “%(name)s”.") % {"value": condition.value, "name": field.name}


def _comparable(field: Field, condition: pc.Condition) -> bool:
    if condition.test in {"known", "unknown"}:
        return True
    if field.type == "date":
        return condition.value.isdecimal() and Decimal(condition.value) <= MOST_DAYS
    if field.type in {"number", "money"}:
        return condition.value.replace(".", "", 1).removeprefix("-").isdecimal()
    known = {pc.YES, pc.NO} if field.type == "yesno" else {value for value, _label in field.choices}
    asked = (
        [word.strip() for word in condition.value.split(",")] if condition.test == "in" else [condition.value]
    )
    return set(asked) <= known


# --- the way through ---------------------------------------------------------------------------------
def _ways(content: Content) -> Iterator[Problem]:
    reached = _closure([content.first], lambda code: content.steps[code].ways())
    for step in content.steps.values():
        if step.kind != "close" and not step.next:
            yield Problem(step.code, _("is a dead end: nothing comes after it, and it does not close."))
        if step.kind == "close" and step.ways():
            yield Problem(step.code, _("closes, so nothing can come after it."))
        if step.code not in reached:
            yield Problem(step.code, _("is never reached."))
    yield from _loops(content, reached)
    yield from _unverified(content)


def _closure(begin: Iterable[str], ways: Callable[[str], Iterable[str]]) -> set[str]:
    seen, left = set(), list(begin)
    while left:
        code = left.pop()
        if code not in seen:
            seen.add(code)
            left += ways(code)
    return seen


def _loops(content: Content, reached: set[str]) -> Iterator[Problem]:
    """Steps from which no end is ever reached, though they lead somewhere."""
    into: dict[str, list[str]] = {code: [] for code in content.steps}
    for step in content.steps.values():
        for way in step.ways():
            into[way].append(step.code)
    ends = [step.code for step in content.steps.values() if not step.ways()]
    leads_out = _closure(ends, lambda code: into[code])
    for code in content.steps:
        if code in reached and code not in leads_out:
            yield Problem(code, _("is part of a loop without an exit."))


def _unverified(content: Content) -> Iterator[Problem]:
    """Steps for verified callers that one comes to without passing a verification of their level."""
    for level in (1, 2):

        def ways(code: str, level: int = level) -> list[str]:
            step = content.steps[code]
            passed = step.kind == "verify" and step.level >= level
            return [way for way in step.ways() if not passed or way == step.failed]

        for code in sorted(_closure([content.first], ways)):
            step = content.steps[code]
            if step.kind != "verify" and step.level == level:
                words = _("is for callers verified to level %(level)d, and others come to it.")
                yield Problem(code, words % {"level": level})
