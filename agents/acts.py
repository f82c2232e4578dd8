"""What an agent can begin on a case beyond answering it: the menu in its heading, the palette and the keys.

ACTS is the registry: a subject adds a line here and shows its own dialog at the address it names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cases import surveys
from cases.models import Case
from portal.access import allowed
from portal.models import User


def _is_open(case: Case) -> bool:
    return case.state != "closed"


def _any(case: Case) -> bool:
    return True


def _always(case: Case) -> bool:
    return True


def _of_patient(case: Case) -> bool:
    return case.patient_id is not None


def _waits_for_lead(case: Case) -> bool:
    return case.state == "closed" and surveys.waits_for_lead(case) is not None


@dataclass(frozen=True)
class Act:
    """``url`` is reversed with the case's number and opens as a dialog. ``key`` is its letter, if it has one."""

    code: str
    label: Any
    icon: str
    url: str
    permission: str
    key: str = ""
    fits: Callable[[Case], bool] = _is_open


@dataclass(frozen=True)
class Offered:
    """An act with the address it has for one case."""

    act: Act
    address: str


ACTS: list[Act] = [
    Act(
        "verify",
        _("Verify caller"),
        "user-check",
        "agents:case-verify",
        "verification.attempt",
        fits=_of_patient,
    ),
    Act(
        "break-glass",
        _("Emergency access"),
        "siren",
        "agents:case-break-glass",
        "break_glass.use",
        fits=_of_patient,
    ),
    Act("why", _("Why me? Who was asked, and why"), "route", "agents:case-why", "cases.view"),
    Act(
        "needs",
        _("How to speak with them"),
        "languages",
        "agents:case-needs",
        "patients.change",
        fits=_of_patient,
    ),
    Act("stay", _("Stay in a facility"), "hospital", "agents:case-stay", "patients.change", fits=_of_patient),
    Act(
        "died",
        _("This patient has died"),
        "flower-2",
        "agents:case-died",
        "patients.change",
        fits=_of_patient,
    ),
    Act(
        "complaint",
        _("Enter a complaint"),
        "message-square-warning",
        "agents:case-complaint",
        "complaints.work",
    ),
    Act("incident", _("Part of a mass incident"), "waypoints", "agents:case-incident", "cases.work"),
    Act("playbook", _("Playbook"), "list-checks", "agents:case-playbooks", "playbooks.run", key="p"),
    Act("macro", _("Run a macro"), "zap", "agents:case-macros", "macros.use", key="m"),
    Act("subject", _("Subject line"), "text-cursor-input", "agents:case-subject", "cases.work"),
    Act(
        "low-score",
        _("See to the low score"),
        "frown",
        "agents:case-low-score",
        "floor.manage",
        fits=_waits_for_lead,
    ),
    Act("clocks", _("Clocks"), "timer", "agents:case-clocks", "cases.view", fits=_any),
    Act("escalate", _("Escalate"), "siren", "agents:case-escalate", "cases.escalate"),
    Act("snooze", _("Snooze"), "moon", "agents:case-snooze", "cases.work", key="z"),
    Act("change", _("Change reason, priority or order"), "pencil", "agents:case-change", "cases.work"),
    Act("tags", _("Tags"), "tag", "agents:case-tags", "cases.work"),
    Act(
        "merge",
        _("Merge cases"),
        "merge",
        "agents:case-merge",
        "cases.merge",
        fits=lambda case: _is_open(case) and _of_patient(case),
    ),
    Act("split", _("Split the case"), "split", "agents:case-split", "cases.work"),
    Act("link", _("Link to a case"), "link", "agents:case-link", "cases.work", fits=_always),
    Act("parent", _("Put under another case"), "network", "agents:case-parent", "cases.work"),
    Act("wait-on", _("Wait for somebody"), "hourglass", "agents:case-wait-on", "cases.work"),
    Act("follow", _("Follow, or no longer"), "bell", "agents:case-follow", "cases.work", fits=_always),
    Act("side", _("Write to prescriber or carrier"), "mails", "agents:case-side", "cases.work"),
    Act("callback", _("Promise a call"), "phone-outgoing", "agents:case-callback", "cases.work"),
]


def of(actor: User, case: Case) -> list[Offered]:
    """What ``actor`` may begin on ``case`` now."""
    return [
        Offered(act, reverse(act.url, args=[case.number]))
        for act in ACTS
        if act.fits(case) and allowed(actor, act.permission)
    ]
