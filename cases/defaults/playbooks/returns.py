"""Something they do not want to keep and that is not defective."""

from cases.defaults.playbooks.writing import (
    act,
    ask,
    choice,
    close,
    decide,
    escalate,
    field,
    greet,
    identify,
    not_verified,
    playbook,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "return",
    "Return",
    "Say whether it can come back, what is taken off before they agree, and how and when the money returns.",
    reasons=["return"],
    fields=[
        field("order", "Order it came with", "order"),
        field("item", "What comes back"),
        field("got", "Day it was delivered", "date", most="today"),
        choice(
            "kind",
            "What kind of item",
            ("consumable", "Consumable"),
            ("device", "Device"),
            ("rented", "Rented equipment"),
        ),
        yesno("opened", "Opened or used"),
        yesno("faulty", "It is faulty"),
        field("window", "Days the product may come back within", "number", least="0", most="90"),
        field("fee", "Restocking fee in percent", "number", least="0", most="20"),
        yesno("agrees", "They agree to the deductions read to them"),
        yesno("fast", "Expedited refund for the fee"),
        field("pickup", "Day for collection", "date", required=False, least="today", most="today+30"),
    ],
    escalation=[
        ("specialist", "Insurance has paid for the item, or a rented device comes back before its term."),
        ("manager", "An exception to the window or the fee."),
    ],
    steps=[
        greet(("a return", "una devolución")),
        identify(),
        ask(
            "what",
            "What comes back, and since when they have it",
            ["order", "item", "kind", "got", "opened", "faulty"],
            (
                "What would you like to send back, when did it come, and has it been opened? Is "
                "anything wrong with it?",
                "¿Qué desea devolver, cuándo llegó y está abierto? ¿Tiene algún defecto?",
            ),
            level=1,
            branches=[
                to("defect", "It is faulty: warranty, not return", ("faulty", "equals", "yes")),
                to("rented", "Rented equipment", ("kind", "equals", "rented")),
            ],
        ),
        ask(
            "terms",
            "Look the terms up",
            ["window", "fee"],
            (
                "One moment: I look up the terms for this product.",
                "Un momento: busco las condiciones de este producto.",
            ),
            level=1,
            guide="Unopened consumables: 30 days. Others 30 to 90 by product. Restocking 0 to 20 "
            "percent by product. Take the figures from the product, not from memory.",
        ),
        decide(
            "may_it",
            "May it come back",
            "What touched a body does not come back, unless it is faulty.",
            to("no", "An opened consumable", ("kind", "equals", "consumable"), ("opened", "equals", "yes")),
            to(
                "no",
                "Consumable, more than 30 days",
                ("kind", "equals", "consumable"),
                ("got", "older_than", "30"),
            ),
            *(
                to(
                    "no",
                    f"Past its {days} days",
                    ("window", "less", f"{days + 1}"),
                    ("got", "older_than", f"{days}"),
                )
                for days in (30, 45, 60)
            ),
            to("no", "More than 90 days", ("got", "older_than", "90")),
            to("no", "No return for this product", ("window", "equals", "0")),
            next="deduct",
        ),
        ask(
            "deduct",
            "Read the deductions, then ask",
            ["agrees", "fast"],
            (
                "Before you agree: I read you each deduction, line by line, and what is left. "
                "Refunds reach you in 7 to 14 business days after we have it; for 25 dollars "
                "more, in two. Do you agree?",
                "Antes de aceptar: le leo cada descuento, línea por línea, y lo que queda. El "
                "reembolso llega de 7 a 14 días hábiles tras recibirlo; por 25 dólares más, en "
                "dos. ¿Está de acuerdo?",
            ),
            level=1,
            guide="Restocking, partial payment by a plan, the expedited fee. To the original "
            "payment method only.",
            branches=[to("kept", "They would rather keep it", ("agrees", "equals", "no"))],
        ),
        ask(
            "collect",
            "Agree the collection",
            ["pickup"],
            (
                "Shall we collect it, or do you bring it to the carrier with our label? Which day suits you?",
                "¿Lo recogemos o lo lleva usted con nuestra etiqueta? ¿Qué día le conviene?",
            ),
            level=1,
        ),
        act(
            "rma",
            "Open the return",
            "start_rma",
            "Item, reason, deductions agreed and collection stand in the case that opens; it "
            "gives the RMA number.",
            level=1,
        ),
        tell(
            "promise",
            "Say the clock",
            (
                "Your return is open. Put the number we send you on the parcel. After we have "
                "inspected it, the refund goes to the way you paid, in 7 to 14 business days.",
                "Su devolución está abierta. Ponga en el paquete el número que le enviamos. Tras "
                "revisarlo, el reembolso va a su forma de pago en 7 a 14 días hábiles.",
            ),
            sms=(
                "Hi {patient_first_name}, your request is open. Label and next step: "
                "{portal_link} {supplier_name}",
                "Hola {patient_first_name}, su solicitud está abierta. Etiqueta y siguiente paso:"
                " {portal_link} {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, your request is open. Label and next step are at "
                "{portal_link}. {supplier_name}",
                "Hola {patient_first_name}, su solicitud está abierta. La etiqueta y el siguiente"
                " paso están en {portal_link}. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        tell(
            "no",
            "Say why not, and what is left",
            (
                "I am sorry: this one can't come back. The published terms say why, and I read "
                "you the line. If it does not suit you, let us see what would.",
                "Lo siento: este no se puede devolver. Las condiciones publicadas dicen por qué y"
                " se las leo. Si no le sirve, veamos qué le serviría.",
            ),
            level=1,
            guide="They may ask for a manager: offer it before they must.",
            next="close",
        ),
        tell(
            "kept",
            "Leave it as it is",
            (
                "Then nothing changes. You have until the end of the window to think about it.",
                "Entonces no cambia nada. Tiene hasta el fin del plazo para pensarlo.",
            ),
            level=1,
            next="close",
        ),
        act(
            "defect",
            "Open a warranty claim instead",
            "start_warranty",
            "No fee and no window for a defect within its term.",
            level=1,
            next="close",
        ),
        escalate(
            "rented",
            "Hand the rental's end to the specialist",
            "specialist",
            "Rent ends on the day of pick-up. Ask whether the prescriber knows: stopping "
            "therapy is theirs to decide.",
            level=1,
        ),
        act("pickup_book", "Book the pick-up", "book_delivery", level=1),
        tell(
            "pickup_said",
            "Say when it is collected",
            (
                "We collect it and the rent ends that day. You hear the window from us within one"
                " business day.",
                "Lo recogemos y la renta termina ese día. Le decimos la hora en un día hábil.",
            ),
            level=1,
            next="close",
        ),
        not_verified(
            also=(
                "Our return terms are public, and I can read them to you.",
                "Nuestras condiciones de devolución son públicas y puedo leérselas.",
            )
        ),
        close(guide="Next step: collection day, then inspection, then refund by when."),
    ],
)
