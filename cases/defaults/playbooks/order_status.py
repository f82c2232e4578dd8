"""Where an order is, and what is done when it is late."""

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
    say,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "order-status",
    "Order status",
    "Tell the customer where their order stands, who has it in hand and when it comes; act when it is late.",
    reasons=["order_status", "delivery_missed", "back_order"],
    fields=[
        field("order", "Order asked about", "order"),
        choice(
            "stage",
            "Where the order stands now",
            ("paperwork", "Waiting on prescription, insurance or authorization"),
            ("packing", "Released, being packed"),
            ("shipped", "Shipped, on its way"),
            ("delivered", "Carrier says delivered"),
            ("back_order", "Back order"),
        ),
        choice(
            "waits_on",
            "Who it waits on",
            ("prescriber", "Prescriber"),
            ("payer", "Payer"),
            ("customer", "Customer"),
            ("us", "Us"),
            required=False,
        ),
        field(
            "promised", "Day it was promised for", "date", required=False, least="today-365", most="today+90"
        ),
        yesno(
            "runs_out", "Will they run out of something they breathe or eat by?", phi=True, what="clinical"
        ),
        yesno("not_there", "Delivered by the carrier, but not found", required=False),
    ],
    escalation=[
        ("specialist", "The promised day has passed, or the carrier shows no scan for two business days."),
        ("clinical", "The customer will be without oxygen, ventilation or another life-sustaining device."),
        ("manager", "Promised twice and missed twice."),
    ],
    steps=[
        greet(("where an order is", "dónde está un pedido")),
        identify(),
        ask(
            "which",
            "Find the order and read its steps",
            ["order", "stage", "waits_on", "promised"],
            (
                "Which order is it? I have your orders before me and will read you where it stands.",
                "¿De qué pedido se trata? Tengo sus pedidos delante y le digo cómo va.",
            ),
            guide="Read the steps in the panel: prescription, insurance, authorization, packing, "
            "shipped, delivered. Name the one it stands at and who has it.",
            level=1,
        ),
        ask(
            "need",
            "Ask what they have left",
            ["runs_out"],
            (
                "While we wait for it: do you have enough at home until it comes, above all for "
                "breathing or feeding?",
                "Mientras llega: ¿tiene suficiente en casa, sobre todo para respirar o alimentarse?",
            ),
            guide="Oxygen, ventilator and feeding supplies do not wait for a carrier.",
        ),
        decide(
            "how_far",
            "Decide by where it stands",
            "An urgent need goes before everything else.",
            to("urgent", "They would be without what keeps them alive", ("runs_out", "equals", "yes")),
            to("delivered", "The carrier says delivered", ("stage", "equals", "delivered")),
            to(
                "late",
                "On its way but past the promised day",
                ("stage", "equals", "shipped"),
                ("promised", "older_than", "0"),
            ),
            to("on_its_way", "On its way", ("stage", "equals", "shipped")),
            to("paperwork", "It waits on somebody's paper", ("stage", "equals", "paperwork")),
            next="before_shipping",
        ),
        tell(
            "on_its_way",
            "Give the tracking link and the window",
            (
                "Good news: it is on its way. It left us on {shipped_date} with {carrier}. It "
                "should be with you {delivery_window}, and you can follow it at {tracking_link}.",
                "Buenas noticias: va en camino. Salió el {shipped_date} con {carrier}. Debe "
                "llegar {delivery_window} y puede seguirlo en {tracking_link}.",
            ),
            phone=(
                "Good news: it is on its way. It left us on {shipped_date} with {carrier} and "
                "should be with you {delivery_window}. I will send you the link to follow it.",
                "Buenas noticias: va en camino. Salió el {shipped_date} con {carrier} y debe "
                "llegar {delivery_window}. Le envío el enlace para seguirlo.",
            ),
            sms=(
                "Hi {patient_first_name}, your order {order_number}: {delivery_facts}. {supplier_name}",
                "Hola {patient_first_name}, su pedido {order_number}: {delivery_facts}. {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, about your order {order_number}: {delivery_facts}. "
                "If it is not there by then, call us at {supplier_phone}. {supplier_name}",
                "Hola {patient_first_name}, sobre su pedido {order_number}: {delivery_facts}. Si "
                "no llega, llámenos al {supplier_phone}. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        tell(
            "before_shipping",
            "Give the expected days",
            (
                "Your order {order_number} is released and being packed. We expect to ship it "
                "{order_expected_ship_date} and to have it with you "
                "{order_expected_delivery_date}. You get the tracking link the moment it leaves.",
                "Su pedido {order_number} está liberado y se está preparando. Esperamos enviarlo "
                "el {order_expected_ship_date} y que llegue el {order_expected_delivery_date}. "
                "Recibirá el enlace en cuanto salga.",
            ),
            sms=(
                "Hi {patient_first_name}, your order {order_number} is {delivery_facts}. {supplier_name}",
                "Hola {patient_first_name}, su pedido {order_number}: {delivery_facts}. {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, your order {order_number} is {delivery_facts}. {supplier_name}",
                "Hola {patient_first_name}, su pedido {order_number}: {delivery_facts}. {supplier_name}",
            ),
            level=1,
            next="close",
            guide="On a back order say the day stock is due, and offer a substitute the prescriber allows.",
        ),
        tell(
            "paperwork",
            "Say who it waits on, since when, and what we do",
            (
                "It has not shipped because one paper is still out. I will tell you whose it is, "
                "since when we have asked, and I ask again today. You will hear from us within "
                "one business day.",
                "No se ha enviado porque falta un documento. Le digo de quién depende, desde "
                "cuándo lo pedimos, y hoy lo pido otra vez. Le avisamos en un día hábil.",
            ),
            level=1,
            guide="Order, face-to-face note, authorization: name which. Some items may not leave "
            "before the written order is here.",
            next="chase",
        ),
        act("chase", "Have the missing paper chased", "chase_paperwork", level=1, next="close"),
        ask(
            "delivered",
            "Look for what was delivered",
            ["not_there"],
            (
                "The carrier shows it as delivered. Could it be with a neighbour, at the desk or "
                "behind a door? Did you look there?",
                "El transportista indica que fue entregado. ¿Puede estar con un vecino, en "
                "recepción o detrás de una puerta? ¿Ya buscó ahí?",
            ),
            level=1,
            branches=[to("late", "It can't be found", ("not_there", "equals", "yes"))],
            next="found",
        ),
        tell(
            "found",
            "Good: it is there",
            (
                "I am glad it is there. Please check that all of it is in the box, and tell us "
                "within a few days if not.",
                "Me alegra que esté ahí. Revise que venga todo y avísenos en unos días si falta algo.",
            ),
            next="close",
        ),
        act(
            "late",
            "Have the parcel traced",
            "trace_parcel",
            "The delivery desk calls the carrier today, and ships again where it is lost.",
            level=1,
        ),
        escalate(
            "to_delivery",
            "Hand the late order to the specialist",
            "specialist",
            "Say what was promised, by whom and when.",
            level=1,
        ),
        tell(
            "sorry",
            "Say sorry, and by when they hear",
            (
                "I am sorry: this is later than we said. Our delivery desk is tracing it now, and"
                " you hear from us today before we close.",
                "Lo siento: esto tarda más de lo que dijimos. El equipo de entregas lo rastrea "
                "ahora y le avisamos hoy antes de cerrar.",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "urgent",
            "Call the clinician on duty: supply runs out",
            "clinical",
            "Oxygen or ventilation: tell them to use the back-up cylinder and to call 911 if "
            "breathing gets hard. Send a driver, not a parcel.",
        ),
        say(
            "stay_safe",
            "Keep them safe meanwhile",
            (
                "This is urgent and our clinician is being called now. Switch to your back-up if "
                "you have one. If breathing gets hard, call 911 at once.",
                "Esto es urgente y ya estamos llamando a nuestro clínico. Use su equipo de "
                "respaldo si lo tiene. Si le cuesta respirar, llame al 911 de inmediato.",
            ),
            next="close",
        ),
        not_verified(
            also=(
                "The tracking number on your message shows the parcel without my help.",
                "El número de seguimiento de su mensaje le muestra el paquete sin mi ayuda.",
            )
        ),
        close(
            guide="Next step: the day it comes, or who calls by when. Send the tracking link by the"
            " channel they chose."
        ),
    ],
)
