"""Which plan, whether it is active, and what it pays for this equipment."""

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
    "insurance-verification",
    "Insurance verification",
    "Get the card, learn which plan comes first, have it verified, and say what the "
    "patient will owe and how we know.",
    reasons=["insurance_verification", "insurance_change", "cost"],
    fields=[
        choice(
            "why",
            "What it is about",
            ("new", "First verification"),
            ("changed", "Plan changed"),
            ("question", "What is covered"),
            ("estimate", "What they owe"),
        ),
        choice(
            "plan",
            "Kind of plan",
            ("medicare", "Original Medicare"),
            ("advantage", "Medicare Advantage"),
            ("medicaid", "Medicaid"),
            ("commercial", "Commercial or employer"),
            ("none", "No insurance"),
        ),
        field("payer", "Payer's name on the card", phi=True, what="asked"),
        field("member", "Member id on the card", phi=True, what="insurance"),
        field("since", "In force since", "date", required=False, most="today+60"),
        yesno("second", "A second plan, Medicare, or an accident behind it"),
        yesno("card", "Both sides of the card uploaded"),
        yesno("stay", "In a hospital, nursing home or hospice now", phi=True, what="clinical"),
        choice(
            "answer",
            "What the payer answered",
            ("active", "Active"),
            ("inactive", "Not active"),
            ("not_found", "Not found"),
            ("unknown", "No answer yet"),
            phi=True,
            what="insurance",
        ),
    ],
    escalation=[
        (
            "specialist",
            "Inactive or not found with an order on its way; two plans that both claim to be second.",
        ),
        ("manager", "No answer seven business days after the card was complete."),
    ],
    steps=[
        greet(("your insurance", "su seguro")),
        identify(),
        ask(
            "which",
            "What changed, and what kind of plan",
            ["why", "plan", "second", "stay"],
            (
                "Is this a new plan or a question about the one we have? Is there a second plan, "
                "and are you at home, not in a facility?",
                "¿Es un plan nuevo o una pregunta sobre el que tenemos? ¿Hay un segundo plan, y "
                "está en casa, no en una institución?",
            ),
            level=1,
            guide="A card marked Medicare with a company's name is usually Advantage: that plan is "
            "billed, not Medicare. In a facility most equipment is the facility's to pay.",
            branches=[
                to("self_pay", "No insurance", ("plan", "equals", "none")),
                to("facility", "Not at home", ("stay", "equals", "yes")),
            ],
        ),
        ask(
            "card",
            "Ask for the card",
            ["payer", "member", "since", "card"],
            (
                "Please read me the payer and the member id, and upload both sides of the card in"
                " the portal. Please do not send it by e-mail or text.",
                "Léame el pagador y el número de miembro, y suba los dos lados de la tarjeta en "
                "el portal. No la envíe por correo ni por mensaje.",
            ),
            phone=(
                "Please read me the payer and the member id as they stand on the card. After the "
                "call, upload both sides in the portal.",
                "Léame el pagador y el número de miembro tal como están en la tarjeta. Después "
                "suba los dos lados en el portal.",
            ),
            sms=(
                "Hi {patient_first_name}, please add both sides of your card after signing in: "
                "{portal_link} {supplier_name}",
                "Hola {patient_first_name}, añada los dos lados de su tarjeta al entrar: "
                "{portal_link} {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, please sign in at {portal_link} and add both sides "
                "of your card. Please do not send it by e-mail. {supplier_name}",
                "Hola {patient_first_name}, entre en {portal_link} y añada los dos lados de su "
                "tarjeta. No la envíe por correo. {supplier_name}",
            ),
            level=1,
            guide="We write what they read us; what is on file is shown at level 2 alone.",
            branches=[to("wait_card", "The card is not here yet", ("card", "equals", "no"))],
        ),
        act(
            "verify",
            "Have the coverage verified",
            "verify_coverage",
            "Active on the day of service, deductible left, share for rental and for "
            "purchase, authorization needed, the second plan.",
            level=1,
        ),
        ask(
            "answer_step",
            "What the payer answered",
            ["answer"],
            (
                "I check what your plan answers. Please stay with me.",
                "Veo lo que responde su plan. No cuelgue, por favor.",
            ),
            level=1,
            guide="No answer is unknown, never inactive. Two to seven business days where somebody "
            "must call.",
        ),
        decide(
            "result",
            "By the answer",
            "A shipment waits while a plan is not active.",
            to("prove", "Active", ("answer", "equals", "active")),
            to("pending", "No answer yet", ("answer", "equals", "unknown")),
            next="bad",
        ),
        prove(next="good", failed="in_portal"),
        tell(
            "good",
            "Say what it covers, as an estimate",
            (
                "Your plan is active. What you owe is an estimate: it says how we reached it, and"
                " it changes if the plan answers differently. You see it in the portal and agree "
                "before anything ships.",
                "Su plan está activo. Lo que debe es un estimado: dice cómo lo calculamos y "
                "cambia si el plan responde otra cosa. Lo ve en el portal y lo acepta antes de "
                "cualquier envío.",
            ),
            level=2,
            guide="Deductible first, then the share.",
            next="close",
        ),
        tell(
            "in_portal",
            "Say where the answer stands",
            (
                "What your plan answered, and an estimate of what you owe, stand in the portal once you sign "
                "in. Nothing ships before you have agreed to it there.",
                "Lo que respondió su plan y un estimado de lo que debe están en el portal cuando entre. No se "
                "envía nada antes de que lo acepte ahí.",
            ),
            level=1,
            guide="Whether a plan is active is insurance detail, and takes level 2.",
            next="close",
        ),
        tell(
            "pending",
            "Say how long it takes",
            (
                "Plans take two to seven business days to answer. We go on asking ourselves and "
                "tell you in the portal.",
                "Los planes tardan de dos a siete días hábiles en responder. Seguimos preguntando "
                "nosotros y le avisamos en el portal.",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "bad",
            "Hand it to the billing specialist",
            "specialist",
            "What the card says and what the payer answered. Stop what is about to ship.",
            level=1,
        ),
        tell(
            "bad_said",
            "Say who calls, and that nothing is lost",
            (
                "Our specialist goes through this with your plan and calls you within four "
                "business hours; nothing ships meanwhile that you would have to pay for.",
                "Nuestro especialista lo revisa con su plan y le llama en cuatro horas hábiles; "
                "mientras tanto no se envía nada que tuviera que pagar.",
            ),
            level=1,
            guide="It is often a new card or an old number: have it read out again. What the plan "
            "answered is said at level 2 alone.",
            next="close",
        ),
        tell(
            "wait_card",
            "Wait for the card",
            (
                "As soon as both sides are there, we ask your plan the same day.",
                "En cuanto estén los dos lados, preguntamos a su plan el mismo día.",
            ),
            level=1,
        ),
        act("wait", "The customer has the next move", "wait_on_customer", level=1, next="close"),
        tell(
            "self_pay",
            "Say what it costs without a plan",
            (
                "Without insurance you can pay yourself, in parts if you like, and ask for help "
                "with the cost. I send you the price before you decide.",
                "Sin seguro puede pagar usted, a plazos si quiere, y pedir ayuda con el costo. Le"
                " envío el precio antes de decidir.",
            ),
            level=1,
            next="close",
        ),
        escalate(
            "facility",
            "Hand the stay to the specialist",
            "specialist",
            "Name of the facility, since when, expected day home. Two days before discharge "
            "is the earliest delivery for training.",
            level=1,
        ),
        tell(
            "facility_said",
            "Say who pays during the stay",
            (
                "While you are there the facility provides equipment. We prepare yours for the "
                "day you are home; please tell us that day.",
                "Mientras esté ahí, la institución provee el equipo. Preparamos el suyo para su "
                "regreso; avísenos ese día.",
            ),
            level=1,
            next="close",
        ),
        not_verified(
            also=("You can upload your card after signing in.", "Puede subir su tarjeta al entrar.")
        ),
        close(guide="Next step: day of the payer's answer, and what waits for it."),
    ],
)
