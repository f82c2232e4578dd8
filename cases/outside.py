"""What may stand in a text message, an e-mail or its subject: one list for the house (R-SHIP-3).

Templates are held to the list itself: the facts of ``MAY`` and no others. What somebody writes freely can't be
compared with a list, so it is searched for all that the list leaves out; the agent is told what was found
and can send it through the portal instead.
"""

import re
from datetime import date
from typing import Any

from django.utils import dateformat, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cases import facts
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

EQUIPMENT = re.compile(
    r"\b(?:[bc]i?-?pap|apap|oxygen|ox[ií]geno|concentrat(?:or|ors)|concentrador|nebuli[sz]er|nebulizador|"
    r"breast pump|sacaleches|wheelchair|silla de ruedas|hospital bed|ventilator|ventilador|"
    r"masks?|mascarillas?|cushions?|tubing|cannula|c[aá]nula|catheters?|sonda|glucose|insulin|insulina)\b",
    re.IGNORECASE,
)
ILLNESS = re.compile(
    r"\b(?:diagnos\w*|diagn[oó]stic\w*|sleep apnea|apnea|copd|epoc|asthma|asma|diabet\w*|cancer|c[aá]ncer|"
    r"pregnan\w*|embaraz\w*|symptoms?|s[ií]ntomas?|icd|prescri\w+|receta m[eé]dica)\b",
    re.IGNORECASE,
)
CODE = re.compile(r"\b(?:[A-TV-Z]\d{2}\.\d{1,4}|[AEK]\d{4})\b")
CLINICIAN = re.compile(r"\b(?i:dra?\.|dra?(?=\s)|doctora?)\s+[A-ZÁÉÍÓÚÑ]\w+")
MONEY = re.compile(r"\$\s?\d|\b\d+(?:\.\d\d)?\s?(?:dollars|d[oó]lares)\b", re.IGNORECASE)

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
PATTERNS = {
    "equipment": EQUIPMENT,
    "illness": ILLNESS,
    "code": CODE,
    "clinician": CLINICIAN,
    "money": MONEY,
}


def found_in(text: str, case: Case | None = None) -> list[str]:
    """Kinds of KINDS that ``text`` holds and that may not leave the house. Order and case numbers do."""
    kinds = {kind for kind, pattern in PATTERNS.items() if pattern.search(_without_numbers(text, case))}
    if redact(text).total:
        kinds.add("number")
    if _names_product(text):
        kinds.add("equipment")
    if case is not None and case.patient is not None:
        kinds |= _of_patient(text, case.patient)
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


def _without_numbers(text: str, case: Case | None) -> str:
    """Our own numbers look like codes of others, and links hold anything."""
    ours = [case.number, case.order.number if case.order else ""] if case is not None else []
    for number in filter(None, ours):
        text = text.replace(number, " ")
    return re.sub(r"https?://\S+", " ", text)


def _names_product(text: str) -> bool:
    """Whether the catalogue calls something so: in the words on its invoices or in a patient's."""
    said = text.casefold()
    names = (name for row in Product.objects.values_list("name", "plain_name") for name in row)
    return any(len(name) >= SHORTEST_WORD and name.casefold() in said for name in names)


def _of_patient(text: str, patient: Patient) -> set[str]:
    said = " ".join(text.casefold().split())
    kinds = set()
    if any(_stands(word, said) for word in str(patient.last_name).split()):
        kinds.add("name")
    if patient.address_line1 and _stands(str(patient.address_line1), said):
        kinds.add("address")
    if any(_stands(form, said) for form in _birth_forms(patient.birth_date)):
        kinds.add("birth")
    return kinds


def _stands(word: str, said: str) -> bool:
    return len(word) > 1 and re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", said) is not None


def _birth_forms(born: date) -> list[str]:
    """As people write it: in figures, month first and day first, and in words of both languages."""
    forms = [born.isoformat()]
    for mark in "/-.":
        for year in (f"{born.year}", f"{born:%y}"):
            for one, other in ((born.month, born.day), (born.day, born.month)):
                forms += [f"{one}{mark}{other}{mark}{year}", f"{one:02}{mark}{other:02}{mark}{year}"]
    for language, pattern in (("en", "F j, Y"), ("en", "F j Y"), ("en", "j F Y"), ("es", r"j \d\e F \d\e Y")):
        with translation.override(language):
            forms.append(dateformat.format(born, pattern))
    return forms
