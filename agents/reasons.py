"""Why a contact came to an agent, in words. What is kept of a decision are codes and figures alone."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.models import Offer, Skill
from agents.placement import LANES
from cases.models import Case, Reason
from cases.people import shown_name

MINUTE, HOUR, DAY = 60, 3600, 86400


def skill_names() -> dict[str, str]:
    return dict(Skill.objects.values_list("code", "name"))


def in_words(offer: Offer, names: Mapping[str, str] | None = None) -> str:
    """One short line for whoever was chosen and whoever wonders. ``names`` are those of ``skill_names``."""
    if offer.giver is not None:
        given = _("Handed on by %(name)s at the end of their shift") if offer.kind == "baton" else _(
            "Handed on by %(name)s"
        )  # fmt: skip
        return given % {"name": shown_name(offer.giver)}
    return said(offer.why, skill_names() if names is None else names)


def said(why: dict[str, Any], names: Mapping[str, str]) -> str:
    """What a decision tells of itself; skills without a name among ``names`` are told by their code."""
    return " · ".join(part for part in (*_place(why), _choice(why, names)) if part)


def _place(why: dict[str, Any]) -> list[str]:
    """What put it so far ahead."""
    lane = dict(Reason.LANES).get(why["lane"], "") if why.get("lane") in LANES else ""
    urgent = dict(Case.PRIORITIES).get(why.get("priority", 3), "") if why.get("priority", 3) < 3 else ""
    waited = _("waited %(time)s") % {"time": lasting(why["waited"])} if why.get("waited", 0) >= MINUTE else ""
    due = why.get("due_in")
    promised = "" if due is None else (
        _("due in %(time)s") % {"time": lasting(due)} if due > 0 else _("overdue by %(time)s") % {"time": lasting(-due)}
    )  # fmt: skip
    return [str(part) for part in (lane, urgent, promised, waited)]


def _choice(why: dict[str, Any], names: Mapping[str, str]) -> str:
    """What made it theirs."""
    rule = {
        "last_agent": _("had this customer last"),
        "fewest": _("carries the least of those who can take it"),
        "turn": _("next in turn among equals"),
    }.get(why.get("rule", ""), "")
    asked = ", ".join(names.get(code, code) for code in why.get("skills", []))
    parts = [rule, _("asks for %(skills)s") % {"skills": asked} if asked else ""]
    if why.get("widened"):
        parts.append(_("waited long enough that less skill is asked"))
    return " · ".join(part for part in parts if part)


def lasting(seconds: int) -> str:
    if seconds < HOUR:
        minutes = max(seconds // MINUTE, 1)
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    if seconds < DAY:
        hours = seconds // HOUR
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    days = seconds // DAY
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
