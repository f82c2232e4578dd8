"""The acts a macro may be made of: what each needs, how it reads, and the rule it goes through.

ACTS is the registry. A step is an object such as ``{"do": "tag", "tags": ["vip"]}``: ``do`` names the act, the
rest is what it needs. Nothing is done here but by the rule that does it everywhere else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cases import (
    calendars,
    canned,
    cases,
    conversations,
    escalation,
    facts,
    playbooks,
    snoozing,
    tags,
    wording,
)
from cases.models import CannedReply, Case, Playbook, Reason, Tag, Team
from cases.models.escalation import LANES

MOST_HOURS = 24 * 60
UP = ("specialist", "manager")  # a clinical one needs what the patient says, and is begun by hand
Step = dict[str, Any]


@dataclass(frozen=True)
class Act:
    """``needs``: names with the types they take; ``may``: those that can be left out.

    ``wrong`` gives what is wrong with a step in words, "" where it is right. ``words`` says what it will do.
    ``run`` does it; ``text`` is what the agent wrote over the step's own text, "" where nothing.
    """

    label: Any
    permission: str
    needs: dict[str, type]
    run: Callable[[Any, Case, Step, str], Any]
    words: Callable[[Step], str]
    wrong: Callable[[Step], str] = lambda step: ""
    may: frozenset[str] = frozenset()


def _choice(step: Step, name: str, known: Any) -> str:
    """Empty where the step's ``name`` is one of ``known``, which are told else."""
    if step.get(name) in known:
        return ""
    return _("%(name)s must be one of: %(known)s.") % {"name": name, "known": ", ".join(map(str, known))}


def _in_use(model: Any, name: str, value: Any) -> str:
    if model.objects.filter(**{name: value}).exists():
        return ""
    return _("There is no %(what)s %(value)s.") % {"what": model._meta.verbose_name, "value": value}


# --- reply and note ----------------------------------------------------------------------------------
def reply_for(case: Case, shortcut: str) -> CannedReply:
    """The reply in the customer's language. Raises ValidationError where it is not in use any more."""
    found = CannedReply.objects.filter(shortcut=shortcut, active=True).select_related("checklist")
    spoken = wording.in_language(found, wording.language_of(case), "shortcut")
    if not spoken:
        raise ValidationError(_("The reply /%(name)s is not in use.") % {"name": shortcut})
    first: CannedReply = spoken[0]
    return first


def _reply(actor: Any, case: Case, step: Step, text: str) -> None:
    filled = canned.fill(actor, reply_for(case, step["canned"]), case)
    thread = conversations.thread_of(case)
    conversations.reply(actor, conversation=thread, body=text or filled.body, made_from=filled.made_from)


def _note(actor: Any, case: Case, step: Step, text: str) -> None:
    body = facts.filled(step["text"], facts.of(actor, case))
    conversations.note(actor, conversation=conversations.thread_of(case), body=body)


# --- where it goes -----------------------------------------------------------------------------------
def _assign(actor: Any, case: Case, step: Step, text: str) -> None:
    if step["to"] == "nobody":
        cases.release(actor, case=case)
    else:
        cases.assign(actor, case=case, to=actor)


def _transfer(actor: Any, case: Case, step: Step, text: str) -> None:
    team = Team.objects.filter(code=step["team"]).first()
    if team is None:
        raise ValidationError(_in_use(Team, "code", step["team"]))
    cases.transfer(actor, case=case, team=team, note=step.get("note", ""))


def _escalate(actor: Any, case: Case, step: Step, text: str) -> None:
    escalation.escalate(actor, case=case, lane=step["lane"], why=step["why"])


def _playbook(actor: Any, case: Case, step: Step, text: str) -> None:
    found = Playbook.objects.filter(code=step["code"]).first()
    if found is None:
        raise ValidationError(_in_use(Playbook, "code", step["code"]))
    playbooks.start(actor, case=case, playbook=found)


# --- what it is --------------------------------------------------------------------------------------
def _tags_wrong(step: Step) -> str:
    known = set(Tag.objects.filter(name__in=step["tags"], active=True).values_list("name", flat=True))
    missing = [str(name) for name in step["tags"] if name not in known]
    return _("No such tag: %(names)s.") % {"names": ", ".join(missing)} if missing else ""


def _snooze(actor: Any, case: Case, step: Step, text: str) -> None:
    until = calendars.add(calendars.supplier(), timezone.now(), 60 * step["hours"])
    snoozing.snooze(actor, case=case, until=until, only_then=step.get("only_then", False))


def _close(actor: Any, case: Case, step: Step, text: str) -> None:
    reason = Reason.objects.filter(code=step.get("reason", "")).first()
    next_step = facts.filled(step["next_step"], facts.of(actor, case))
    cases.close(actor, case=case, disposition=step["disposition"], next_step=next_step, reason=reason)


def _close_wrong(step: Step) -> str:
    reason = step.get("reason")
    return _choice(step, "disposition", dict(Case.DISPOSITIONS)) or (
        _in_use(Reason, "code", reason) if reason else ""
    )


def _named(choices: Any, value: Any) -> str:
    return str(dict(choices).get(value, value))


ACTS: dict[str, Act] = {
    "reply": Act(
        gettext_lazy("Send a reply kept ready"), "cases.work", {"canned": str}, _reply,
        lambda step: _("Send /%(name)s to the customer.") % {"name": step["canned"]},
        lambda step: _in_use(CannedReply, "shortcut", step["canned"]),
    ),
    "note": Act(
        gettext_lazy("Write a note"), "cases.work", {"text": str}, _note,
        lambda step: _("Write a note: %(text)s") % {"text": step["text"]},
    ),
    "assign": Act(
        gettext_lazy("Take the case, or put it back"), "cases.assign", {"to": str}, _assign,
        lambda step: _("Make the case yours.") if step["to"] == "me" else _("Put the case back."),
        lambda step: _choice(step, "to", ("me", "nobody")),
    ),
    "transfer": Act(
        gettext_lazy("Hand on to a team"), "cases.work", {"team": str, "note": str}, _transfer,
        lambda step: _("Hand the case on to the team %(team)s.") % {"team": step["team"]},
        lambda step: _in_use(Team, "code", step["team"]), frozenset({"note"}),
    ),
    "tag": Act(
        gettext_lazy("Add tags"), "cases.work", {"tags": list},
        lambda actor, case, step, text: tags.add_tags(actor, case=case, tags=step["tags"]),
        lambda step: _("Add tags: %(names)s.") % {"names": ", ".join(map(str, step["tags"]))}, _tags_wrong,
    ),
    "priority": Act(
        gettext_lazy("Set the priority"), "cases.work", {"priority": int},
        lambda actor, case, step, text: cases.change(actor, case=case, priority=step["priority"]),
        lambda step: _("Set the priority to %(name)s.") % {"name": _named(Case.PRIORITIES, step["priority"])},
        lambda step: _choice(step, "priority", dict(Case.PRIORITIES)),
    ),
    "wait": Act(
        gettext_lazy("Wait for somebody"), "cases.work", {"on": str},
        lambda actor, case, step, text: cases.wait(actor, case=case, on=step["on"]),
        lambda step: _("Wait for: %(who)s.") % {"who": _named(Case.WAITED_FOR, step["on"])},
        lambda step: _choice(step, "on", dict(Case.WAITED_FOR)),
    ),
    "snooze": Act(
        gettext_lazy("Snooze for business hours"), "cases.work", {"hours": int, "only_then": bool}, _snooze,
        lambda step: ngettext(
            "Snooze for %(count)d business hour.", "Snooze for %(count)d business hours.", step["hours"]
        ) % {"count": step["hours"]},
        lambda step: "" if 0 < step["hours"] <= MOST_HOURS else _("hours must be between 1 and 1440."),
        frozenset({"only_then"}),
    ),
    "escalate": Act(
        gettext_lazy("Escalate"), "cases.escalate", {"lane": str, "why": str}, _escalate,
        lambda step: _("Escalate to: %(lane)s.") % {"lane": _named(LANES, step["lane"])},
        lambda step: _choice(step, "lane", UP),
    ),
    "playbook": Act(
        gettext_lazy("Start a playbook"), "playbooks.run", {"code": str}, _playbook,
        lambda step: _("Start the playbook %(code)s.") % {"code": step["code"]},
        lambda step: _in_use(Playbook, "code", step["code"]),
    ),
    "close": Act(
        gettext_lazy("Close the case"), "cases.work", {"disposition": str, "next_step": str, "reason": str},
        _close,
        lambda step: _("Close the case: %(how)s.") % {"how": _named(Case.DISPOSITIONS, step["disposition"])},
        _close_wrong, frozenset({"reason"}),
    ),
}  # fmt: skip


def wrong(step: Any) -> str:
    """What is wrong with one step of a macro, in words; "" where it can be run."""
    if not isinstance(step, dict) or step.get("do") not in ACTS:
        return _("do must be one of: %(known)s.") % {"known": ", ".join(ACTS)}
    act = ACTS[step["do"]]
    if unknown := sorted(set(step) - {"do"} - set(act.needs)):
        return _("%(do)s takes no %(names)s.") % {"do": step["do"], "names": ", ".join(unknown)}
    for name, kind in act.needs.items():
        if name in step and (type(step[name]) is not kind or step[name] in ("", [])):
            return _("%(name)s must be %(kind)s.") % {"name": name, "kind": KINDS[kind]}
        if name not in step and name not in act.may:
            return _("%(do)s needs %(name)s.") % {"do": step["do"], "name": name}
    return act.wrong(step)


KINDS = {
    str: gettext_lazy("a text"),
    int: gettext_lazy("a whole number"),
    bool: gettext_lazy("true or false"),
    list: gettext_lazy("a list"),
}
