"""Replies kept ready: filled with what is on the case, and held back until they speak to this customer.

``{patient_first_name}`` and the other names of ``facts.FACTS`` are filled in here. ``{... what to write}`` is a
slot that the agent writes. The server refuses what still has any in it, a reply kept ready that lost the
customer's name or says nothing of their order, and a notice about an order without its dates (R-CASE-4, 5).
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, F, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from cases import facts as known
from cases import outside, wording
from cases.facts import OF_ORDER, SLOT
from cases.models import CannedReply, CannedUse, Case
from portal.access import require

BIGGEST = 10  # digits of an id
OF_LATE = timedelta(days=90)
AROUND = 24  # letters beside a slot by which its place is known again
BRACE = re.compile(r"[{}]")


@dataclass(frozen=True)
class Filled:
    """A reply for a case, and what of it nobody could fill. ``made_from`` comes back with the message."""

    body: str
    missing: list[str]
    made_from: str = ""


# --- choosing ----------------------------------------------------------------------------------------
def offered(actor: Any, case: Case, *, language: str = "", query: str = "") -> list[CannedReply]:
    """Replies for the case's channel and the teams at hand, in the patient's language where there is one.

    What is used most comes first; with ``query`` what it names in its shortcut, then title, then text.
    """
    require(actor, "cases.work")
    wanted = language or wording.language_of(case)
    found = CannedReply.objects.filter(active=True, language__in={wanted, "en"}).prefetch_related("teams")
    teams = wording.teams_of(actor, case)
    fit = [reply for reply in found if _fits(reply, case, teams)]
    spoken = wording.in_language((reply for reply in fit if _is_about(reply, case)), wanted, "shortcut")
    ranked = [(rank, reply) for reply in spoken if (rank := _rank(reply, query)) is not None]
    return [reply for _rank_of, reply in sorted(ranked, key=_first)]


def may_use(actor: Any, case: Case, reply: CannedReply) -> bool:
    """Whether a reply is for this case's channel and one of the teams at hand."""
    return _fits(reply, case, wording.teams_of(actor, case))


def _fits(reply: CannedReply, case: Case, teams: set[int]) -> bool:
    """What is written on a call is read in the portal."""
    channels = ("phone", "portal") if case.channel == "phone" else (case.channel,)
    return any(wording.fits(reply, channel=channel, teams=teams) for channel in channels)


def _is_about(reply: CannedReply, case: Case) -> bool:
    return reply.kind != "order_notice" or case.order_id is not None


def _rank(reply: CannedReply, query: str) -> int | None:
    """How well a reply answers a search, 0 the best; None where it does not."""
    asked = query.strip().lower().removeprefix("/")
    texts = (reply.shortcut, reply.title.lower(), reply.body.lower())
    if not asked or texts[0].startswith(asked):
        return 0
    return next((place for place, text in enumerate(texts, start=1) if asked in text), None)


def _first(ranked: tuple[int, CannedReply]) -> tuple[int, int, str]:
    rank, reply = ranked
    return rank, -reply.used, reply.shortcut


# --- filling -----------------------------------------------------------------------------------------
def fill(actor: Any, reply: CannedReply, case: Case) -> Filled:
    """``reply`` with the case's facts in place of their names, its checklist below. What is not known, or not
    open to whom we speak with, stays in braces.
    """
    require(actor, "cases.work", case)
    with translation.override(reply.language):
        body = known.filled(with_checklist(reply.body, reply.checklist), known.of(actor, case))
    return Filled(body, unresolved(body), f"{reply.pk}.{reply.version}" if reply.pk else "")


def with_checklist(body: str, checklist: Any) -> str:
    """What goes out with a form: below the text, one line for each thing to send."""
    if checklist is None or not checklist.active:
        return body
    lines = "\n".join(f"- {item}" for item in checklist.items)
    return f"{body}\n\n{checklist.title}\n{lines}"


def unresolved(body: str) -> list[str]:
    """What of a text is still to be filled in or written. No reply of ours goes out with any."""
    named = [match[0] for match in known.PLACE.finditer(body) if match[1] in known.FACTS]
    return [*named, *SLOT.findall(body)]


# --- sending -----------------------------------------------------------------------------------------
def named(made_from: str) -> tuple[int, int] | None:
    """The reply's id and its version that ``Filled.made_from`` names, or None."""
    pk, _dot, version = made_from.partition(".")
    if not (pk.isdecimal() and version.isdecimal() and len(pk) < BIGGEST and len(version) < BIGGEST):
        return None
    return int(pk), int(version)


def impersonal(actor: Any, case: Case, reply: CannedReply, body: str) -> str:
    """Why a text made from ``reply`` can't go out as it is, in words; "" where it can."""
    facts = known.of(actor, case)
    with translation.override(reply.language):
        name = known.first_name(facts)
        of_order = [known.value(one, facts) for one in OF_ORDER]
        lacking = [one for one in known.needed_of_notice(facts) if not _says(body, known.value(one, facts))]
        unwritten = _slot_left_out(known.filled(with_checklist(reply.body, reply.checklist), facts), body)
    if unwritten:
        return _("Write what this place of the reply asks for: %(slot)s.") % {"slot": unwritten}
    if name and not _says(body, name):
        return _("Say the customer's name: a reply kept ready is made theirs before it is sent.")
    if facts.speaks_of_order and not any(_says(body, value) for value in of_order):
        return _("Say something of the order, its number or its date: that makes the reply theirs.")
    if reply.kind == "order_notice" and lacking:
        names = ", ".join(f"{{{one}}}" for one in lacking)
        return _("A notice about this order must say %(names)s now.") % {"names": names}
    return ""


def _slot_left_out(filled: str, body: str) -> str:
    """The first slot of a reply that was deleted, with nothing written where it stood; "" where none was.

    It was where the words before and after it have come to stand side by side.
    """
    said = _letters(body)
    for slot in SLOT.finditer(filled):
        before = _letters(BRACE.split(filled[: slot.start()])[-1])[-AROUND:]
        after = _letters(BRACE.split(filled[slot.end() :])[0])[:AROUND]
        if _side_by_side(before, after, said):
            return slot[0]
    return ""


def _side_by_side(before: str, after: str, said: str) -> bool:
    if before and after:
        return before + after in said
    return bool(before) and said.endswith(before)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def count_uses() -> int:
    """Note with each reply how often it was sent of late; those used most are offered first."""
    since = timezone.now() - OF_LATE
    lately = CannedUse.objects.filter(reply=OuterRef("pk"), at__gte=since).order_by().values("reply")
    counted = Coalesce(Subquery(lately.annotate(n=Count("pk")).values("n")), 0)
    changed = CannedReply.objects.annotate(lately=counted).exclude(used=F("lately"))
    return sum(
        CannedReply.objects.filter(pk=pk).update(used=n) for pk, n in changed.values_list("pk", "lately")
    )


def _says(body: str, value: str) -> bool:
    return bool(value) and value.casefold() in body.casefold()


# --- keeping -----------------------------------------------------------------------------------------
def keep(actor: Any, reply: CannedReply) -> CannedReply:
    """Save a reply as its next version. Raises ValidationError, by field, for one that could not be sent."""
    wording.keep(actor, reply)
    return reply


def check(reply: CannedReply) -> None:
    """What a supervisor wrote wrongly, by field."""
    named = known.named_in(reply.body)
    unknown = known.unknown_in(reply.body)
    wording.refuse(
        channels=wording.channels_wrong(reply.channels),
        body=_unknown(unknown) or _nameless(reply, named) or _bare_notice(reply, named) or _loose(reply),
    )


def _unknown(unknown: list[str]) -> str:
    return _("There is no such fact: %(names)s.") % {"names": ", ".join(unknown)} if unknown else ""


def _nameless(reply: CannedReply, named: set[str]) -> str:
    return "" if "patient_first_name" in named else _("Put the customer's name in: {patient_first_name}.")


def _bare_notice(reply: CannedReply, named: set[str]) -> str:
    if reply.kind != "order_notice" or "delivery_facts" in named or named.issuperset(known.NOTICE_SHIPPED):
        return ""
    return _(
        "A notice about an order carries {delivery_facts}, or {tracking_link}, {shipped_date} and "
        "{delivery_window}."
    )


def _loose(reply: CannedReply) -> str:
    """What may not leave the house, where the reply is meant to."""
    if not set(reply.channels) & outside.CHANNELS:
        return ""
    return outside.wrong_in_template(reply.body)


wording.CHECKS[CannedReply] = check
