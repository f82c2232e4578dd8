"""What a playbook's step can set going. ACTIONS is the registry: a subject adds its own, by a rule or a dialog.

A step whose action is not registered can't be published, so a playbook never promises what nobody does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases import cases as case_rules
from cases import complaints, kin
from cases.models import Case, Complaint, Reason
from portal import profile
from portal.access import allowed


@dataclass(frozen=True)
class Action:
    """``run(actor, case=, values=, told=)`` does it and gives what came of it in words, for the record: ``values``
    are what the run has collected by field, ``told`` the same in words. Where a dialog of the console does it
    instead, ``opens`` is that address's name, reversed with the case's number.
    """

    code: str
    label: Any
    run: Callable[..., str] | None = None
    opens: str = ""


ACTIONS: dict[str, Action] = {}


def register(*actions: Action) -> None:
    for action in actions:
        ACTIONS[action.code] = action


def work_case(code: str, label: Any, reason: str, family: str) -> Action:
    """An action that hands a piece of work on: a case of its own, for the team that ``reason`` goes to.

    A supplier without that reason hands it on under another of its ``family``.
    """

    def run(actor: Any, *, case: Case, values: Mapping[str, str], told: str) -> str:
        made = _hand_on(actor, case, str(label), _reason(reason, family), told)
        return _("Case %(number)s, for %(team)s") % {"number": made.number, "team": made.team or made.reason}

    return Action(code, label, run)


def _reason(code: str, family: str) -> Reason:
    there = Reason.objects.filter(active=True)
    found = there.filter(code=code).first() or there.filter(family=family).order_by("priority", "pk").first()
    if found is None:
        words = _("No reason takes this work: ask a supervisor to add “%(code)s”.")
        raise ValidationError(words % {"code": code})
    return cast(Reason, found)


def _hand_on(actor: Any, case: Case, subject: str, reason: Reason, told: str) -> Case:
    """A case under ``case``, with what is known so far as its first note."""
    with transaction.atomic():
        made = case_rules.open_case(
            actor,
            channel=case.channel,
            patient=case.patient,
            guest_name=case.guest_name,
            subject=subject,
            reason=reason,
            order=case.order,
            note=told,
        )
        return kin.set_parent(actor, case=made, parent=case)


def _wait(actor: Any, *, case: Case, values: Mapping[str, str], told: str) -> str:
    case_rules.wait(actor, case=case)
    return _("The case waits on the customer")


# --- complaints and contacts have rules of their own -------------------------------------------------
COMPLAINTS_ABOUT = {"conduct": "service", "access": "service"}


def _register_complaint(actor: Any, *, case: Case, values: Mapping[str, str], told: str) -> str:
    """Into the register, in their words; its clocks begin."""
    about = values.get("about", "")
    kind = COMPLAINTS_ABOUT.get(about, about)
    said = [values.get("said", "") or told, values.get("wish", "")]
    made = complaints.take_down(
        actor,
        kind=kind if kind in dict(Complaint.KINDS) else "other",
        summary="\n\n".join(text for text in said if text),
        channel=case.channel,
        case=case,
        complainant=values.get("who", ""),
    )
    return _("Complaint %(number)s is in the register") % {"number": made.number}


CONTACTS = ("phone", "email")
_on_account = work_case(
    "change_account", gettext_lazy("Change an account's details"), "address_change", "delivery"
)


def _change_account(actor: Any, *, case: Case, values: Mapping[str, str], told: str) -> str:
    """A new phone or e-mail is proposed, for somebody to accept; anything else is handed on as a case."""
    field = values.get("what", "")
    value = values.get(field, "") if field in CONTACTS else ""
    if not value or case.patient is None or not allowed(actor, "patients.change"):
        return _hand_on_account(actor, case, values, told)
    purpose = f"case:{case.pk}"
    if profile.propose(actor, patient=case.patient, field=field, value=value, purpose=purpose) is None:
        return _("It is on file like this already")
    return _("The change is proposed: it holds once it is accepted")


def _hand_on_account(actor: Any, case: Case, values: Mapping[str, str], told: str) -> str:
    run = cast(Callable[..., str], _on_account.run)
    return run(actor, case=case, values=values, told=told)


register(
    Action("wait_on_customer", gettext_lazy("Wait on the customer"), _wait),
    Action("close_case", gettext_lazy("Close the case"), opens="agents:case-close"),
    Action("transfer_case", gettext_lazy("Transfer the case"), opens="agents:case-transfer"),
    work_case("chase_paperwork", gettext_lazy("Chase a missing paper"), "prior_authorization", "billing"),
    work_case("trace_parcel", gettext_lazy("Trace or redirect a parcel"), "delivery_missed", "delivery"),
    work_case("book_delivery", gettext_lazy("Book a delivery"), "delivery_scheduling", "delivery"),
    work_case("order_resupply", gettext_lazy("Order supplies"), "consumable_resupply", "delivery"),
    work_case("order_part", gettext_lazy("Send a part"), "replacement_part", "warranty"),
    work_case("exchange_device", gettext_lazy("Exchange a device"), "device_troubleshooting", "warranty"),
    work_case("start_warranty", gettext_lazy("Open a warranty claim"), "warranty_claim", "warranty"),
    work_case("start_rma", gettext_lazy("Open a return"), "return", "warranty"),
    work_case("check_refund", gettext_lazy("Follow up a refund"), "refund_status", "billing"),
    work_case("verify_coverage", gettext_lazy("Verify the coverage"), "insurance_verification", "billing"),
    work_case(
        "request_authorization", gettext_lazy("Ask for prior authorization"), "prior_authorization", "billing"
    ),
    work_case("review_bill", gettext_lazy("Review a bill"), "billing_dispute", "billing"),
    work_case("prepare_appeal", gettext_lazy("Prepare an appeal"), "appeal", "billing"),
    Action("change_account", _on_account.label, _change_account),
    Action("register_complaint", gettext_lazy("Register a complaint"), _register_complaint),
)
