"""What an agent can begin on a case beyond answering it: the menu in its heading, the palette and the keys.

ACTS is the registry: a subject adds a line here and shows its own dialog at the address it names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from cases.models import Case
from portal.access import allowed
from portal.models import User


def _is_open(case: Case) -> bool:
    return case.state != "closed"


def _of_patient(case: Case) -> bool:
    return case.patient_id is not None


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
    Act("escalate", _("Escalate"), "siren", "agents:case-escalate", "cases.escalate"),
]


def of(actor: User, case: Case) -> list[Offered]:
    """What ``actor`` may begin on ``case`` now."""
    return [
        Offered(act, reverse(act.url, args=[case.number]))
        for act in ACTS
        if act.fits(case) and allowed(actor, act.permission)
    ]
