"""A bill that somebody does not understand, or does not believe."""

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
    "billing-dispute",
    "Billing dispute",
    "Explain a bill line by line, hold collection while it is looked into, and correct what is wrong.",
    reasons=["billing_dispute", "payment", "hardship"],
    level=2,
    fields=[
        field("order", "Order billed", "order", required=False),
        field("amount", "Amount in dispute", "money", phi=True, what="insurance", least="0"),
        field("statement", "Date of the statement", "date", required=False, most="today"),
        choice(
            "why",
            "What they say is wrong",
            ("unknown", "Does not know what it is for"),
            ("paid", "Paid already"),
            ("insurance", "Insurance should have paid"),
            ("returned", "Sent back"),
            ("rent", "Rent goes on too long"),
            ("estimate", "More than the estimate"),
        ),
        field("said", "In their words", phi=True, what="insurance"),
        yesno("told_before", "They signed a notice or agreed to the cost before", required=False),
        choice(
            "finding",
            "What the account shows",
            ("right", "The bill is right"),
            ("wrong", "We made a mistake"),
            ("payer", "The payer must answer"),
            ("unclear", "Not clear yet"),
        ),
        yesno("hardship", "They can't pay it", phi=True, what="insurance"),
    ],
    escalation=[
        ("specialist", "Not clear within the call, or money to give back."),
        ("manager", "In collection, more than 60 days old, or the third contact about one bill."),
    ],
    steps=[
        greet(("a bill", "una factura"), guide="Listen first. Do not defend the bill before you know it."),
        identify(),
        ask(
            "what",
            "What they say is wrong",
            ["order", "statement", "why"],
            (
                "Please tell me which bill it is and what does not look right to you.",
                "Dígame qué factura es y qué no le parece correcto.",
            ),
            level=1,
        ),
        prove(failed="in_writing"),
        ask(
            "lines",
            "Read the lines with them",
            ["amount", "said", "told_before", "finding"],
            (
                "I have the bill before me. Let us go through it line by line: what we charged, "
                "what your plan paid, what it left to you, and why.",
                "Tengo la factura delante. Repasémosla línea por línea: lo que cobramos, lo que "
                "pagó su plan, lo que le dejó y por qué.",
            ),
            level=2,
            guide="Deductible, share, not covered: read the payer's reason in our words. A plan's "
            "contractual part is never the patient's. Without a signed notice before delivery"
            " some denials are ours to bear.",
        ),
        decide(
            "by_finding",
            "What did we find",
            "Collection rests while it is looked into, whatever we found.",
            to("mistake", "We made a mistake", ("finding", "equals", "wrong")),
            to("payer", "The payer must answer", ("finding", "equals", "payer")),
            to("look", "Not clear yet", ("finding", "equals", "unclear")),
            next="right",
        ),
        ask(
            "right",
            "Explain it, and ask whether they can pay",
            ["hardship"],
            (
                "This is what makes up the amount. Does it make sense to you now, and is paying "
                "it possible, perhaps in parts?",
                "Así se compone el monto. ¿Le queda claro ahora, y puede pagarlo, quizá a plazos?",
            ),
            level=2,
            branches=[to("help", "They can't pay it", ("hardship", "equals", "yes"))],
            next="settled",
        ),
        tell(
            "settled",
            "Say what comes next",
            (
                "Thank you for going through it with me. Nothing more is needed today; your "
                "payment choices stand in the portal.",
                "Gracias por revisarla conmigo. Hoy no hace falta más; sus opciones de pago están"
                " en el portal.",
            ),
            level=2,
            next="close",
        ),
        act(
            "help",
            "Ask for a payment plan or a waiver",
            "review_bill",
            "Income is asked for by form, not on the phone. A waiver is approved, never promised.",
            level=2,
        ),
        tell(
            "help_said",
            "Say what they need to send",
            (
                "There are payment plans and, for hardship, help with the cost. You find a short "
                "form in the portal; nothing is collected while we look at it.",
                "Hay planes de pago y, en dificultades, ayuda con el costo. En el portal hay un "
                "formulario corto; mientras lo vemos no se cobra nada.",
            ),
            level=2,
            next="close",
        ),
        act(
            "mistake",
            "Have it corrected",
            "review_bill",
            "What is wrong, what it should be, and whether money goes back.",
            level=2,
        ),
        tell(
            "mistake_said",
            "Say sorry, and the day",
            (
                "You are right, and I am sorry. We correct it now. If money goes back to you, it "
                "is 7 to 10 business days, to the way you paid.",
                "Tiene razón y lo siento. Lo corregimos ahora. Si hay dinero que devolver, son 7 "
                "a 10 días hábiles a su forma de pago.",
            ),
            level=2,
            next="close",
        ),
        act(
            "payer",
            "Have the claim followed up",
            "review_bill",
            "Denied by reason: correct and send again, or appeal. See the payer's days.",
            level=2,
        ),
        tell(
            "payer_said",
            "Say that it rests",
            (
                "Your plan has to look at this again. We write to it. You owe nothing on this "
                "line until it answers, and we tell you when it does.",
                "Su plan debe revisarlo. Le escribimos. No debe nada de esta línea hasta que "
                "responda, y le avisamos.",
            ),
            level=2,
            next="close",
        ),
        escalate(
            "look",
            "Hand it to the billing specialist",
            "specialist",
            "Statement, amount, what they say, what you saw.",
            level=2,
        ),
        tell(
            "look_said",
            "Say by when they hear",
            (
                "I want this to be right. Our billing specialist looks at it and writes to you in"
                " the portal within one business day. Nothing is collected meanwhile.",
                "Quiero que esto quede bien. Nuestro especialista lo revisa y le escribe en el "
                "portal en un día hábil. Mientras tanto no se cobra nada.",
            ),
            email=(
                "Hello {patient_first_name}, we are looking into what you asked and answer in the"
                " portal: {portal_link}. {supplier_name}",
                "Hola {patient_first_name}, revisamos lo que preguntó y le respondemos en el "
                "portal: {portal_link}. {supplier_name}",
            ),
            level=2,
            next="close",
        ),
        tell(
            "in_writing",
            "Take it in without reading it out",
            (
                "I can take down what you dispute, and put collection on hold. To read the bill "
                "to you I need a stronger check: please sign in and write to us there.",
                "Puedo anotar lo que disputa y detener el cobro. Para leerle la factura necesito "
                "una comprobación mayor: entre en el portal y escríbanos.",
            ),
            level=1,
        ),
        act("in_writing_hand", "Have billing look into it", "review_bill", level=1, next="close"),
        not_verified(),
        close(guide="Next step: correction, answer or payment plan, with its day."),
    ],
)
