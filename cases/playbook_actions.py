"""What a playbook's step can set going. ACTIONS is the registry: a subject adds its own, by a rule or a dialog.

A step whose action is not registered can't be published, so a playbook never promises what nobody does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases import cases as case_rules
from cases.models import Case, Reason


@dataclass(frozen=True)
class Action:
    """``run(actor, case, values)`` does it and gives what came of it in words, for the record. Where a dialog of
    the console does it instead, ``opens`` is that address's name, reversed with the case's number.
    """

    code: str
    label: Any
    run: Callable[[Any, Case, Mapping[str, Any]], str] | None = None
    opens: str = ""


ACTIONS: dict[str, Action] = {}


def register(*actions: Action) -> None:
    for action in actions:
        ACTIONS[action.code] = action


def work_case(code: str, label: Any, reason: str) -> Action:
    """An action that hands a piece of work on: a case of its own, below this one, for the team of ``reason``."""

    def run(actor: Any, case: Case, values: Mapping[str, Any]) -> str:
        return _hand_on(actor, case, str(label), reason)

    return Action(code, label, run)


def _hand_on(actor: Any, case: Case, subject: str, code: str) -> str:
    reason = Reason.objects.filter(code=code, active=True).first()
    if reason is None:
        raise ValidationError(_("No open reason %(code)s: ask a supervisor to add it.") % {"code": code})
    made = case_rules.open_case(
        actor, channel=case.channel, patient=case.patient, subject=subject, reason=reason, order=case.order
    )
    return _("Case %(number)s, for %(team)s") % {"number": made.number, "team": reason.team or reason.label}


def _wait(actor: Any, case: Case, values: Mapping[str, Any]) -> str:
    case_rules.wait(actor, case=case)
    return _("The case waits on the customer")


register(
    Action("wait_on_customer", gettext_lazy("Wait on the customer"), _wait),
    Action("close_case", gettext_lazy("Close the case"), opens="agents:case-close"),
    Action("transfer_case", gettext_lazy("Transfer the case"), opens="agents:case-transfer"),
)
