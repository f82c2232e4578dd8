"""A part that broke, got lost or never came."""

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
    "replacement-part",
    "Replacement part",
    "Find the right part, who pays for it and why it is needed, and get it on its way.",
    reasons=["replacement_part", "wrong_item"],
    fields=[
        field("order", "Order or device it belongs to", "order", required=False),
        field("part", "Part, as they call it"),
        field("size", "Size or model on the label", required=False),
        choice(
            "why",
            "Why it is needed",
            ("missing", "Missing from the box"),
            ("wrong", "Wrong part sent"),
            ("broken", "Broken in use"),
            ("worn", "Worn out"),
            ("lost", "Lost, stolen or destroyed"),
        ),
        yesno("usable", "The device can still be used safely", phi=True, what="clinical"),
        yesno("rented", "The device is rented from us"),
        field("lost_how", "What happened to it, and when", required=False),
        yesno("pays", "They agree to pay if the plan does not", required=False),
        field("told", "Price told them", "money", required=False, least="0", most="5000"),
    ],
    escalation=[
        ("specialist", "The plan limits how many, and more are needed: who prescribes must say why."),
        ("clinical", "The device can't be used without the part and they depend on it."),
        ("manager", "A part on back order for more than five business days."),
    ],
    steps=[
        greet(("a part for a device", "una pieza de un equipo")),
        identify(),
        ask(
            "which",
            "Which part, and why",
            ["order", "part", "size", "why"],
            (
                "Which part is it, what does its label say, and what happened: missing, broken, "
                "worn or lost?",
                "¿Qué pieza es, qué dice su etiqueta y qué pasó: faltaba, se rompió, se gastó o se perdió?",
            ),
            level=1,
            guide="Write the reason in their words: for masks, tubing and headgear the payer wants "
            "to read why the old one no longer works.",
        ),
        ask(
            "usable_now",
            "Can they go on without it",
            ["usable", "rented"],
            (
                "Can you still use the device safely without it? And is it one you rent from us?",
                "¿Puede seguir usando el equipo con seguridad sin ella? ¿Y lo renta con nosotros?",
            ),
            level=1,
            branches=[to("bridge", "It can't be used without the part", ("usable", "equals", "no"))],
        ),
        decide(
            "who_pays",
            "Who pays for it",
            "Missing or wrong is ours. Parts of a rented device belong to the rent. Worn "
            "parts go by the plan's calendar. Lost or stolen needs a record of what happened.",
            to("ours", "Our mistake", ("why", "in", "missing,wrong")),
            to(
                "ours",
                "Rented, so it is ours to keep working",
                ("rented", "equals", "yes"),
                ("why", "in", "broken,worn"),
            ),
            to("loss", "Lost, stolen or destroyed", ("why", "equals", "lost")),
            next="plan",
        ),
        tell(
            "ours",
            "It costs them nothing",
            (
                "This one is on us: there is no charge. I am sending it now.",
                "Esta corre por nuestra cuenta: no tiene costo. La envío ahora.",
            ),
            level=1,
            next="send",
        ),
        ask(
            "loss",
            "Write down the loss",
            ["lost_how"],
            (
                "I am sorry. Please tell me what happened and when. If it was theft or fire, keep"
                " the report.",
                "Lo siento. Dígame qué pasó y cuándo. Si fue robo o incendio, guarde el reporte.",
            ),
            level=1,
            guide="A replacement before the end of the item's useful life needs proof of loss or "
            "damage and a new order.",
        ),
        ask(
            "plan",
            "Tell them what the plan may not pay",
            ["told", "pays"],
            (
                "Plans pay for parts only so often. If yours says no this time, would you like to"
                " pay for it yourself? I tell you the price first.",
                "Los planes pagan piezas cada cierto tiempo. Si el suyo dice que no, ¿quiere "
                "pagarla usted? Primero le digo el precio.",
            ),
            level=1,
            branches=[to("plan_only", "Only if the plan pays", ("pays", "equals", "no"))],
            next="send",
        ),
        tell(
            "plan_only",
            "Say from when the plan pays",
            (
                "All right. I note the part for the first day your plan pays again, and we write "
                "to you before that.",
                "De acuerdo. Anoto la pieza para el primer día en que su plan vuelva a pagar y le"
                " escribimos antes.",
            ),
            level=1,
        ),
        act(
            "later",
            "Have it noted for that day",
            "order_resupply",
            "Only once the plan pays: nothing leaves before.",
            level=1,
            next="close",
        ),
        act(
            "send",
            "Have the part sent",
            "order_part",
            "Part, size, reason and who pays stand in the case that opens.",
            level=1,
        ),
        tell(
            "when",
            "Say when it comes",
            (
                "Parts in stock leave the same day. You get the tracking link when it ships. Do "
                "you want the old one picked up?",
                "Las piezas en existencia salen el mismo día. Recibirá el enlace al enviarse. "
                "¿Quiere que recojamos la anterior?",
            ),
            sms=(
                "Hi {patient_first_name}, we are sending what you asked for. Follow it at "
                "{portal_link}. {supplier_name}",
                "Hola {patient_first_name}, le enviamos lo que pidió. Sígalo en {portal_link}. "
                "{supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, we are sending what you asked for. You can follow it"
                " at {portal_link}. {supplier_name}",
                "Hola {patient_first_name}, le enviamos lo que pidió. Puede seguirlo en "
                "{portal_link}. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "bridge",
            "Call the clinician on duty about a bridge",
            "clinical",
            "Which device, what they feel, what is at home. A loan or a part by driver today.",
            level=1,
        ),
        say(
            "until_then",
            "Keep them going",
            (
                "You should not go without it. Our clinician calls you within the hour. If you "
                "feel unwell before that, call 911.",
                "No debe quedarse sin él. Nuestro clínico le llama en una hora. Si se siente mal "
                "antes, llame al 911.",
            ),
            level=1,
            next="send",
        ),
        not_verified(),
        close(guide="Next step: ship date and who checks that the part fits."),
    ],
)
