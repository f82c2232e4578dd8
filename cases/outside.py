"""What may stand in a text message, an e-mail or its subject: one list for the house (R-SHIP-3).

Templates are held to the list itself: the facts of ``MAY`` and no others. What somebody writes freely can't be
compared with a list, so it is searched for all that the list leaves out; the agent is told what was found
and can send it through the portal instead.
"""

import re
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases import birth_dates, facts
from cases import outside_words as words
from cases.models import Case
from config.security.redaction import redact
from portal.models import Patient, Product

MAY = frozenset(
    {
        "patient_first_name", "supplier_name", "supplier_phone", "order_number", "shipped_date",
        "delivery_window", "tracking_link", "delivery_facts", "order_expected_ship_date",
        "order_expected_delivery_date", "portal_link", "agent_name", "case_number", "reply_by",
    }
)  # fmt: skip
SHORTEST_WORD = 4
CHANNELS = frozenset({"sms", "email"})  # whose texts leave the house
HOUSE = re.compile(r"(\d+\w?),? (?:[nsew]\.? |north |south |east |west )?(\S+)")

KINDS: dict[str, Any] = {
    "equipment": gettext_lazy("an item or kind of equipment"),
    "illness": gettext_lazy("something about health"),
    "code": gettext_lazy("a billing or diagnosis code"),
    "clinician": gettext_lazy("a clinician's name"),
    "money": gettext_lazy("an amount of money"),
    "number": gettext_lazy("a number that identifies somebody"),
    "birth": gettext_lazy("a date of birth"),
    "name": gettext_lazy("a last name"),
    "address": gettext_lazy("an address"),
    "attachment": gettext_lazy("a file"),
}
WRITTEN = {"code": words.CODE, "clinician": words.CLINICIAN, "address": words.ADDRESS}
FOLDED = {
    "equipment": words.EQUIPMENT,
    "illness": words.ILLNESS,
    "money": words.MONEY,
    "address": words.POST_BOX,
}


def found_in(text: str, case: Case | None = None) -> list[str]:
    """Kinds of KINDS that ``text`` holds and that may not leave the house. Order and case numbers do."""
    own = _without_ours(text, case)
    plain = words.folded(own)
    kinds = {kind for kind, pattern in WRITTEN.items() if pattern.search(own)}
    kinds |= {kind for kind, pattern in FOLDED.items() if pattern.search(plain)}
    if redact(text).total:
        kinds.add("number")
    if _names_product(plain):
        kinds.add("equipment")
    if birth_dates.is_told(plain):
        kinds.add("birth")
    if case is not None and case.patient is not None:
        kinds |= _of_patient(plain, case.patient)
    return [kind for kind in KINDS if kind in kinds]


def in_words(kinds: list[str]) -> str:
    return ", ".join(str(KINDS[kind]) for kind in kinds)


def wrong_in_template(text: str) -> str:
    """Why a template may not go out by e-mail or text message, in words; "" where it may."""
    if loose := sorted(f"{{{name}}}" for name in facts.named_in(text) - MAY):
        return _("Outside of the portal there may be no %(what)s.") % {"what": ", ".join(loose)}
    if kinds := found_in(text):
        return _("Outside of the portal there may be no %(what)s.") % {"what": in_words(kinds)}
    return ""


def _without_ours(text: str, case: Case | None) -> str:
    """Our own numbers look like codes of others, our name may hold what we sell, and links hold anything."""
    ours = [case.number, case.order.number if case.order else ""] if case is not None else []
    for name in filter(None, [*ours, str(settings.SUPPLIER_NAME)]):
        text = text.replace(name, " ")
    return re.sub(r"https?://\S+", " ", text)


def _names_product(said: str) -> bool:
    """Whether the catalogue calls something so: in the words on its invoices or in a patient's."""
    names = (name for row in Product.objects.values_list("name", "plain_name") for name in row)
    return any(len(name) >= SHORTEST_WORD and _stands(name, said) for name in names)


def _of_patient(said: str, patient: Patient) -> set[str]:
    kinds = set()
    if any(_stands(word, said) for word in str(patient.last_name).split()):
        kinds.add("name")
    if _stands_address(str(patient.address_line1 or ""), said):
        kinds.add("address")
    if birth_dates.stands(patient.birth_date, said):
        kinds.add("birth")
    return kinds


def _stands_address(line: str, said: str) -> bool:
    """House number and the street's own name, however the rest of it is written."""
    told = HOUSE.match(words.folded(line))
    if told is None:
        return bool(line) and _stands(line, said)
    number, street = (re.escape(part) for part in told.groups())
    return (
        re.search(rf"(?<!\w){number},? (?:[nsew]\.? |north |south |east |west )?{street}(?!\w)", said)
        is not None
    )


def _stands(word: str, said: str) -> bool:
    word = words.folded(word)
    return len(word) > 1 and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said) is not None
