"""Supplies again: when the plan allows it, asked for by the patient in so many words."""

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
    "consumable-resupply",
    "Consumable resupply",
    "Take a refill request that will stand: what they want, that they want it, why, and when it may go out.",
    reasons=["consumable_resupply"],
    fields=[
        choice(
            "line",
            "Supplies for",
            ("pap", "PAP"),
            ("neb", "Nebulizer"),
            ("oxygen", "Oxygen contents"),
            ("pump", "Breast pump"),
            ("other", "Other"),
        ),
        field("last", "Day of the last delivery", "date", most="today"),
        field("days", "Days that delivery was for", "number", least="1", most="120"),
        field("items", "What they ask for, item by item"),
        yesno("wants", "They say yes, they want these items now"),
        field("why", "Why: worn, dirty, used up, changed fit", phi=True, what="clinical"),
        yesno("using", "Still using the device", phi=True, what="clinical"),
        yesno("same_plan", "Same insurance as last time"),
        yesno("same_address", "Same address as last time"),
        field(
            "ends", "Day what they have runs out", "date", required=False, least="today-60", most="today+120"
        ),
    ],
    escalation=[
        (
            "specialist",
            "More than the plan's usual quantity, an order older than the plan accepts, or a prescribed "
            "device no longer used.",
        ),
        ("clinical", "They ran out of oxygen contents."),
        ("manager", "Shipped without a yes on record."),
    ],
    steps=[
        greet(("supplies you use up", "sus suministros")),
        identify(),
        ask(
            "use",
            "Are they still using it, and with which plan",
            ["line", "using", "same_plan", "same_address"],
            (
                "Are you still using the device, and are your insurance and your address the same"
                " as last time?",
                "¿Sigue usando el equipo, y tiene el mismo seguro y la misma dirección que la última vez?",
            ),
            level=1,
            guide="Plans want evidence within the last year that it is used. A yes here, in the "
            "case, is part of it.",
            branches=[
                to("stopped", "They stopped using it", ("using", "equals", "no")),
                to("new_plan", "The insurance changed", ("same_plan", "equals", "no")),
            ],
        ),
        ask(
            "before",
            "What went out last",
            ["last", "days", "ends"],
            (
                "Your last delivery is before me. How long will what you have last?",
                "Tengo delante su última entrega. ¿Hasta cuándo le alcanza lo que tiene?",
            ),
            level=1,
            guide="A refill may be asked for within 30 days of the end of the last supply and "
            "delivered no sooner than 10 days before it. Count by the payer's rule in the "
            "resupply panel where it differs.",
            branches=[
                to(
                    "no_oxygen",
                    "Oxygen contents have run out",
                    ("line", "equals", "oxygen"),
                    ("ends", "older_than", "0"),
                )
            ],
        ),
        decide(
            "time",
            "Is it time",
            "Days since the last delivery, against what it was for. Too early is no: nothing "
            "is sent ahead, whatever was agreed before.",
            to(
                "too_early",
                "More than 30 days before a three-month supply ends",
                ("last", "within", "59"),
                ("days", "more", "89"),
            ),
            to(
                "too_early",
                "More than 30 days before a two-month supply ends",
                ("last", "within", "29"),
                ("days", "more", "59"),
            ),
            next="items_step",
        ),
        ask(
            "items_step",
            "Item by item, and a clear yes",
            ["items", "wants", "why"],
            (
                "Let us go through each item. Which do you need now, how many, and what is wrong "
                "with the old one? Do I have your yes to send exactly these?",
                "Repasemos cada artículo. ¿Cuáles necesita ahora, cuántos, y qué pasa con el "
                "anterior? ¿Me confirma que le envíe exactamente estos?",
            ),
            level=1,
            guide="A yes without the list is no refill record. Read the list back; never add, never"
            " send by habit. Cushion, pillows, filters: by their own calendars; heated and "
            "plain tubing exclude each other.",
            branches=[to("nothing", "They do not want them now", ("wants", "equals", "no"))],
        ),
        act(
            "order",
            "Hand the refill to the resupply desk",
            "order_resupply",
            "Name, day asked, items, the yes and the reason stand in the case that opens.",
            level=1,
        ),
        tell(
            "thanks",
            "Say when it comes and what it may cost",
            (
                "Thank you. Your refill goes out as soon as your plan allows and at most ten days"
                " before you run out. You get the tracking link, and your share before it ships "
                "if it changed.",
                "Gracias. Su pedido sale en cuanto su plan lo permite y como máximo diez días "
                "antes de que se le acabe. Recibirá el enlace y, si cambió, su parte del costo "
                "antes del envío.",
            ),
            sms=(
                "Hi {patient_first_name}, thank you: your refill request is in. Review it at "
                "{portal_link}. {supplier_name}",
                "Hola {patient_first_name}, gracias: recibimos su solicitud. Revísela en "
                "{portal_link}. {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, your refill request is in. Review each item at "
                "{portal_link}. {supplier_name}",
                "Hola {patient_first_name}, recibimos su solicitud. Revise cada artículo en "
                "{portal_link}. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        tell(
            "too_early",
            "Say the first day it can go out",
            (
                "It is a little early for your plan. I have the first day it can go out here, and"
                " we write to you before that, so you need not call.",
                "Es un poco pronto para su plan. Aquí tengo el primer día en que puede salir; le "
                "escribimos antes, no hace falta que llame.",
            ),
            level=1,
            guide="Give the day from the resupply panel. If they truly ran out early, ask why: a "
            "higher need must be prescribed.",
            next="close",
        ),
        tell(
            "nothing",
            "Send nothing",
            (
                "Then I send nothing. Call or sign in whenever you need something.",
                "Entonces no envío nada. Llame o entre en el portal cuando necesite algo.",
            ),
            level=1,
            next="close",
        ),
        tell(
            "stopped",
            "Ask why, gently, and send nothing",
            (
                "Thank you for telling me. I send nothing more. May our therapist call you? There"
                " is often a way to make it easier.",
                "Gracias por decírmelo. No envío nada más. ¿Puede llamarle nuestro terapeuta? A "
                "menudo hay forma de que sea más fácil.",
            ),
            level=1,
        ),
        escalate(
            "therapy",
            "Tell the specialist that therapy stopped",
            "specialist",
            "Since when, and why. A rented device that is not used can't be billed on.",
            level=1,
            next="close",
        ),
        escalate(
            "no_oxygen",
            "Call the clinician on duty: no oxygen left",
            "clinical",
            "Hard to breathe: 911 first. Back-up at home, and what they feel. Send a driver.",
            level=1,
        ),
        say(
            "stay_safe",
            "Keep them safe meanwhile",
            (
                "You should not be without it. Our clinician is being called now. Use your back-up. If "
                "breathing gets hard, call 911 at once.",
                "No debe quedarse sin él. Ya estamos llamando a nuestro clínico. Use su respaldo. Si le "
                "cuesta respirar, llame al 911 de inmediato.",
            ),
            level=1,
            next="items_step",
        ),
        act(
            "new_plan",
            "Have the new plan verified first",
            "verify_coverage",
            "Nothing ships on a plan we have not verified.",
            level=1,
        ),
        tell(
            "after_plan",
            "Say it goes out once the plan is checked",
            (
                "A new plan has to answer us first; that takes two to seven business days. Please"
                " upload both sides of the new card in the portal today.",
                "El plan nuevo debe respondernos primero; tarda de dos a siete días hábiles. Suba"
                " hoy en el portal los dos lados de la tarjeta.",
            ),
            level=1,
            next="close",
        ),
        not_verified(
            also=(
                "Refills can be asked for at any hour after signing in.",
                "Puede pedir reposiciones a cualquier hora al entrar.",
            )
        ),
        close(guide="Next step: ship date, or the first day it may go out."),
    ],
)
