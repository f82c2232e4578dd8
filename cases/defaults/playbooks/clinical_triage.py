"""Somebody is unwell, or may be: get them to the right help, and to a clinician within the hour."""

from cases.defaults.playbooks.writing import (
    ask,
    choice,
    close,
    decide,
    escalate,
    field,
    greet,
    identify,
    playbook,
    say,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "clinical-triage",
    "Clinical triage",
    "Hear symptoms, send emergencies to 911, put everything else before a clinician "
    "within one hour. We never diagnose.",
    reasons=["clinical_triage", "symptoms", "settings", "adherence"],
    fields=[
        yesno(
            "danger",
            "Can't breathe, chest pain, blue lips, confused, fainting, heavy bleeding",
            phi=True,
            what="clinical",
        ),
        field("where", "Where they are now, for the ambulance", phi=True, what="contact", required=False),
        field("since", "Since when", phi=True, what="clinical"),
        choice(
            "device",
            "Equipment involved",
            ("pap", "PAP"),
            ("oxygen", "Oxygen"),
            ("vent", "Ventilator"),
            ("neb", "Nebulizer"),
            ("pump", "Breast pump"),
            ("none", "None"),
            phi=True,
            what="clinical",
        ),
        field("flow", "Setting they use, as prescribed", phi=True, what="clinical", required=False),
        yesno("worse", "Worse than usual for them", phi=True, what="clinical"),
        yesno("changed", "They changed the setting or stopped", phi=True, what="clinical"),
        field("call", "Number to call back at once", "phone", phi=True, what="contact"),
        yesno("told", "They have told their own clinician", phi=True, what="clinical"),
        yesno("routine", "Only a question, nobody unwell", phi=True, what="clinical"),
    ],
    escalation=[
        (
            "clinical",
            "Always, but for a plain question: within one hour, day and night. Next on the "
            "rota after no answer.",
        ),
        ("manager", "Nobody has taken it on within the hour."),
    ],
    steps=[
        greet(
            ("how you feel", "cómo se siente"),
            guide="Never let anybody wait for verification when they are unwell. Stay on the line. "
            "You write down; you do not advise on treatment.",
        ),
        ask(
            "danger_step",
            "Rule out an emergency first",
            ["danger", "where"],
            (
                "First, are you safe right now: any trouble breathing, chest pain, blue lips, "
                "confusion or fainting? Where are you?",
                "Primero, ¿está a salvo ahora: dificultad para respirar, dolor de pecho, labios "
                "azules, confusión o desmayo? ¿Dónde está?",
            ),
            sms=(
                "If this is an emergency, call 911 now. Otherwise please call us at "
                "{supplier_phone}. {supplier_name}",
                "Si es una emergencia, llame al 911 ahora. Si no, llámenos al {supplier_phone}. "
                "{supplier_name}",
            ),
            email=(
                "If this is an emergency, call 911 now. Otherwise please call us at "
                "{supplier_phone}; we do not want you to wait for an e-mail. {supplier_name}",
                "Si es una emergencia, llame al 911 ahora. Si no, llámenos al {supplier_phone}; "
                "no queremos que espere un correo. {supplier_name}",
            ),
            branches=[to("nine_one_one", "An emergency", ("danger", "equals", "yes"))],
        ),
        ask(
            "listen",
            "Hear the symptoms",
            ["symptoms", "since", "worse", "device", "routine"],
            (
                "Please tell me what you feel and since when, in your own words. Is it worse than"
                " usual for you, and does it have to do with your equipment?",
                "Dígame qué siente y desde cuándo, con sus palabras. ¿Está peor que de costumbre,"
                " y tiene que ver con su equipo?",
            ),
            guide="Write their words, not yours. No names of illnesses unless they say them.",
        ),
        ask(
            "reach",
            "Where we reach them",
            ["call", "clinician"],
            (
                "Which number reaches you right away if we are cut off? And who is the clinician "
                "that treats you?",
                "¿A qué número le llamamos de inmediato si se corta? ¿Y qué clínico lo atiende?",
            ),
            guide="An NPI has ten digits; leave it empty rather than guess.",
        ),
        decide(
            "plain",
            "Is it only a question",
            "When in doubt it is not.",
            to(
                "identify",
                "A question, nobody unwell",
                ("routine", "equals", "yes"),
                ("worse", "equals", "no"),
            ),
            next="page",
        ),
        escalate(
            "page",
            "Page the clinician on duty",
            "clinical",
            "The rota names who it is. Paged by every way until somebody has it; then the next.",
        ),
        say(
            "hold",
            "Tell them what happens now",
            (
                "Our clinician is being called now and calls you within the hour. Do not change "
                "your settings before that. If anything gets worse, call 911.",
                "Estamos llamando a nuestro clínico; le llama en menos de una hora. No cambie sus"
                " ajustes antes. Si algo empeora, llame al 911.",
            ),
            guide="Stay on the line while they are frightened or alone.",
        ),
        identify(failed="kept_apart"),
        ask(
            "detail",
            "What the clinician will want",
            ["changed", "flow", "told"],
            (
                "While we wait: have you changed the setting or stopped using it, and does your "
                "own clinician know how you feel?",
                "Mientras tanto: ¿cambió el ajuste o dejó de usarlo, y sabe su clínico cómo se siente?",
            ),
            level=1,
            guide="What is on file stays closed until level 2. What they tell us may always be written down.",
        ),
        tell(
            "after",
            "Say how it goes on",
            (
                "Everything you told me is with our clinician. We also ask your prescriber when "
                "the clinician wants a change. I check back with you today.",
                "Todo lo que me dijo lo tiene nuestro clínico. También preguntamos a su médico si"
                " hace falta un cambio. Hoy vuelvo a comunicarme.",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "nine_one_one",
            "Send them to 911, then page the clinician",
            "clinical",
            "911 first. If they can't call, call for them with where they are. Stay on the "
            "line. Then page: symptoms word for word, and the hour.",
        ),
        say(
            "on_the_line",
            "Stay with them",
            (
                "Call 911 now, or tell me where you are and I call. Unlock the door, sit up, use "
                "your oxygen as prescribed. I stay with you.",
                "Llame al 911 ahora, o dígame dónde está y llamo yo. Abra la puerta, siéntese, "
                "use su oxígeno como está indicado. Me quedo con usted.",
            ),
            next="close",
        ),
        tell(
            "kept_apart",
            "Help goes on without the record",
            (
                "That is all right: our clinician calls you all the same. We only keep your "
                "record closed for now.",
                "No importa: nuestro clínico le llama igual. Solo mantenemos cerrado su "
                "expediente por ahora.",
            ),
            guide="Care is never held back for a failed check.",
            next="close",
        ),
        close(guide="Next step: clinician's name and hour from the rota, and who checks back today."),
    ],
)
