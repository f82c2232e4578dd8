"""Words a supplier begins with: openings, replies, subjects, checklists, macros and the survey (R-CASE-4)."""

from collections.abc import Iterable
from typing import Any

from cases import canned, macros, scripts, subjects, surveys
from cases.defaults import reasons
from cases.defaults.replies import REPLIES
from cases.models import CannedReply, Checklist, Macro, OpeningScript, SubjectTemplate, Survey
from portal.access import System

SUPPLIER = System("defaults")
BOTH = ("en", "es")

# What each holds stands twice: in English, in Spanish.
CHECKLISTS: dict[str, tuple[tuple[str, list[str]], tuple[str, list[str]]]] = {
    "warranty": (
        (
            "Please send",
            ["The completed claim form", "A photo or short video of the fault", "A photo of the label"],
        ),
        (
            "Por favor, envíe",
            ["El formulario completo", "Una foto o un video corto del fallo", "Una foto de la etiqueta"],
        ),
    ),
    "return": (
        ("Put into the box", ["All parts and papers that came with it", "The return form with its number"]),
        ("Ponga en la caja", ["Todas las piezas y papeles que venían", "El formulario con su número"]),
    ),
    "insurance": (
        ("Please upload", ["The front of your card", "The back of your card"]),
        ("Por favor, suba", ["El frente de su tarjeta", "El reverso de su tarjeta"]),
    ),
    "appeal": (
        (
            "Please send",
            ["The letter from your plan", "The signed form", "Anything your doctor wrote about it"],
        ),
        (
            "Por favor, envíe",
            ["La carta de su plan", "El formulario firmado", "Lo que su médico haya escrito"],
        ),
    ),
    "address": (
        ("Please upload", ["A bill or letter with the new address", "An ID with a photo"]),
        ("Por favor, suba", ["Una factura o carta con la nueva dirección", "Una identificación con foto"]),
    ),
}

# code: topic and what is needed in English and in Spanish
SUBJECTS: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "delivery": (("delivery", ""), ("entrega", "")),
    "delivery-day": (("delivery", "please choose a day"), ("entrega", "elija un día, por favor")),
    "documents": (("paperwork", "please send the form"), ("documentos", "envíe el formulario, por favor")),
    "return": (("your return", "please read the steps"), ("su devolución", "lea los pasos, por favor")),
    "warranty": (
        ("your claim", "please send what is missing"),
        ("su reclamación", "envíe lo que falta, por favor"),
    ),
    "bill": (("your bill", ""), ("su factura", "")),
    "address": (
        ("your contact details", "please confirm them"),
        ("sus datos de contacto", "confírmelos, por favor"),
    ),
    "answer": (("an answer from us", ""), ("una respuesta nuestra", "")),
}
LISTS_OF_SUBJECTS = {
    "documents": "insurance",
    "return": "return",
    "warranty": "warranty",
    "address": "address",
}
WITH_ORDER = {"en": "Your order {order_number}: {topic}", "es": "Su pedido {order_number}: {topic}"}
WITHOUT = {"en": "From {supplier_name}: {topic}", "es": "De {supplier_name}: {topic}"}

# channel, language: greeting, account or order, two identifiers, reason
OPENINGS: dict[tuple[str, str], tuple[str, str, str, str]] = {
    ("phone", "en"): (
        "Thank you for calling {supplier_name}, this is {agent_name}.",
        "May I have your account or order number?",
        "To protect your records, please give me two of these: order number, account number, date of birth or "
        "the last four of your Social.",
        "How can I help you today?",
    ),
    ("phone", "es"): (
        "Gracias por llamar a {supplier_name}, le habla {agent_name}.",
        "¿Me da su número de cuenta o de pedido?",
        "Para proteger su expediente, deme dos datos: número de pedido, de cuenta, fecha de nacimiento o los "
        "últimos cuatro de su Seguro Social.",
        "¿En qué puedo ayudarle?",
    ),
    ("chat", "en"): (
        "Hello, this is {agent_name} of {supplier_name}.",
        "Which order or account is it about?",
        "So that I may speak of it, please fill in the form: your order number and one more detail.",
        "What can I do for you?",
    ),
    ("chat", "es"): (
        "Hola, soy {agent_name} de {supplier_name}.",
        "¿De qué pedido o cuenta se trata?",
        "Para poder hablar de ello, llene el formulario: su número de pedido y un dato más.",
        "¿Qué puedo hacer por usted?",
    ),
    ("portal", "en"): (
        "Hello {patient_first_name}, this is {agent_name} of {supplier_name}.",
        "I have {case_number} open.",
        "You are signed in, so nothing more is needed to know you.",
        "You wrote about {case_topic}:",
    ),
    ("portal", "es"): (
        "Hola {patient_first_name}, soy {agent_name} de {supplier_name}.",
        "Tengo abierto {case_number}.",
        "Inició sesión, así que no hace falta nada más para saber quién es.",
        "Nos escribió sobre lo siguiente:",
    ),
    ("email", "en"): (
        "Hello, this is {agent_name} of {supplier_name}.",
        "Thank you for your e-mail about your account or order.",
        "E-mail is not private: please sign in to the portal, or call and give two details that identify you.",
        "Then we can speak about what you need.",
    ),
    ("email", "es"): (
        "Hola, soy {agent_name} de {supplier_name}.",
        "Gracias por su correo sobre su cuenta o pedido.",
        "El correo no es privado: inicie sesión en el portal, o llame y dé dos datos que le identifiquen.",
        "Así podremos hablar de lo que necesita.",
    ),
    ("sms", "en"): (
        "{supplier_name}, {agent_name} here.",
        "Is it about an order?",
        "Texts are not private: please sign in or call with two details that identify you.",
        "How can we help?",
    ),
    ("sms", "es"): (
        "{supplier_name}, soy {agent_name}.",
        "¿Es sobre un pedido?",
        "Los mensajes no son privados: inicie sesión o llame con dos datos que le identifiquen.",
        "¿Cómo ayudamos?",
    ),
}

MACROS: dict[str, tuple[str, str, list[dict[str, Any]]]] = {
    "no-answer": (
        "Could not reach the customer",
        "Writes to them, waits, and comes back next working day.",
        [
            {"do": "reply", "canned": "could-not-reach"},
            {"do": "wait", "on": "customer"},
            {"do": "snooze", "hours": 9},
        ],
    ),
    "ask-prescriber": (
        "Waiting on the prescriber",
        "Notes it, waits for the prescriber and comes back in two working days.",
        [
            {"do": "note", "text": "Asked the prescriber; chase them if nothing came."},
            {"do": "wait", "on": "prescriber"},
            {"do": "snooze", "hours": 18},
        ],
    ),
    "to-billing": (
        "Hand on to billing",
        "Takes the case, tells the customer and hands it on to billing.",
        [
            {"do": "assign", "to": "me"},
            {"do": "reply", "canned": "more-time"},
            {"do": "transfer", "team": "billing", "note": "Billing question, the customer knows."},
        ],
    ),
    "angry": (
        "Upset customer",
        "Raises the priority, says sorry and brings in a manager.",
        [
            {"do": "priority", "priority": 1},
            {"do": "reply", "canned": "complaint"},
            {"do": "escalate", "lane": "manager", "why": "The customer is upset and asks for a manager."},
        ],
    ),
    "done": (
        "Solved",
        "Says goodbye with the next step and closes the case.",
        [
            {"do": "reply", "canned": "goodbye"},
            {"do": "close", "disposition": "answered", "next_step": "Nothing is left to do."},
        ],
    ),
}

SURVEY: dict[str, Any] = {
    "question": "How satisfied are you with the help you got?",
    "question_es": "¿Qué tan satisfecho está con la ayuda que recibió?",
    "low_label": "not at all",
    "low_label_es": "nada",
    "high_label": "very much",
    "high_label_es": "mucho",
    "second_question": "What could we do better?",
    "second_question_es": "¿Qué podríamos mejorar?",
    "quiet_days": 0,  # after every closed case (R-KPI-1), until a supervisor spares them some days
}


def install() -> int:
    """Add what is missing; how many of them that were. What is there is left as it is."""
    reasons.install()
    return sum(map(len, (_checklists(), _replies(), _subjects(), _openings(), _macros(), _survey())))


def _missing(model: Any, wanted: Iterable[tuple[str, str]], code: str) -> list[tuple[str, str]]:
    there = set(model.objects.values_list(code, "language"))
    return [key for key in wanted if key not in there]


def _each(codes: Iterable[str]) -> list[tuple[str, str]]:
    return [(code, language) for code in codes for language in BOTH]


def _checklists() -> list[Any]:
    kept = []
    for code, language in _missing(Checklist, _each(CHECKLISTS), "code"):
        title, items = CHECKLISTS[code][BOTH.index(language)]
        row = Checklist(code=code, language=language, title=title, items=items)
        kept.append(subjects.keep_checklist(SUPPLIER, row))
    return kept


def _listed(code: str, language: str) -> Checklist | None:
    return Checklist.objects.filter(code=code, language=language).first() if code else None


def _replies() -> list[Any]:
    kept = []
    for shortcut, language in _missing(CannedReply, _each(REPLIES), "shortcut"):
        ready, place = REPLIES[shortcut], BOTH.index(language)
        row = CannedReply(
            shortcut=shortcut,
            language=language,
            kind=ready.kind,
            title=ready.titles[place],
            body=ready.bodies[place],
            channels=list(ready.channels),
            checklist=_listed(ready.checklist, language),
        )
        kept.append(canned.keep(SUPPLIER, row))
    return kept


def _subjects() -> list[Any]:
    kept = []
    for code, language in _missing(SubjectTemplate, _each(SUBJECTS), "code"):
        topic, needed = SUBJECTS[code][BOTH.index(language)]
        end = " - {needed}" if needed else ""
        row = SubjectTemplate(
            code=code,
            language=language,
            topic=topic,
            needed=needed,
            text=WITH_ORDER[language] + end,
            without_order=WITHOUT[language] + end,
            checklist=_listed(LISTS_OF_SUBJECTS.get(code, ""), language),
        )
        kept.append(subjects.keep(SUPPLIER, row))
    return kept


def _openings() -> list[Any]:
    kept = []
    for channel, language in _missing(OpeningScript, OPENINGS, "channel"):
        parts = dict(zip(scripts.PARTS, OPENINGS[channel, language], strict=True))
        kept.append(scripts.keep(SUPPLIER, OpeningScript(channel=channel, language=language, **parts)))
    return kept


def _macros() -> list[Any]:
    there = set(Macro.objects.values_list("code", flat=True))
    return [
        macros.keep(SUPPLIER, Macro(code=code, name=name, what_for=what_for, steps=steps))
        for code, (name, what_for, steps) in MACROS.items()
        if code not in there
    ]


def _survey() -> list[Any]:
    if Survey.objects.exists():
        return []
    return [surveys.keep(SUPPLIER, Survey(code="satisfaction", **SURVEY))]
