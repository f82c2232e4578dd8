"""What an agent says first: an opening for each channel, part by part (R-CASE-4).

One for the phone is measured at the pace of a person who reads aloud, and refused where it takes too long.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from cases import facts, wording
from cases.models import Case, Message, OpeningScript
from config.security.normal import is_blank
from portal.access import require
from portal.levels import IDENTIFIED

WORDS_A_MINUTE = 150
WORD = re.compile(r"\w[\w'’-]*")
LONGEST_SECONDS = 30
PARTS = ("greeting", "account", "identifiers", "reason")
ASKED_OF_STRANGERS = ("account", "identifiers")


@dataclass(frozen=True)
class Opening:
    """The lines to say, and how long they take aloud where they are said on the phone."""

    lines: list[str]
    seconds: int | None


def keep(actor: Any, script: OpeningScript) -> OpeningScript:
    """Save an opening as its next version. Raises ValidationError, by field."""
    wording.keep(actor, script)
    return script


def check(script: OpeningScript) -> None:
    texts = {part: getattr(script, part) for part in PARTS}
    wrong = {part: _wrong(part, text) for part, text in texts.items()}
    if script.channel == "phone" and not any(wrong.values()):
        wrong["greeting"] = _too_long(texts.values())
    wording.refuse(**wrong)


def _wrong(part: str, text: str) -> str:
    if is_blank(text):
        return _("Every opening has this part.")
    if unknown := facts.unknown_in(text):
        return _("There is no such fact: %(names)s.") % {"names": ", ".join(unknown)}
    if part == "greeting" and "{agent_name}" not in text:
        return _("Let the agent give their name: {agent_name}.")
    return ""


def _too_long(texts: Iterable[str]) -> str:
    seconds = aloud(texts)
    if seconds <= LONGEST_SECONDS:
        return ""
    words = _("Read aloud this takes %(seconds)d seconds. %(most)d are the most: leave out %(words)d words.")
    over = ceil((seconds - LONGEST_SECONDS) * WORDS_A_MINUTE / 60)
    return words % {"seconds": seconds, "most": LONGEST_SECONDS, "words": over}


def aloud(texts: Iterable[str]) -> int:
    """Seconds it takes to read, rounded up; a fact counts as many words as it is spoken in."""
    count = 0
    for text in texts:
        named = (match[1] for match in facts.PLACE.finditer(text))
        count += sum(facts.FACTS[name].spoken for name in named if name in facts.FACTS)
        count += len(WORD.findall(facts.PLACE.sub(" ", text)))
    return ceil(count * 60 / WORDS_A_MINUTE)


def opening(actor: Any, case: Case) -> Opening | None:
    """What to say first on a case nobody of ours has spoken on yet; None later, and where there is no script.

    Whoever has proved who they are is not asked again. The caller has opened the case.
    """
    require(actor, "cases.work")
    if case.state == "closed" or _spoken_on(case):
        return None
    script = script_for(actor, case)
    if script is None:
        return None
    known = facts.of(actor, case)
    parts = [part for part in PARTS if part not in ASKED_OF_STRANGERS or known.standing.level < IDENTIFIED]
    with translation.override(script.language):
        lines = [facts.spoken(getattr(script, part), known) for part in parts]
    return Opening(lines, aloud(lines) if case.channel == "phone" else None)


def _spoken_on(case: Case) -> bool:
    ours = Message.objects.filter(
        conversation__case=case, kind="reply", author_role__in=("agent", "supervisor")
    )
    return bool(ours.exists())


def script_for(actor: Any, case: Case) -> OpeningScript | None:
    """In the customer's language, the team's own before the one for everybody."""
    found = OpeningScript.objects.filter(channel=case.channel, active=True).prefetch_related("teams")
    teams = wording.teams_of(actor, case)
    fit = [script for script in found if not _of(script) or _of(script) & teams]
    spoken = wording.in_language(fit, wording.language_of(case), "channel")
    return min(spoken, key=lambda script: (not _of(script), script.pk), default=None)


def _of(script: OpeningScript) -> set[int]:
    return {team.pk for team in script.teams.all()}


wording.CHECKS[OpeningScript] = check
