"""How the playbooks a supplier begins with are written down: short forms that build a version's content.

Words stand as pairs, English and Spanish. A step goes on to the one written after it unless it says otherwise.
"""

from typing import Any

Pair = tuple[str, str]

STEER = (
    "Hi {patient_first_name}, this is {supplier_name}. To keep your information safe, please sign in at "
    "{portal_link} or call {supplier_phone} so we can go on together.",
    "Hola {patient_first_name}, le escribe {supplier_name}. Para proteger su información, entre en "
    "{portal_link} o llame al {supplier_phone} y seguimos juntos.",
)


def _both(pair: Pair) -> dict[str, str]:
    return {"en": pair[0], "es": pair[1]}


# --- fields ------------------------------------------------------------------------------------------
def field(name: str, label: str, type: str = "text", **more: Any) -> dict[str, Any]:
    """``phi`` fields say by ``what`` they are opened."""
    return {"name": name, "label": label, "type": type, **more}


def choice(name: str, label: str, *choices: Pair, **more: Any) -> dict[str, Any]:
    return field(name, label, "choice", choices=[list(one) for one in choices], **more)


def yesno(name: str, label: str, **more: Any) -> dict[str, Any]:
    return field(name, label, "yesno", **more)


# --- branches ----------------------------------------------------------------------------------------
def to(step: str, words: str, *when: tuple[str, ...]) -> dict[str, Any]:
    """On to ``step`` where all of ``when`` (field, test, value) hold."""
    return {
        "then": step,
        "words": words,
        "when": [dict(zip(("field", "test", "value"), one, strict=False)) for one in when],
    }


# --- steps -------------------------------------------------------------------------------------------
def step(kind: str, code: str, title: str, words: Pair | None = None, **more: Any) -> dict[str, Any]:
    """``words`` are for any channel; ``phone=``, ``sms=`` and so on are a channel's own."""
    scripts = {"any": _both(words)} if words else {}
    for channel in ("phone", "chat", "portal", "email", "sms"):
        if own := more.pop(channel, None):
            scripts[channel] = _both(own)
    return {"kind": kind, "code": code, "title": title, "scripts": scripts, **more}


def say(code: str, title: str, words: Pair, **more: Any) -> dict[str, Any]:
    return step("say", code, title, words, **more)


def ask(code: str, title: str, fields: list[str], words: Pair, **more: Any) -> dict[str, Any]:
    return step("ask", code, title, words, fields=fields, **more)


def tell(code: str, title: str, words: Pair, **more: Any) -> dict[str, Any]:
    return step("tell", code, title, words, **more)


def decide(code: str, title: str, guide: str, *branches: dict[str, Any], **more: Any) -> dict[str, Any]:
    return step("decide", code, title, guide=guide, branches=list(branches), **more)


def act(code: str, title: str, action: str, guide: str = "", **more: Any) -> dict[str, Any]:
    return step("act", code, title, action=action, guide=guide, **more)


def escalate(code: str, title: str, lane: str, guide: str, **more: Any) -> dict[str, Any]:
    """A clinician is told what is felt, and who treats them where that is known."""
    asked = ["symptoms", "clinician"] if lane == "clinical" else []
    return step("escalate", code, title, lane=lane, guide=guide, fields=asked, **more)


def close(code: str = "close", title: str = "Close with a next step", guide: str = "") -> dict[str, Any]:
    return step(
        "close", code, title, guide=guide or "Say in the case what comes next, who does it and by when."
    )


# --- the steps that every playbook begins and ends with ----------------------------------------------
def greet(about: Pair, *, guide: str = "") -> dict[str, Any]:
    """Who we are and what the contact is about."""
    en, es = about
    return say(
        "greet",
        "Greet and name the matter",
        (
            f"Hello, this is {{agent_name}} with {{supplier_name}}. I understand this is about {en}. "
            "I will stay with you until you know what happens next.",
            f"Hola, soy {{agent_name}} de {{supplier_name}}. Entiendo que se trata de {es}. "
            "Me quedo con usted hasta que sepa cuál es el siguiente paso.",
        ),
        guide=guide or "Check whether somebody else speaks for the patient, and for what they may.",
    )


def identify(next: str = "", failed: str = "not_verified", code: str = "identify") -> dict[str, Any]:
    """Level 1: two things that the caller knows."""
    return step(
        "verify",
        code,
        "Verify by two identifiers",
        (
            "Before I open anything, please give me two of these: your order number, your date of birth, "
            "your account number, or the last four digits of your Social Security number.",
            "Antes de abrir sus datos, dígame dos de estos: número de pedido, fecha de nacimiento, "
            "número de cuenta o los cuatro últimos dígitos de su Seguro Social.",
        ),
        level=1,
        failed=failed,
        next=next,
        guide="Type what you hear into the verification window. It says pass or fail and never what is on file.",
    )


def prove(next: str = "", failed: str = "not_verified", code: str = "prove") -> dict[str, Any]:
    """Level 2: something that the caller has."""
    return step(
        "verify",
        code,
        "Verify by a code or a call back",
        (
            "This part needs a stronger check. If you can sign in to the portal, read me the six-digit code it "
            "shows. If not, I can send a code or call back on the number we have had for you.",
            "Esta parte requiere una comprobación mayor. Si puede entrar en el portal, léame el código de seis "
            "cifras. Si no, le envío un código o le llamo al número que ya teníamos.",
        ),
        level=2,
        failed=failed,
        next=next,
        guide="Portal code, code to a contact that has stood for 30 days, or a call back to it. Nothing else counts.",
    )


def not_verified(next: str = "close", also: Pair | None = None) -> dict[str, Any]:
    """What anybody may hear. ``also`` is what this matter can still offer them."""
    en, es = also or ("", "")
    return tell(
        "not_verified",
        "Help without opening the record",
        (
            "I could not match what you gave me, so I can't open the record today. You can sign in to the portal at "
            f"any hour, or call again with your paperwork at hand. {en}".strip(),
            "Los datos no coinciden, así que hoy no puedo abrir el expediente. Puede entrar en el portal a cualquier "
            f"hora o llamar otra vez con sus papeles a mano. {es}".strip(),
        ),
        next=next,
        guide="Do not say which part was wrong, and do not hint at what is on file.",
    )


# --- a whole playbook --------------------------------------------------------------------------------
def playbook(
    code: str,
    title: str,
    purpose: str,
    *,
    reasons: list[str],
    fields: list[dict[str, Any]],
    escalation: list[Pair],
    steps: list[dict[str, Any]],
    level: int = 1,
) -> dict[str, Any]:
    """``{code, title, reasons, content}`` as ``cases.defaults.playbooks`` installs it."""
    following = [one["code"] for one in steps[1:]] + [""]
    led = [_onward(one, after) for one, after in zip(steps, following, strict=True)]
    content = {
        "purpose": purpose,
        "level": level,
        "identifiers": ["order_number", "birth_date", "account_id", "last4"],
        "steer": _both(STEER),
        "first": steps[0]["code"],
        "escalation": [{"lane": lane, "when": when} for lane, when in escalation],
        "fields": [*fields, *_for_a_clinician(led)],
        "steps": led,
    }
    return {"code": code, "title": title, "reasons": reasons, "content": content}


def _for_a_clinician(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not any(one.get("lane") == "clinical" for one in steps):
        return []
    return [
        field("symptoms", "What they feel, in their words", phi=True, what="clinical"),
        field("clinician", "Their clinician's NPI, if known", required=False),
    ]


def _onward(one: dict[str, Any], after: str) -> dict[str, Any]:
    return one if one["kind"] == "close" else {**one, "next": one.get("next") or after}
