"""A device that does not do what it should, from the safest step to the costliest."""

from cases.defaults.playbooks.writing import (
    act,
    ask,
    choice,
    close,
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
    "device-troubleshooting",
    "Device troubleshooting",
    "Make sure the person is safe, then get the device working over the phone, or get another one to them.",
    reasons=["device_troubleshooting", "equipment_down", "fit"],
    fields=[
        choice(
            "device",
            "Device",
            ("pap", "PAP device"),
            ("oxygen", "Oxygen"),
            ("vent", "Ventilator"),
            ("neb", "Nebulizer"),
            ("pump", "Breast pump"),
            ("bed", "Bed or chair"),
        ),
        yesno(
            "unwell",
            "Unwell now: hard to breathe, blue lips, confused, chest pain",
            phi=True,
            what="clinical",
        ),
        yesno("backup", "A back-up at home that works", phi=True, what="clinical"),
        choice(
            "trouble",
            "What is wrong",
            ("power", "Does not start"),
            ("alarm", "Alarm or error code"),
            ("leak", "Leak or low pressure"),
            ("noise", "Noise or smell"),
            ("comfort", "Comfort or fit"),
            ("damage", "Broken or burnt"),
        ),
        field("code", "Error shown", required=False),
        field("serial", "Serial number", phi=True, what="clinical", required=False),
        yesno("fixed", "Works again"),
        yesno("warranty", "Rented, or still under warranty", required=False),
    ],
    escalation=[
        (
            "clinical",
            "Any symptom, any ventilator, any oxygen fault without a back-up: at once, day and night.",
        ),
        (
            "specialist",
            "Not working after the steps; smell of burning; the same fault a second time in 30 days.",
        ),
        ("manager", "No replacement can reach them within 24 hours."),
    ],
    steps=[
        greet(
            ("a device that is not working", "un equipo que no funciona"),
            guide="Safety comes before verification here: nothing of the record is opened by it.",
        ),
        ask(
            "safe",
            "Is the person safe",
            ["device", "unwell"],
            (
                "First: how do you feel right now? Is it hard to breathe, any chest pain, "
                "dizziness or blue lips? And which device is it?",
                "Primero: ¿cómo se siente ahora? ¿Le cuesta respirar, dolor de pecho, mareo o "
                "labios azules? ¿Y qué equipo es?",
            ),
            guide="Anything but “fine” is a yes. Do not diagnose.",
            branches=[to("danger", "They are unwell", ("unwell", "equals", "yes"))],
        ),
        ask(
            "spare",
            "Is there a back-up",
            ["backup"],
            (
                "Do you have a back-up, such as a full cylinder or a second device, that you can "
                "use until this is solved?",
                "¿Tiene un respaldo, como un cilindro lleno o un segundo equipo, que pueda usar "
                "hasta resolverlo?",
            ),
            branches=[
                to(
                    "danger",
                    "Life-sustaining and no back-up",
                    ("backup", "equals", "no"),
                    ("device", "in", "oxygen,vent"),
                )
            ],
        ),
        identify(failed="basic"),
        ask(
            "what",
            "What it does",
            ["trouble", "code", "serial"],
            (
                "Tell me what you see, hear or smell, and any code on the screen. The serial "
                "number is on the label underneath.",
                "Dígame qué ve, oye o huele, y cualquier código en la pantalla. El número de "
                "serie está en la etiqueta de abajo.",
            ),
            level=1,
            branches=[
                to("stop_use", "Burnt, broken or smelling", ("trouble", "equals", "damage")),
                to("fit", "Comfort or fit", ("trouble", "equals", "comfort")),
            ],
        ),
        say(
            "basic",
            "Go through the safe steps",
            (
                "Let us try this together, one thing at a time: another outlet, cable firmly in, "
                "hoses not kinked, filter clean, then off for one minute and on again.",
                "Probemos juntos, una cosa a la vez: otro enchufe, el cable firme, mangueras sin "
                "doblar, filtro limpio, apáguelo un minuto y vuelva a encenderlo.",
            ),
            guide="One step, then wait for the answer. Never let them open the case. Never change a"
            " prescribed setting: flow and pressure are the prescriber's.",
        ),
        ask(
            "works",
            "Does it work now",
            ["fixed"],
            ("Does it work as it should now?", "¿Ya funciona como debe?"),
            branches=[to("good", "It works", ("fixed", "equals", "yes"))],
        ),
        identify(code="identify_to_replace"),
        ask(
            "replace_check",
            "Rented or under warranty",
            ["warranty"],
            (
                "I will arrange another one. Let me see whether yours is rented or still under "
                "warranty, so that you know what it costs.",
                "Voy a gestionar otro. Veo si el suyo es rentado o sigue en garantía, para que "
                "sepa el costo.",
            ),
            level=1,
            guide="Rented equipment is ours to service. For owned equipment see the warranty in the"
            " devices panel.",
        ),
        act(
            "swap",
            "Have it exchanged",
            "exchange_device",
            "Device, serial and code stand in the case that opens; keep the old one for the driver.",
            level=1,
        ),
        escalate(
            "to_specialist",
            "Hand the fault to the specialist",
            "specialist",
            "What was tried, in order, and what happened.",
            level=1,
        ),
        tell(
            "coming",
            "Say when another one comes",
            (
                "Another one is being arranged. You will hear the delivery window from us today. "
                "Keep the old one until our driver takes it.",
                "Estamos gestionando otro. Hoy le decimos a qué hora llega. Guarde el anterior "
                "hasta que lo recoja el chofer.",
            ),
            level=1,
            next="close",
        ),
        say(
            "fit",
            "Help with fit and comfort",
            (
                "Many people need a few nights. Let us check size and straps: firm, not tight, "
                "put on lying down. A different style may suit you better.",
                "Muchas personas necesitan unas noches. Revisemos talla y correas: firmes, no "
                "apretadas, ajustadas acostado. Otro modelo puede irle mejor.",
            ),
            level=1,
            guide="A fitting call with a therapist can be booked. Note whether nights are skipped: "
            "the first 90 days are counted by the payer.",
            next="works",
        ),
        say(
            "stop_use",
            "Stop using it",
            (
                "Please unplug it and do not use it again. Use your back-up. We exchange it, and "
                "we report the fault.",
                "Desenchúfelo y no lo use más. Use su respaldo. Lo cambiamos y reportamos la falla.",
            ),
            level=1,
            guide="Smoke or injury: our duty to report runs from today. Keep the device.",
            next="replace_check",
        ),
        escalate(
            "danger",
            "Call the clinician on duty now",
            "clinical",
            "Trouble breathing or chest pain: 911 first, and stay on the line. Symptoms word "
            "for word, and the hour.",
        ),
        say(
            "stay",
            "Keep them safe",
            (
                "If it gets worse or you can't breathe, hang up and call 911. Switch to your "
                "back-up now. Our clinician calls you within the hour.",
                "Si empeora o no puede respirar, cuelgue y llame al 911. Use su respaldo ahora. "
                "Nuestro clínico le llama en una hora.",
            ),
            next="close",
        ),
        tell(
            "good",
            "Say what to do if it comes back",
            (
                "I am glad. If it comes back, call us at any hour and name this case: {case_number}.",
                "Me alegra. Si vuelve a pasar, llámenos a cualquier hora y mencione este caso: "
                "{case_number}.",
            ),
            next="close",
        ),
        not_verified(
            also=(
                "If you are without a device you need to breathe, tell me and I get our clinician.",
                "Si está sin un equipo que necesita para respirar, dígamelo y llamo a nuestro clínico.",
            )
        ),
        close(
            guide="Next step: the window of the exchange, or a call tomorrow to ask whether it still works."
        ),
    ],
)
