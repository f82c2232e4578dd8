"""The words of a step: which languages they stand in, what they name, and what may not stand in the open."""

import re
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from cases import outside
from cases import playbook_content as pc
from cases.facts import FACTS
from cases.playbook_content import Content, Step
from config.security.normal import is_blank

VARIABLE = re.compile(r"\{([^{}]*)\}")
LONGEST, LONGEST_SMS = 1200, 320


def problems_of_words(content: Content, step: Step) -> Iterator[str]:
    if step.kind not in pc.SPOKEN:
        if step.scripts:
            yield _("has words for the customer, but its kind says nothing to them.")
        return
    if unknown := sorted(set(step.scripts) - {"any", *pc.CHANNELS}):
        yield _("has words for “%(name)s”, which is no channel.") % {"name": unknown[0]}
    if "any" not in step.scripts and not {"phone", "chat", "portal"} <= set(step.scripts):
        yield _("has no words for every channel: write those for any channel.")
    for channel, by_language in step.scripts.items():
        yield from _languages(channel, by_language)
        for words in by_language.values():
            yield from _one(content, step, channel, words)


def _languages(channel: str, by_language: Mapping[str, str]) -> Iterator[str]:
    names = {"en": _("English"), "es": _("Spanish")}
    for language in pc.LANGUAGES:
        if is_blank(by_language.get(language, "")):
            yield _("its words for %(channel)s are missing in %(language)s.") % {
                "channel": channel,
                "language": names[language],
            }
    if unknown := sorted(set(by_language) - set(pc.LANGUAGES)):
        yield _("has words in “%(name)s”, a language we do not speak.") % {"name": unknown[0]}


def _one(content: Content, step: Step, channel: str, words: str) -> Iterator[str]:
    named = VARIABLE.findall(words)
    if unknown := [name for name in named if name not in FACTS and name not in content.fields]:
        yield _("names {%(name)s}, which is neither a fact of the case nor a field.") % {"name": unknown[0]}
    if early := [name for name in named if name in FACTS and FACTS[name].what and step.level < 1]:
        yield _("tells {%(name)s} to somebody who is not verified: give it level 1.") % {"name": early[0]}
    if channel in outside.CHANNELS:
        yield from _in_the_open(named, channel, words)
    if len(words) > (LONGEST_SMS if channel == "sms" else LONGEST):
        yield _("its words for %(channel)s are too long.") % {"channel": channel}


def _in_the_open(named: list[str], channel: str, words: str) -> Iterator[str]:
    if kept := [name for name in named if name not in outside.MAY]:
        yield _("{%(name)s} may not stand in %(channel)s.") % {"name": kept[0], "channel": channel}
    for kind in outside.found_in(words):
        yield _("%(channel)s may not hold %(what)s.") % {"channel": channel, "what": outside.KINDS[kind]}
