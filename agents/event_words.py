"""What an event of a case tells besides its kind: to whom, until when, what it is to another case, and why."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents import reasons
from agents.models import Offer
from cases.models import Case, CaseLink
from cases.models.cases import CHANNELS
from portal.models import Verification

TIES = dict(CaseLink.KINDS) | {
    "parent": gettext_lazy("stands under"),
    "repeat": gettext_lazy("repeat of"),
    "follows_on": gettext_lazy("takes up"),
    "followed_on": gettext_lazy("taken up by"),
    "taken back": gettext_lazy("taken back"),
}
CIRCUMSTANCES = {
    "died": gettext_lazy("a death was written down"),
    "death_told": gettext_lazy("a death was told of by somebody not verified; a lead confirms it, or not"),
    "alive": gettext_lazy("a death was taken back"),
    "stay": gettext_lazy("a stay in a facility began"),
    "home": gettext_lazy("a stay in a facility ended"),
    "needs": gettext_lazy("how to speak with them"),
}


def of(detail: dict[str, Any]) -> list[str]:
    """In the order they are read."""
    words = [str(say(detail[name])) for name, say in TOLD.items() if detail.get(name)]
    if detail.get("only_then"):
        words.append(_("wakes only then"))
    if "passed" in detail:
        words += [
            str(dict(Verification.HOW)[detail["how"]]),
            str(_("passed") if detail["passed"] else _("failed")),
        ]
    return words


def _moment(text: str) -> str:
    at = datetime.fromisoformat(text).astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))
    return _("until %(moment)s") % {"moment": formats.date_format(at, "D j M, H:i")}


TOLD: dict[str, Callable[[Any], Any]] = {
    "kind": lambda kind: TIES.get(kind, kind),
    "to": str,
    "from": lambda number: _("from %(number)s") % {"number": number},
    "by": str,
    "disposition": lambda code: dict(Case.DISPOSITIONS).get(code, ""),
    "waiting_on": lambda code: _("waits for: %(who)s") % {"who": dict(Case.WAITED_FOR).get(code, code)},
    "to_channel": lambda code: _("belongs on: %(channel)s") % {"channel": dict(CHANNELS).get(code, code)},
    "answer": lambda state: dict(Offer.STATES).get(state, ""),
    "for": lambda reason: dict(Offer.REASONS).get(reason, ""),
    "why": lambda why: reasons.said(why, {}),
    "until": _moment,
    "cause": str,
    "circumstance": lambda what: CIRCUMSTANCES.get(what, what),
}
