"""A playbook on paper: two tagged pages, with the names the rota gives and the clocks that hold as it is printed.

What is printed goes to typst as data; no text of a playbook is ever read as markup.
"""

import io
import json
from datetime import timedelta
from typing import Any

import typst
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from pypdf import PdfReader

from cases import playbook_content, rota
from cases.models import EscalationPolicy, Playbook, PlaybookVersion, SlaPolicy
from cases.people import shown_name
from cases.playbook_content import IDENTIFIERS, KINDS, LANES, TYPES, Branch, Content, Field, Step
from config.business_day import business_day
from portal import saying
from portal.access import require

SOURCE = settings.BASE_DIR / "templates" / "cases" / "print" / "playbook.typ"
MOST_PAGES = 2
POINTS = (10, 9.5, 9, 8.5, 8, 7.5, 7, 6.5)


def pdf(actor: Any, *, version: PlaybookVersion, language: str = "en") -> bytes:
    """The version as a PDF, in the largest type that fits two pages. ValidationError where none does."""
    require(actor, "playbooks.run")
    with translation.override(language):
        told = _told(version, language)
        for points in POINTS:
            made = _set(told | {"points": points})
            if pages(made) <= MOST_PAGES:
                return made
        raise ValidationError(_("It does not fit two pages: shorten its words."))


def pages(made: bytes) -> int:
    return len(PdfReader(io.BytesIO(made)).pages)


def _set(told: dict[str, Any]) -> bytes:
    made: bytes = typst.compile(
        SOURCE,
        format="pdf",
        pdf_standards="ua-1",
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(told)},
    )
    return made


# --- what stands on it -------------------------------------------------------------------------------
def _told(version: PlaybookVersion, language: str) -> dict[str, Any]:
    content = playbook_content.read(version.content)
    places = {code: number for number, code in enumerate(content.steps, start=1)}
    return {
        "title": version.playbook.title,
        "supplier": str(settings.SUPPLIER_NAME),
        "lang": language,
        "purpose": content.purpose,
        "version": _version(version),
        "printed": _("Printed %(moment)s") % {"moment": saying.moment(timezone.now())},
        "verify": _verify(content),
        "fields": [{"label": one.label, "about": _about(one)} for one in content.fields.values()],
        "steps": [_step(content, one, places, language) for one in content.steps.values()],
        "escalation": [
            _path(path.lane, path.when, policy)
            for path in content.escalation
            for policy in _called(version.playbook, path.lane)
        ],
        "clocks": _clocks(version) or [_("No policy is in force.")],
        "words": {
            "verify": _("Who is it"),
            "collect": _("What to collect"),
            "steps": _("Step by step"),
            "escalation": _("Whom to call"),
            "clocks": _("By when"),
        },
    }


def _version(version: PlaybookVersion) -> str:
    if version.effective_from is None:
        return _("Version %(number)d, a draft") % {"number": version.number}
    since = saying.day(version.effective_from)
    return _("Version %(number)d, in force from %(day)s") % {"number": version.number, "day": since}


def _verify(content: Content) -> str:
    if not content.level:
        return _("Anybody may be helped; nothing of a record is opened.")
    names = ", ".join(str(IDENTIFIERS[name]) for name in content.identifiers)
    words = _("Level %(level)d. Two of: %(names)s.") % {"level": content.level, "names": names}
    stronger = _("For level 2 a code from the portal, a code sent, or a call back to a contact of old.")
    asks_more = any(step.level == 2 for step in content.steps.values())
    return f"{words} {stronger}" if asks_more else words


def _about(field: Field) -> str:
    kind = ", ".join(label for _value, label in field.choices) if field.choices else str(TYPES[field.type])
    notes = [kind.lower() if not field.choices else kind]
    if field.least or field.most:
        notes.append(_("%(least)s to %(most)s") % {"least": field.least or "…", "most": field.most or "…"})
    if not field.required:
        notes.append(_("optional"))
    return f"({'; '.join(notes)})"


def _step(content: Content, step: Step, places: dict[str, int], language: str) -> dict[str, Any]:
    asks = ", ".join(content.fields[name].label for name in step.fields)
    kind = str(KINDS[step.kind]).lower()
    return {
        "number": places[step.code],
        "title": step.title,
        "kind": _("%(kind)s, level %(level)d") % {"kind": kind, "level": step.level} if step.level else kind,
        "script": content.script(step, "phone", language),
        "guide": step.guide,
        "asks": _("Ask: %(fields)s.") % {"fields": asks} if asks else "",
        "goes": _goes(content, step, places),
    }


def _goes(content: Content, step: Step, places: dict[str, int]) -> str:
    """``If it is late: 7. Not verified: 9. Else 4.``; nothing where the next step is simply the next."""
    ways = [f"{_words(content, branch)}: {places[branch.then]}." for branch in step.branches]
    if step.failed:
        ways.append(_("Not verified: %(step)d.") % {"step": places[step.failed]})
    if step.next and (ways or places[step.next] != places[step.code] + 1):
        ways.append((_("Else %(step)d.") if ways else _("Go to %(step)d.")) % {"step": places[step.next]})
    return " ".join(ways)


def _words(content: Content, branch: Branch) -> str:
    return branch.words or playbook_content.all_of(branch.when, content.fields)


def _called(playbook: Playbook, lane: str) -> list[EscalationPolicy | None]:
    """The lane's policies for the families of the reasons it is offered on, as escalation.policy_for has them;
    None alone where nobody is named.
    """
    known = EscalationPolicy.objects.filter(lane=lane, active=True).select_related("rota").order_by("family")
    by_family = {policy.family: policy for policy in known}
    families = sorted(set(playbook.reasons.values_list("family", flat=True)) or {""})
    found = [by_family.get(family) or by_family.get("") for family in families]
    called = list(dict.fromkeys(policy for policy in found if policy is not None))
    return [*called] or [next(iter(by_family.values()), None)]


def _path(lane: str, when: str, policy: EscalationPolicy | None) -> dict[str, str]:
    """Who is called in a lane: the roles of its chain, and whom the rota names as it is printed."""
    if policy is None:
        return {"lane": str(LANES[lane]), "when": when, "who": _("(nobody is named yet)")}
    chain = [str(step.get_who_display()) for step in policy.steps.all()]
    on_duty = rota.on_duty(policy.rota, timezone.now()) if policy.rota else []
    names = ", ".join(shown_name(person) for person in on_duty) or _("see the rota")
    times = _("Taken on in %(acknowledge)s, solved in %(resolve)s.") % {
        "acknowledge": _lasting(timedelta(minutes=policy.acknowledge_minutes)),
        "resolve": _lasting(timedelta(minutes=policy.resolve_minutes)),
    }
    who = _("Calls %(chain)s. On duty now: %(names)s.") % {"chain": ", ".join(chain) or "…", "names": names}
    return {"lane": str(LANES[lane]), "when": when, "who": f"{who} {times}"}


def _clocks(version: PlaybookVersion) -> list[str]:
    """The policies that may hold for a case of its reasons, a line for each."""
    today, reasons = business_day(), list(version.playbook.reasons.all())
    families = {reason.family for reason in reasons}
    about = Q(reason__in=reasons) | Q(reason=None, reason_family__in={"", *families})
    in_force = Q(effective_until=None) | Q(effective_until__gte=today)
    found = SlaPolicy.objects.filter(about, in_force, active=True, effective_from__lte=today)
    rows = found.prefetch_related("targets__calendar").order_by("pk").distinct()
    return [f"{policy.name}: {targets}" for policy in rows if (targets := _targets(policy))]


def _targets(policy: SlaPolicy) -> str:
    return ", ".join(
        f"{str(target.get_kind_display()).lower()} {_lasting(target.within)}"
        for target in policy.targets.all()
    )


def _lasting(span: timedelta) -> str:
    """``45 s``, ``20 min``, ``4 h`` or ``3 d``: whole units, as targets are set."""
    seconds = int(span.total_seconds())
    for size, unit in ((86400, _("d")), (3600, _("h")), (60, _("min"))):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
