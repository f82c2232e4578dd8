"""A customer whole, seen from one of their cases: every case, what they allow, and all that was said and done.

The case is the purpose; its verification decides what opens (R-CASE-3), here as beside the thread, whose panels
stand beside this page as well.
"""

from dataclasses import dataclass

from agents import context, timeline
from agents.timeline import Entry
from cases.hearing import SAID
from cases.models import Case
from portal import consent
from portal.access import require
from portal.levels import NotVerified
from portal.models import Consent, Patient, User

CASES = 100


@dataclass(frozen=True)
class Customer:
    """``heard``: whether the verification on the case opens what was said, which is a reading of its own."""

    name: str
    cases: list[Case]
    consents: list[Consent]
    heard: bool


def whole(actor: User, case: Case) -> Customer:
    """Everything of the case's patient that is open on it. Raises Patient.DoesNotExist for a guest.

    The caller opens the case, and puts that on the trail.
    """
    require(actor, "patients.view")
    patient = case.patient
    if patient is None:
        raise Patient.DoesNotExist
    stands = context.standing(actor, case)
    return Customer(
        patient.name if stands.names else context.masked_name(patient),
        _cases(actor, patient),
        sorted(consent.standing(patient).values(), key=lambda one: (one.channel, one.topic)),
        stands.opens(SAID),
    )


def said(actor: User, case: Case) -> list[Entry]:
    """The last of what was said and done on all cases of the patient. Raises NotVerified where it is closed.

    The caller opens the case, and puts that on the trail.
    """
    require(actor, "patients.view")
    if case.patient is None:
        raise Patient.DoesNotExist
    if not context.standing(actor, case).opens(SAID):
        raise NotVerified(SAID)
    return timeline.whole(actor, case.patient)


def _cases(actor: User, patient: Patient) -> list[Case]:
    found = Case.objects.visible_to(actor).filter(patient=patient).select_related("reason")
    slim = found.only("number", "state", "channel", "opened_at", "last_contact_at", "reason__label")
    return list(slim.order_by("-last_contact_at")[:CASES])
