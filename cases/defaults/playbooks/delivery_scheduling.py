"""A day, a two-hour window and a way in: for set-ups, heavy equipment and pick-ups."""

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
    "delivery-scheduling",
    "Delivery scheduling",
    "Agree a day and a two-hour window, learn what the driver meets at the door, and "
    "confirm the number to call.",
    reasons=["delivery_scheduling", "pickup"],
    fields=[
        field("order", "Order to deliver", "order"),
        choice(
            "kind",
            "What is delivered",
            ("supplies", "Supplies, by carrier"),
            ("setup", "Device with set-up at home"),
            ("technician", "Technician visit"),
            ("pickup", "Pick-up"),
        ),
        field("day", "Day they can receive it", "date", least="today", most="today+60"),
        choice(
            "window",
            "Two-hour window",
            ("8-10", "8 to 10 am"),
            ("10-12", "10 am to noon"),
            ("12-14", "Noon to 2 pm"),
            ("14-16", "2 to 4 pm"),
            ("16-18", "4 to 6 pm"),
        ),
        field("stairs", "Flights of stairs without a lift", "number", least="0", most="20"),
        yesno("assembly", "Assembly wanted"),
        field("fee", "Delivery fee told them", "money", least="0", most="150"),
        yesno("fee_agreed", "They agree to the fee"),
        field("call", "Best number on the day", "phone", phi=True, what="contact"),
        yesno("adult", "An adult will be there to sign"),
        yesno("life_support", "Equipment they can't be without", phi=True, what="clinical"),
        field("door", "What the driver should know: gate, dog, oxygen sign", required=False),
    ],
    escalation=[
        ("specialist", "No window within 72 hours for a set-up, or a third change of the same delivery."),
        ("clinical", "Discharge from hospital today and no oxygen, bed or ventilator at home."),
        ("manager", "A fee in dispute, or a driver's conduct."),
    ],
    steps=[
        greet(("a delivery", "una entrega")),
        identify(),
        ask(
            "what",
            "Which order, and what kind of visit",
            ["order", "kind", "life_support"],
            (
                "Which delivery is it, and is it something you can't be without until then?",
                "¿Qué entrega es, y es algo de lo que no puede prescindir hasta entonces?",
            ),
            level=1,
            guide="Set-ups go out in 24 to 72 hours; a technician comes 48 to 72 hours after the "
            "booking; supplies in stock leave the same day. Some items need the written order"
            " in hand first.",
            branches=[
                to(
                    "no_wait",
                    "They can't be without it",
                    ("life_support", "equals", "yes"),
                    ("kind", "in", "setup,technician"),
                )
            ],
        ),
        ask(
            "when",
            "Offer the days and windows",
            ["day", "window"],
            (
                "I can offer you two-hour windows. Which day suits you, and morning or afternoon?",
                "Puedo ofrecerle franjas de dos horas. ¿Qué día le conviene, por la mañana o por la tarde?",
            ),
            level=1,
        ),
        ask(
            "door_step",
            "Ask what the driver meets",
            ["stairs", "assembly", "adult", "door"],
            (
                "Are there stairs, would you like it put together, and will an adult be there to "
                "sign? Anything about the gate or pets?",
                "¿Hay escaleras, quiere que lo armemos, y habrá un adulto para firmar? ¿Algo "
                "sobre la puerta o mascotas?",
            ),
            level=1,
            guide="We never sign for the patient. Somebody else may: write down who they are to the patient.",
        ),
        decide(
            "is_there_a_fee",
            "Is there a fee",
            "0 to 150 dollars by kind, floor and hour; none for covered set-ups. A fee is "
            "told before it is agreed, never after.",
            to("fee_step", "Stairs or assembly", ("stairs", "more", "0")),
            to("fee_step", "Assembly wanted", ("assembly", "equals", "yes")),
            next="number",
        ),
        ask(
            "fee_step",
            "Tell the fee and ask if they agree",
            ["fee", "fee_agreed"],
            (
                "For this there is a delivery fee, which I will tell you now. Insurance does not "
                "pay it. Is that all right with you?",
                "Para esto hay un cargo de entrega, que le digo ahora. El seguro no lo cubre. "
                "¿Está de acuerdo?",
            ),
            level=1,
            branches=[to("no_fee", "They do not agree", ("fee_agreed", "equals", "no"))],
            next="number",
        ),
        tell(
            "no_fee",
            "Offer what costs nothing",
            (
                "I understand. We can bring it to the door without assembly, or you can pick it "
                "up, at no charge. Let us choose again.",
                "Entiendo. Podemos dejarlo en la puerta sin armarlo, o usted puede recogerlo, sin"
                " cargo. Elijamos de nuevo.",
            ),
            level=1,
            next="number",
        ),
        ask(
            "number",
            "Confirm the number for the day",
            ["call"],
            (
                "Which number should the driver call on the day? Please say it once more so that "
                "I have it right.",
                "¿A qué número debe llamar el chofer ese día? Repítalo, por favor, para tenerlo bien.",
            ),
            level=1,
            guide="For this delivery only. Changing the number on file is the account change "
            "playbook and needs a stronger check.",
        ),
        act(
            "book",
            "Book it with the delivery desk",
            "book_delivery",
            "Day, window, stairs and number stand in the case that opens.",
            level=1,
        ),
        tell(
            "confirm",
            "Say it back",
            (
                "To confirm: {day}, {window}. The driver calls you on the way. You get a"
                " reminder the day before, and you can change it until then.",
                "Confirmo: {day}, {window}. El chofer le llama en camino. Le recordamos el"
                " día anterior y hasta entonces puede cambiarlo.",
            ),
            sms=(
                "Hi {patient_first_name}, your order {order_number} has a delivery day. See the "
                "window at {portal_link}. {supplier_name}",
                "Hola {patient_first_name}, su pedido {order_number} ya tiene día de entrega. Vea"
                " la hora en {portal_link}. {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, your order {order_number} has a delivery day. Sign "
                "in at {portal_link} to see the window or to change it. {supplier_name}",
                "Hola {patient_first_name}, su pedido {order_number} ya tiene día de entrega. "
                "Entre en {portal_link} para ver la hora o cambiarla. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "no_wait",
            "Call the clinician on duty about a bridge",
            "clinical",
            "Symptoms, what is at home now, hospital and discharge hour. A set-up today, or a"
            " loan until it comes.",
            level=1,
        ),
        tell(
            "bridge",
            "Say what happens today",
            (
                "You should not be without it. Our clinician decides now how to bridge the time, "
                "and we call you back within the hour.",
                "No debe quedarse sin ello. Nuestro clínico decide ahora cómo cubrir ese tiempo y"
                " le llamamos dentro de una hora.",
            ),
            level=1,
            next="close",
        ),
        not_verified(
            also=(
                "I can tell you our hours and how a delivery works.",
                "Puedo explicarle el horario y cómo funciona una entrega.",
            )
        ),
        close(guide="Next step: the window and who drives, or the call back within the hour."),
    ],
)
