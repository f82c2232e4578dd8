"""The teams, reasons and tags a supplier begins with (R-CASE-1, R-CASE-2). What is there already is left alone."""

from dataclasses import dataclass

from cases.models import CaseRules, Reason, Tag, Team

TEAMS = {
    "front": "Front line",
    "delivery": "Delivery",
    "device": "Device support",
    "billing": "Billing",
    "clinical": "Clinical",
}
TAGS = (
    "back-order",
    "disaster",
    "insurance-change",
    "interpreter",
    "new-setup",
    "recall",
    "travel",
    "vip",
)


@dataclass(frozen=True)
class Kind:
    """A reason: what we call it, what a customer calls it, and who works on it how soon."""

    label: str
    asked: str
    asked_es: str
    team: str
    priority: int = 3
    lane: str = ""
    offered: bool = True


REASONS: dict[str, dict[str, Kind]] = {
    "delivery": {
        "order_status": Kind("Order status", "Where is my order?", "¿Dónde está mi pedido?", "delivery"),
        "delivery_scheduling": Kind(
            "Delivery scheduling", "Set or change a delivery", "Programar o cambiar una entrega", "delivery"
        ),
        "delivery_missed": Kind(
            "Delivery missed", "My delivery did not come", "Mi entrega no llegó", "delivery", 2
        ),
        "damaged_on_arrival": Kind(
            "Damaged on arrival", "It came broken", "Llegó dañado", "delivery", 2, offered=False
        ),
        "wrong_item": Kind(
            "Wrong or missing item", "Something is wrong or missing", "Algo está mal o falta", "delivery"
        ),
        "back_order": Kind(
            "Back order", "When will it be in stock?", "¿Cuándo lo tendrán?", "delivery", offered=False
        ),
        "pickup": Kind("Pick-up", "Pick up my equipment", "Recoger mi equipo", "delivery"),
        "consumable_resupply": Kind(
            "Consumable resupply", "Order more supplies", "Pedir más suministros", "front"
        ),
        "address_change": Kind(
            "Address or account change",
            "Change my address or account",
            "Cambiar mi dirección o mi cuenta",
            "front",
        ),
        "travel": Kind("Travel with equipment", "Travel with my equipment", "Viajar con mi equipo", "front"),
    },
    "warranty": {
        "equipment_down": Kind(
            "Equipment down",
            "My equipment stopped working",
            "Mi equipo dejó de funcionar",
            "device",
            1,
            lane="equipment_down",
        ),
        "device_troubleshooting": Kind(
            "Device troubleshooting",
            "My equipment does not work right",
            "Mi equipo no funciona bien",
            "device",
            2,
        ),
        "replacement_part": Kind("Replacement part", "I need a part", "Necesito una pieza", "device"),
        "warranty_claim": Kind("Warranty claim", "Use my warranty", "Usar mi garantía", "device"),
        "return": Kind("Return", "Send something back", "Devolver algo", "device"),
        "recall": Kind("Recall", "A recall notice", "Un aviso de retiro", "device", 2, offered=False),
        "fit": Kind("Mask or size does not fit", "It does not fit", "No me queda bien", "device"),
    },
    "billing": {
        "refund_status": Kind("Refund status", "Where is my refund?", "¿Dónde está mi reembolso?", "billing"),
        "insurance_verification": Kind(
            "Insurance verification", "Check my insurance", "Verificar mi seguro", "billing"
        ),
        "insurance_change": Kind(
            "Insurance change", "I have new insurance", "Tengo un seguro nuevo", "billing", 2
        ),
        "prior_authorization": Kind(
            "Prior authorization", "Approval from my insurance", "Aprobación de mi seguro", "billing"
        ),
        "cost": Kind("Cost or copay", "What will I pay?", "¿Cuánto voy a pagar?", "billing"),
        "payment": Kind("Payment or payment plan", "Pay a bill", "Pagar una factura", "billing"),
        "hardship": Kind("Hardship", "I can't pay this", "No puedo pagar esto", "billing", offered=False),
        "billing_dispute": Kind(
            "Billing dispute", "A bill looks wrong", "Una factura parece incorrecta", "billing", 2
        ),
        "appeal": Kind("Appeal", "My insurance said no", "Mi seguro dijo que no", "billing", 2),
        "complaint": Kind("Complaint", "Make a complaint", "Presentar una queja", "front", 2),
    },
    "clinical": {
        "clinical_triage": Kind(
            "Clinical triage",
            "A health question about my equipment",
            "Una pregunta de salud sobre mi equipo",
            "clinical",
            1,
            lane="clinical",
        ),
        "symptoms": Kind(
            "Symptoms or side effects",
            "I feel worse with my equipment",
            "Me siento peor con mi equipo",
            "clinical",
            1,
            lane="clinical",
        ),
        "settings": Kind(
            "Settings or prescription change",
            "Change the settings",
            "Cambiar los ajustes",
            "clinical",
            2,
            lane="clinical",
            offered=False,
        ),
        "prescriber": Kind(
            "Prescriber's office", "From a prescriber", "De un médico", "clinical", 2, offered=False
        ),
        "prescription_renewal": Kind(
            "Prescription renewal", "Renew my prescription", "Renovar mi receta", "clinical"
        ),
        "adherence": Kind(
            "Therapy use and adherence", "Help to use my therapy", "Ayuda con mi terapia", "clinical"
        ),
    },
}
CODES = {code: kind for kinds in REASONS.values() for code, kind in kinds.items()}


def install() -> int:
    """Add what is missing; how many rows that were."""
    teams = [Team.objects.get_or_create(code=code, defaults={"name": TEAMS[code]}) for code in TEAMS]
    known = {team.code: team for team, _new in teams}
    reasons = [
        Reason.objects.get_or_create(code=code, defaults=_row(family, kind, known))
        for family, kinds in REASONS.items()
        for code, kind in kinds.items()
    ]
    tags = [Tag.objects.get_or_create(name=name) for name in TAGS]
    rules = CaseRules.objects.get_or_create(pk=1)
    return sum(new for _row, new in [*teams, *reasons, *tags, rules])


def _row(family: str, kind: Kind, teams: dict[str, Team]) -> dict[str, object]:
    return {
        "family": family,
        "label": kind.label,
        "customer_label": kind.asked,
        "customer_label_es": kind.asked_es,
        "priority": kind.priority,
        "lane": kind.lane,
        "offered": kind.offered,
        "team": teams[kind.team],
    }
