"""A run as its agent sees it: the step at hand with its words filled in, what was collected, what was done.

What verification has not opened stays hidden here, on the server: words that name facts of the record, and
collected values that are PHI.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import translation

from cases import facts, playbook_values, playbooks
from cases.facts import Facts
from cases.models import PlaybookRun, PlaybookStepTaken
from cases.people import shown_name
from cases.playbook_actions import ACTIONS, Action
from cases.playbook_content import CHANNELS, KINDS, Content, Field, Step
from config.security import audit
from portal import orders
from portal.access import require
from portal.levels import Standing

HIDDEN = playbook_values.HIDDEN


@dataclass(frozen=True)
class Words:
    """What to say. ``missing`` are the names that nobody could fill."""

    text: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Collected:
    """A value as it may be shown; ``hidden`` where verification has not opened it."""

    field: Field
    value: str
    hidden: bool = False

    @property
    def words(self) -> str:
        return HIDDEN if self.hidden else playbook_values.shown(self.field, self.value)


@dataclass(frozen=True)
class Taken:
    """A step that was done, for the history."""

    title: str
    outcome: str
    shown_outcome: str
    by: str
    at: datetime
    decision: str
    reason: str
    values: tuple[Collected, ...]
    flagged: bool


@dataclass(frozen=True)
class Shown:
    """``words`` is None where the step has none, or where the caller's level holds them back (``held``)."""

    run: PlaybookRun
    step: Step
    place: int
    standing: Standing
    held: bool
    words: Words | None
    asked: tuple[Collected, ...]
    taken: tuple[Taken, ...]
    action: Action | None
    acted: str
    mine: bool
    skippable: bool

    @property
    def shown_kind(self) -> str:
        return str(KINDS[self.step.kind])


def show(actor: Any, run: PlaybookRun, *, channel: str = "", language: str = "") -> Shown:
    """The step at hand, in the customer's language and for the channel they are spoken to on, and what was done
    before it. One entry on the trail.
    """
    require(actor, "playbooks.run")
    content, standing = playbooks.content_of(run), playbooks.standing_of(actor, run)
    step = content.steps[run.at_step]
    held = step.kind != "verify" and standing.level < step.level
    _tell(run)
    return Shown(
        run=run,
        step=step,
        place=len(run.path) + 1,
        standing=standing,
        held=held,
        words=None if held else _words(actor, run, content, standing, channel, language),
        asked=_opened(content, step.fields, run.collected, standing),
        taken=tuple(_taken(content, taken, standing) for taken in run.taken.select_related("actor")),
        action=ACTIONS.get(step.action),
        acted=run.acted.get(step.code, ""),
        mine=run.agent_id == getattr(actor, "pk", None),
        skippable=step.kind not in {"verify", "close"},
    )


def language_of(run: PlaybookRun) -> str:
    return run.case.patient.language if run.case.patient else "en"


# --- underneath --------------------------------------------------------------------------------------
def _tell(run: PlaybookRun) -> None:
    if run.case.patient_id:
        with audit.acting(purpose=f"case:{run.case_id}"):
            audit.read([run.case.patient_id], "playbook", objects=[run])


def _words(
    actor: Any, run: PlaybookRun, content: Content, standing: Standing, channel: str, language: str
) -> Words | None:
    language = language or language_of(run)
    step = content.steps[run.at_step]
    script = content.script(step, channel if channel in CHANNELS else run.case.channel, language)
    if not script:
        return None
    order = run.case.order
    known = Facts(actor, run.case, order, orders.parcel(order) if order else None, standing)
    with translation.override(language):
        return _filled(script, known, content, run.collected)


def _filled(script: str, known: Facts, content: Content, collected: Mapping[str, str]) -> Words:
    """Facts of the case first, then what this run has collected. What is not known, or not open to whom we speak
    with, stays in braces.
    """
    missing = []

    def put(match: re.Match[str]) -> str:
        name = match[1]
        value = facts.value(name, known)
        field = content.fields.get(name)
        if not value and field is not None and not hides(field, known.standing):
            value = playbook_values.shown(field, collected.get(name, ""))
        if not value:
            missing.append(name)
        return value or match[0]

    return Words(facts.PLACE.sub(put, script), tuple(missing))


def _opened(
    content: Content, names: tuple[str, ...], values: Mapping[str, str], standing: Standing
) -> tuple[Collected, ...]:
    asked = [content.fields[name] for name in names]
    return tuple(
        Collected(field, value, hidden=bool(value) and hides(field, standing))
        for field, value in ((field, values.get(field.name, "")) for field in asked)
    )


def hides(field: Field, standing: Standing) -> bool:
    return field.phi and not standing.opens(field.what)


def _taken(content: Content, taken: PlaybookStepTaken, standing: Standing) -> Taken:
    step = content.steps[taken.step]
    values = _opened(content, tuple(taken.values), taken.values, standing)
    told = not any(
        hides(content.fields[condition.field], standing)
        for branch in step.branches
        for condition in branch.when
    )
    return Taken(
        title=step.title,
        outcome=taken.outcome,
        shown_outcome=taken.get_outcome_display(),
        by=shown_name(taken.actor) if taken.actor else "",
        at=taken.at,
        decision=taken.decision if told or not taken.decision else HIDDEN,
        reason=taken.reason,
        values=tuple(value for value in values if value.value),
        flagged=taken.outcome == "skipped" and taken.required,
    )
