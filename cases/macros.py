"""Macros: several acts on a case in one go, each through its own rule, all of them or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from cases import canned, cases, macro_steps, wording
from cases.drafts import Refused
from cases.macro_steps import ACTS, Step
from cases.models import Case, Macro
from portal.access import allowed, require

MOST_STEPS = 12
MISHAPS = (ValidationError, Refused, PermissionDenied, ObjectDoesNotExist)


class MacroFailed(Exception):
    """Step ``number`` (from 1) could not be done, so nothing was. ``why`` says it in words."""

    def __init__(self, number: int, words: str, why: str) -> None:
        super().__init__(f"step {number}")
        self.number, self.words, self.why = number, words, why

    def in_words(self) -> str:
        return _("Nothing was done. Step %(number)d could not be: %(words)s %(why)s") % {
            "number": self.number,
            "words": self.words,
            "why": self.why,
        }


@dataclass(frozen=True)
class Ahead:
    """What a step will do. ``text`` is the reply it would send, ``problem`` why it can't be done as it is."""

    number: int
    words: str
    text: str = ""
    problem: str = ""


# --- choosing ----------------------------------------------------------------------------------------
def offered(actor: Any, case: Case, *, query: str = "") -> list[Macro]:
    """Macros for the case's channel and the teams at hand; with ``query`` those that name it."""
    require(actor, "macros.use")
    teams = wording.teams_of(actor, case)
    asked = query.strip().lower()
    found = Macro.objects.filter(active=True).prefetch_related("teams")
    fit = [one for one in found if wording.fits(one, channel=case.channel, teams=teams)]
    return [one for one in fit if asked in f"{one.code} {one.name} {one.what_for}".lower()]


# --- running -----------------------------------------------------------------------------------------
def run(
    actor: Any,
    *,
    case: Case,
    macro: Macro,
    texts: Mapping[int, str] | None = None,
    version: int | None = None,
) -> list[str]:
    """Do every step, or none; what was done, in words. ``texts``: by step what the agent wrote over its reply.

    Raises MacroFailed, and Conflict where the case moved on since ``version``.
    """
    require(actor, "macros.use", case)
    _refuse_strange(actor, case, macro)
    with transaction.atomic():
        cases.locked(case, version)
        done = [_do(actor, case, number, step, texts or {}) for number, step in _numbered(macro)]
        detail = {"macro": macro.name, "version": macro.version, "did": done}
        cases.record(actor, case, "macro", detail)
    return done


def _refuse_strange(actor: Any, case: Case, macro: Macro) -> None:
    if not macro.active or not wording.fits(macro, channel=case.channel, teams=wording.teams_of(actor, case)):
        raise PermissionDenied("macros.use")


def _numbered(macro: Macro) -> list[tuple[int, Step]]:
    return list(enumerate(macro.steps, start=1))


def _do(actor: Any, case: Case, number: int, step: Step, texts: Mapping[int, str]) -> str:
    """One step, on the case as the one before left it."""
    act = ACTS[step["do"]]
    try:
        fresh = Case.objects.select_related("patient", "order", "reason", "team").get(pk=case.pk)
        act.run(actor, fresh, step, texts.get(number, ""))
    except MISHAPS as mishap:
        raise MacroFailed(number, act.words(step), _why(mishap)) from mishap
    return act.words(step)


def _why(mishap: Exception) -> str:
    if isinstance(mishap, PermissionDenied):
        return _("You may not do this.")
    if isinstance(mishap, ObjectDoesNotExist):
        return _("It is not there any more.")
    return " ".join(mishap.messages) if isinstance(mishap, ValidationError) else getattr(mishap, "detail", "")


# --- looking ahead -----------------------------------------------------------------------------------
def ahead(actor: Any, *, case: Case, macro: Macro, texts: Mapping[int, str] | None = None) -> list[Ahead]:
    """What ``run`` would do, step by step: everything is tried and taken back again."""
    require(actor, "macros.use", case)
    _refuse_strange(actor, case, macro)
    failed = _tried(actor, case, macro, texts or {})
    return [_ahead(actor, case, number, step, texts or {}, failed) for number, step in _numbered(macro)]


def _tried(actor: Any, case: Case, macro: Macro, texts: Mapping[int, str]) -> MacroFailed | None:
    with transaction.atomic():
        try:
            with transaction.atomic():
                for number, step in _numbered(macro):
                    _do(actor, case, number, step, texts)
                raise _TakenBack
        except _TakenBack:
            return None
        except MacroFailed as failed:
            return failed


class _TakenBack(Exception):
    """All went well; nothing of it stays."""


def _ahead(
    actor: Any, case: Case, number: int, step: Step, texts: Mapping[int, str], failed: MacroFailed | None
) -> Ahead:
    act = ACTS[step["do"]]
    problem = failed.why if failed is not None and failed.number == number else ""
    if not allowed(actor, act.permission):
        problem = _("You may not do this.")
    return Ahead(number, act.words(step), texts.get(number) or _text(actor, case, step), problem)


def _text(actor: Any, case: Case, step: Step) -> str:
    if step["do"] != "reply":
        return ""
    try:
        return canned.fill(actor, macro_steps.reply_for(case, step["canned"]), case).body
    except ValidationError:
        return ""


# --- keeping -----------------------------------------------------------------------------------------
def keep(actor: Any, macro: Macro) -> Macro:
    """Save a macro as its next version. Raises ValidationError that names each step that can't be run."""
    wording.keep(actor, macro)
    return macro


def check(macro: Macro) -> None:
    wording.refuse(channels=wording.channels_wrong(macro.channels), steps=_steps_wrong(macro.steps))


def _steps_wrong(steps: Any) -> str:
    if not isinstance(steps, list) or not steps:
        return _("A macro is a list of steps, one at least.")
    if len(steps) > MOST_STEPS:
        return _("A macro has at most %(most)d steps.") % {"most": MOST_STEPS}
    told = [(number, macro_steps.wrong(step)) for number, step in enumerate(steps, start=1)]
    if wrong := [_("Step %(number)d: %(why)s") % {"number": n, "why": why} for n, why in told if why]:
        return " ".join(wrong)
    closes = [step["do"] for step in steps].count("close")
    if closes > 1 or (closes and steps[-1]["do"] != "close"):
        return _("A case is closed by the last step, and once.")
    return ""


wording.CHECKS[Macro] = check
