"""Leave from the payer before it ships: needed or not, asked for, answered."""

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
    "prior-authorization",
    "Prior authorization",
    "Say whether the plan must agree first, which papers it wants from whom, and when its answer is due.",
    reasons=["prior_authorization"],
    fields=[
        field("order", "Order it is for", "order"),
        choice(
            "stage",
            "Where it stands",
            ("not_needed", "Not needed"),
            ("to_ask", "Needed, not asked for yet"),
            ("papers", "Papers missing"),
            ("asked", "Asked, waiting"),
            ("approved", "Approved"),
            ("denied", "Denied"),
            ("expired", "Expired"),
            phi=True,
            what="insurance",
        ),
        choice(
            "plan",
            "Kind of plan",
            ("medicare", "Original Medicare"),
            ("advantage", "Advantage or Medicaid"),
            ("commercial", "Commercial, marketplace or employer"),
        ),
        field("asked_on", "Day it was asked for", "date", required=False, most="today"),
        yesno("urgent", "Waiting endangers their health", phi=True, what="clinical"),
        choice(
            "missing",
            "What is missing",
            ("order", "Signed order"),
            ("visit", "Visit note"),
            ("test", "Test result"),
            ("none", "Nothing"),
            required=False,
        ),
        field("prescriber", "Who prescribes", phi=True, what="clinical", required=False),
    ],
    escalation=[
        ("specialist", "Past its day without an answer, denied, or expired with the equipment at home."),
        ("clinical", "Waiting endangers health: an expedited request needs a clinician's word."),
        ("manager", "Discharge held up by a missing authorization."),
    ],
    steps=[
        greet(("an approval from your insurance", "una autorización de su seguro")),
        identify(),
        ask(
            "which",
            "Which order, and is it urgent",
            ["order", "plan", "urgent"],
            (
                "Which order is it, and what kind of plan do you have? Does waiting harm your health?",
                "¿De qué pedido se trata y qué tipo de plan tiene? ¿Esperar daña su salud?",
            ),
            level=1,
            branches=[to("expedite", "Waiting endangers them", ("urgent", "equals", "yes"))],
        ),
        prove(next="where", failed="in_portal"),
        ask(
            "where",
            "Where it stands",
            ["stage", "asked_on"],
            (
                "I look up whether your plan must agree first and where that stands.",
                "Veo si su plan debe aprobar antes y cómo va.",
            ),
            level=2,
            guide="What needs leave differs by payer and code: read it in the coverage panel, not "
            "from memory. What one plan wants, another may not.",
        ),
        decide(
            "stage_step",
            "By where it stands",
            "Plans answer in 7 calendar days, 72 hours if expedited, where the law binds "
            "them; Original Medicare in 5 business days, 2 if expedited; marketplace and employers' "
            "plans by contract, 3 to 10 business days.",
            to("not_needed", "Not needed", ("stage", "equals", "not_needed")),
            to("approved", "Approved", ("stage", "equals", "approved")),
            to("denied", "Denied", ("stage", "equals", "denied")),
            to("papers", "Papers missing", ("stage", "equals", "papers")),
            to(
                "late",
                "Past the 7 days of these plans",
                ("stage", "equals", "asked"),
                ("plan", "in", "medicare,advantage"),
                ("asked_on", "older_than", "7"),
            ),
            to(
                "late",
                "Past 10 business days",
                ("stage", "equals", "asked"),
                ("asked_on", "older_than", "14"),
            ),
            to("waiting", "Asked, in time", ("stage", "equals", "asked")),
            next="request",
        ),
        act(
            "request",
            "Have it asked for",
            "request_authorization",
            "Expired ones are asked for anew, before the equipment is billed again.",
            level=1,
        ),
        tell(
            "requested",
            "Say how long it takes",
            (
                "We ask your plan today. Most answer within three to ten business days. Nothing "
                "ships before, so that you are not billed for it.",
                "Hoy lo solicitamos. La mayoría responde en tres a diez días hábiles. No se envía"
                " nada antes, para que no se le cobre.",
            ),
            level=1,
            next="close",
        ),
        ask(
            "papers",
            "What is missing, and from whom",
            ["missing", "prescriber"],
            (
                "One paper is still missing from your prescriber's office. Who is it that treats "
                "you for this? A call from you often helps.",
                "Falta un documento del consultorio que lo receta. ¿Quién lo atiende por esto? "
                "Una llamada suya suele ayudar.",
            ),
            level=2,
            guide="Signed order with its six parts, visit note within six months that speaks of the"
            " condition, test where the policy wants one.",
        ),
        act("chase", "Have the paper chased", "chase_paperwork", level=1),
        tell(
            "chased",
            "Say who does what",
            (
                "We ask the office again today and every two business days. You see each step in the portal.",
                "Hoy volvemos a pedirlo y cada dos días hábiles. Usted ve cada paso en el portal.",
            ),
            email=(
                "Hello {patient_first_name}, we are waiting for one paper and have asked for it "
                "again. Follow it at {portal_link}. {supplier_name}",
                "Hola {patient_first_name}, esperamos un documento y lo pedimos otra vez. Sígalo "
                "en {portal_link}. {supplier_name}",
            ),
            sms=(
                "Hi {patient_first_name}, we are waiting for one paper and have asked again. "
                "Follow it: {portal_link} {supplier_name}",
                "Hola {patient_first_name}, esperamos un documento y lo pedimos otra vez. Sígalo:"
                " {portal_link} {supplier_name}",
            ),
            level=2,
            next="close",
        ),
        tell(
            "waiting",
            "Give the day it is due",
            (
                "Your plan has it and is within its time. I tell you the day its answer is due, "
                "and we call them the day after.",
                "Su plan lo tiene y está dentro de su plazo. Le digo el día en que debe "
                "responder; al día siguiente los llamamos.",
            ),
            level=2,
            next="close",
        ),
        escalate(
            "late",
            "Hand it to the billing specialist",
            "specialist",
            "Day asked, reference, last contact with the payer.",
            level=1,
        ),
        tell(
            "late_said",
            "Say who calls the plan",
            (
                "Your plan is late. Our specialist calls it today and tells you what it said "
                "within four business hours.",
                "Su plan está atrasado. Nuestro especialista lo llama hoy y le cuenta la "
                "respuesta en cuatro horas hábiles.",
            ),
            level=2,
            next="close",
        ),
        tell(
            "not_needed",
            "Say that it goes on",
            (
                "Your plan wants no approval for this, so it goes on without one. I tell you the "
                "next step of your order.",
                "Su plan no pide autorización para esto, así que continúa sin ella. Le digo el "
                "siguiente paso de su pedido.",
            ),
            level=2,
            next="close",
        ),
        tell(
            "approved",
            "Say what was approved and until when",
            (
                "It is approved. I tell you until when, and the next step: we agree a delivery with you now.",
                "Está aprobado. Le digo hasta cuándo y el siguiente paso: acordemos ahora la entrega.",
            ),
            level=2,
            guide="Go on with the delivery playbook. Mind the last day it is good for.",
            next="close",
        ),
        tell(
            "denied",
            "Say that it can be asked again or appealed",
            (
                "Your plan said no for now. You have the right to know why and to ask it to think"
                " again. We help you with that, and I open it now.",
                "Su plan dijo que no por ahora. Tiene derecho a saber por qué y a pedir que lo "
                "reconsidere. Le ayudamos y lo abro ahora.",
            ),
            level=2,
        ),
        act(
            "appeal",
            "Open the appeal",
            "prepare_appeal",
            "The plan's reason, word for word, and its day for an appeal.",
            level=1,
            next="close",
        ),
        escalate(
            "expedite",
            "Get the clinician for an expedited request",
            "clinical",
            "What happens if they wait, in a clinician's words, and the symptoms.",
            level=1,
        ),
        tell(
            "expedited",
            "Say what happens now",
            (
                "Our clinician calls you within the hour, and we ask for whatever is needed as "
                "urgent. If you feel worse before that, call 911.",
                "Nuestro clínico le llama en una hora y pedimos como urgente lo que haga falta. Si "
                "empeora antes, llame al 911.",
            ),
            level=1,
            next="request",
        ),
        tell(
            "in_portal",
            "Say where it can be seen",
            (
                "What your plan wants and where it stands you see in the portal once you sign in, and what is "
                "asked of you with it. We go on with it meanwhile.",
                "Lo que pide su plan y cómo va lo ve en el portal cuando entre, y también lo que se le pide a "
                "usted. Mientras tanto seguimos con ello.",
            ),
            level=1,
            guide="Where an authorization stands is insurance detail, and takes level 2.",
            next="close",
        ),
        not_verified(),
        close(guide="Next step: the day the answer is due, and who asks after it."),
    ],
)
