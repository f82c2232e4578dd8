"""A payer said no: whether it can be appealed, by when, and with what."""

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
    prove,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "appeal",
    "Appeal",
    "Learn what was denied and why, whether to correct, appeal or let it rest, and keep the payer's day.",
    reasons=["appeal"],
    level=2,
    fields=[
        field("order", "Order denied", "order", required=False),
        field("notice", "Date of the denial notice", "date", most="today"),
        choice(
            "plan",
            "Kind of plan",
            ("medicare", "Original Medicare"),
            ("advantage", "Medicare Advantage"),
            ("medicaid", "Medicaid"),
            ("commercial", "Commercial or employer"),
        ),
        choice(
            "why",
            "Why it was denied",
            ("missing", "Something was missing or unreadable"),
            ("need", "Not medically necessary"),
            ("auth", "No authorization"),
            ("often", "Too soon or too many"),
            ("other_plan", "Another plan pays first"),
            ("not_covered", "Not a benefit of the plan"),
            ("late", "Filed too late"),
        ),
        field("ref", "Number on the notice", phi=True, what="insurance", required=False),
        yesno("letter", "The notice is uploaded"),
        yesno("signed", "They let us appeal for them"),
        field(
            "news", "What is new: visit, test, change in health", phi=True, what="clinical", required=False
        ),
        yesno("urgent", "Their health is at risk while they wait", phi=True, what="clinical"),
    ],
    escalation=[
        (
            "specialist",
            "Every appeal: the billing specialist writes it. At once when fewer than ten days are left.",
        ),
        ("clinical", "A letter of necessity is needed, or health is at risk."),
        ("manager", "The payer has not answered after its days, or the last level is lost."),
    ],
    steps=[
        greet(("a denial from your insurance", "una negativa de su seguro")),
        identify(),
        prove(failed="limited"),
        ask(
            "what",
            "What was denied, and when",
            ["order", "plan", "notice", "why", "ref"],
            (
                "Please read me the date and the reason on the notice. The reason tells us "
                "whether to correct it, to appeal, or to bill another plan.",
                "Léame la fecha y el motivo de la carta. El motivo nos dice si corregir, apelar o"
                " cobrar a otro plan.",
            ),
            level=2,
            guide="The payer's day counts from the notice. Original Medicare: 120 days for the "
            "first level; Advantage about 65; employers' and marketplace plans 180. What was "
            "unreadable is corrected and sent again, not appealed.",
        ),
        ask(
            "harm",
            "Is their health at risk",
            ["urgent"],
            (
                "While this is open: are you without equipment you need, or does waiting harm your health?",
                "Mientras esto sigue: ¿está sin equipo que necesita, o esperar daña su salud?",
            ),
            level=2,
            branches=[to("clinician", "Health at risk", ("urgent", "equals", "yes"))],
        ),
        decide(
            "which_way",
            "Correct, appeal or neither",
            "Only a decision on the merits is appealed.",
            to("correct", "Something was missing: correct it", ("why", "in", "missing,other_plan")),
            to("no_benefit", "Not a benefit of the plan", ("why", "equals", "not_covered")),
            to("too_late", "The day has passed (180 days)", ("notice", "older_than", "180")),
            to(
                "too_late",
                "The day has passed (Medicare, 120 days)",
                ("plan", "equals", "medicare"),
                ("notice", "older_than", "125"),
            ),
            to(
                "too_late",
                "The day has passed (Advantage, 65 days)",
                ("plan", "equals", "advantage"),
                ("notice", "older_than", "65"),
            ),
            next="evidence",
        ),
        ask(
            "evidence",
            "What speaks for it",
            ["letter", "signed", "news"],
            (
                "Please upload the notice. What has changed since: a visit, a test, how you feel?"
                " And may we appeal in your name?",
                "Suba la carta, por favor. ¿Qué cambió desde entonces: una visita, un examen, "
                "cómo se siente? ¿Y podemos apelar en su nombre?",
            ),
            level=2,
            guide="Visit note, test, record of use and the signed order are the case. For Advantage"
            " and commercial plans we need their signature to act for them.",
            branches=[
                to("paper", "The notice is not here yet", ("letter", "equals", "no")),
                to("own_appeal", "They appeal themselves", ("signed", "equals", "no")),
            ],
        ),
        act(
            "prepare",
            "Open the appeal for billing",
            "prepare_appeal",
            "Notice, reason, day of the payer, and what is new stand in the case that opens.",
            level=2,
        ),
        escalate(
            "specialist",
            "Hand it to the billing specialist",
            "specialist",
            "Days left, and which level it is.",
            level=2,
        ),
        tell(
            "promise",
            "Say both clocks",
            (
                "Two clocks run: ours to file, well before the last day, and your plan's to "
                "answer, 30 to 90 days. You see both in the portal, and you owe nothing on it "
                "meanwhile.",
                "Corren dos plazos: el nuestro para presentar, mucho antes del último día, y el "
                "de su plan para responder, de 30 a 90 días. Los ve en el portal y mientras tanto"
                " no debe nada.",
            ),
            level=2,
            next="close",
        ),
        act(
            "correct",
            "Have it corrected and sent again",
            "review_bill",
            "A new claim, not an appeal. Filing days still run.",
            level=2,
        ),
        tell(
            "correct_said",
            "Say that it is simpler",
            (
                "This needs no appeal: something was missing. We correct it and send it again "
                "this week, and you need do nothing.",
                "Esto no necesita apelación: faltaba algo. Lo corregimos y enviamos esta semana; "
                "usted no tiene que hacer nada.",
            ),
            level=2,
            next="close",
        ),
        tell(
            "paper",
            "Wait for the notice",
            (
                "Please upload it today: the day on it decides how long we have.",
                "Súbala hoy, por favor: su fecha decide cuánto tiempo tenemos.",
            ),
            sms=(
                "Hi {patient_first_name}, please add the letter you told us of after signing in: "
                "{portal_link} {supplier_name}",
                "Hola {patient_first_name}, añada la carta de la que nos habló al entrar: "
                "{portal_link} {supplier_name}",
            ),
            level=2,
        ),
        act("wait", "The customer has the next move", "wait_on_customer", level=2, next="prepare"),
        tell(
            "own_appeal",
            "Help them to appeal themselves",
            (
                "That is your right. I put the papers you need in the portal, and the notice "
                "tells you where to send them and by when.",
                "Es su derecho. Le dejo en el portal los documentos que necesita; la carta dice "
                "adónde enviarlos y hasta cuándo.",
            ),
            level=2,
            next="close",
        ),
        tell(
            "no_benefit",
            "Say plainly what it is",
            (
                "Your plan does not include this item, and an appeal rarely changes that. We can "
                "look at other items, your own payment, or help with the cost.",
                "Su plan no incluye este artículo y una apelación rara vez lo cambia. Veamos "
                "otros artículos, pago propio o ayuda con el costo.",
            ),
            level=2,
            next="close",
        ),
        tell(
            "too_late",
            "Say that the day has passed, and what is left",
            (
                "The day to appeal seems to have passed. A late appeal needs a good reason, such "
                "as illness. I ask our specialist whether yours counts.",
                "El plazo para apelar parece vencido. Una apelación tardía necesita un buen "
                "motivo, como enfermedad. Pregunto a nuestro especialista si el suyo cuenta.",
            ),
            level=2,
        ),
        escalate(
            "too_late_hand",
            "Ask the specialist about a late appeal",
            "specialist",
            "Why it is late, with evidence.",
            level=2,
            next="close",
        ),
        escalate(
            "clinician",
            "Call the clinician on duty: denied and at risk",
            "clinical",
            "What they are without and what they feel. A fast appeal is decided in 72 hours.",
            level=2,
        ),
        tell(
            "bridge",
            "Say what happens now",
            (
                "You should not be harmed by this. Our clinician calls you within the hour, and "
                "we ask for a fast decision.",
                "Esto no debe dañarle. Nuestro clínico le llama en una hora y pedimos una decisión rápida.",
            ),
            level=2,
            next="which_way",
        ),
        tell(
            "limited",
            "Take it in, tell nothing",
            (
                "I note that you want to appeal. To speak about the reason I need a stronger "
                "check: please sign in to the portal. Mind the last day on your notice.",
                "Anoto que quiere apelar. Para hablar del motivo necesito una comprobación mayor:"
                " entre en el portal. Fíjese en la fecha límite de su carta.",
            ),
            level=1,
        ),
        act("limited_hand", "Open it for billing", "prepare_appeal", level=1, next="close"),
        not_verified(),
        close(guide="Next step: the day we file, the payer's last day, and who looks."),
    ],
)
