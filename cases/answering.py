"""What counts as an answer to a customer beside a message: a call that was made; and a reply that went nowhere, which
is none (R-SLA-1).
"""

from typing import Any

from cases import cases, clock_alarms, moving, sla, telling
from cases.models import Case, Message
from portal.access import System, require

CARRIER = System("mail")


def by_call(actor: Any, *, case: Case) -> None:
    """We spoke with them on the phone: whatever they had asked is answered. The case is locked."""
    require(actor, "cases.work", case)
    case.unread, case.state = 0, "open" if case.state == "new" else case.state
    cases.save(case, "unread", "state")
    sla.event(case, "we_spoke", actor=actor)


def not_carried(message: Message) -> None:
    """A reply of ours reached nobody: what it was to answer is owed as though it had never been said. Whoever has the
    case hears of it, or those who lead there.
    """
    written_on = message.conversation.case
    if written_on is None or message.kind != "reply":
        return
    case = cases.locked(written_on)
    if case.state != "closed" and moving.unheard_since(case.pk):
        _take_the_word(case)
        sla.event(case, "unsaid", actor=CARRIER)
    told = [case.owner_id] if case.owner_id else clock_alarms.leads_of(case)
    telling.tell(told, case_id=case.pk, kind="unsent")


def _take_the_word(case: Case) -> None:
    """A customer to whom nothing came has nothing to answer."""
    if case.state == "waiting":
        case.state, case.waiting_on = "open", ""
        cases.save(case, "state", "waiting_on")
        cases.record(CARRIER, case, "changed", {"fields": ["state"]})
        sla.event(case, "resumes", actor=CARRIER)
