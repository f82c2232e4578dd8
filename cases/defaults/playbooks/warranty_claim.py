"""A defect within the manufacturer's term: evidence, decision, replacement."""

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
    "warranty-claim",
    "Warranty claim",
    "Take in a defect with its evidence, have it decided within three business days, "
    "and replace what is covered.",
    reasons=["warranty_claim", "damaged_on_arrival", "recall"],
    fields=[
        field("order", "Order it came with", "order"),
        field("serial", "Serial number on the label", phi=True, what="orders"),
        field("got", "Day it was delivered", "date", most="today"),
        choice(
            "term",
            "Manufacturer's term in the devices panel",
            ("1", "1 year"),
            ("2", "2 years"),
            ("3", "3 years"),
            ("4", "4 years"),
            ("5", "5 years"),
        ),
        field("fault", "What is wrong, in their words"),
        yesno("unsafe", "They need it and can't use it", phi=True, what="clinical"),
        yesno("damage", "Dropped, wet, opened or altered"),
        yesno("evidence", "Photo or video sent"),
        yesno("form", "Claim form completed"),
        yesno("returned", "It is a return after all: not wanted, not defective"),
    ],
    escalation=[
        ("specialist", "No decision after three business days, or the term is in doubt."),
        ("clinical", "A device they depend on has failed."),
        ("manager", "A second failure of the replacement, or an injury."),
    ],
    steps=[
        greet(("a device that failed", "un equipo con defecto")),
        identify(),
        ask(
            "what",
            "Which device, and what happened",
            ["order", "serial", "got", "fault", "unsafe"],
            (
                "Which device is it, what does it do or not do, and are you able to manage "
                "without it for now?",
                "¿Qué equipo es, qué hace o deja de hacer, y puede arreglárselas sin él por ahora?",
            ),
            level=1,
            branches=[to("need_now", "They can't be without it", ("unsafe", "equals", "yes"))],
        ),
        ask(
            "kind",
            "Defect, damage or return",
            ["returned", "damage", "term"],
            (
                "Was it dropped, wet or opened? And is it a defect you report, or would you "
                "rather send it back?",
                "¿Se cayó, se mojó o se abrió? ¿Y reporta un defecto, o prefiere devolverlo?",
            ),
            level=1,
            guide="Warranty and return are two flows with two clocks: choose once. Terms run from delivery.",
            branches=[
                to("is_return", "A return, no defect", ("returned", "equals", "yes")),
                to("not_covered", "Damage is not covered", ("damage", "equals", "yes")),
            ],
        ),
        decide(
            "term_check",
            "Is it within the term",
            "Count from delivery.",
            to(
                "not_covered",
                "One-year term has passed",
                ("term", "equals", "1"),
                ("got", "older_than", "365"),
            ),
            to(
                "not_covered",
                "Two-year term has passed",
                ("term", "equals", "2"),
                ("got", "older_than", "730"),
            ),
            to(
                "not_covered",
                "Three-year term has passed",
                ("term", "equals", "3"),
                ("got", "older_than", "1095"),
            ),
            to(
                "not_covered",
                "Four-year term has passed",
                ("term", "equals", "4"),
                ("got", "older_than", "1461"),
            ),
            to(
                "not_covered",
                "Five-year term has passed",
                ("term", "equals", "5"),
                ("got", "older_than", "1826"),
            ),
            next="proof",
        ),
        ask(
            "proof",
            "Ask for photo or video and the form",
            ["evidence", "form"],
            (
                "Please upload a photo or short video of the fault and fill in the claim form; "
                "both are in the portal under this case. Did both go through?",
                "Suba una foto o un video corto de la falla y llene el formulario; ambos están en"
                " el portal en este caso. ¿Se enviaron los dos?",
            ),
            level=1,
            guide="JPEG, PNG, HEIC, PDF or MP4. The video shows the serial number, then the fault.",
            email=(
                "Hello {patient_first_name}, two things are missing for your claim: please sign "
                "in at {portal_link} to add them. {supplier_name}",
                "Hola {patient_first_name}, faltan dos cosas para su reclamo: entre en "
                "{portal_link} para añadirlas. {supplier_name}",
            ),
            sms=(
                "Hi {patient_first_name}, two things are missing for your request. Please sign "
                "in: {portal_link} {supplier_name}",
                "Hola {patient_first_name}, faltan dos cosas para su solicitud. Entre: "
                "{portal_link} {supplier_name}",
            ),
            branches=[
                to("missing", "Evidence is missing", ("evidence", "equals", "no")),
                to("missing", "The form is missing", ("form", "equals", "no")),
            ],
        ),
        act(
            "claim",
            "Open the claim",
            "start_warranty",
            "Serial, fault and evidence stand in the case that opens; it is decided in three business days.",
            level=1,
        ),
        tell(
            "promise",
            "Say when they hear",
            (
                "Your claim is in. You get a decision within three business days; once approved, "
                "a replacement ships in one to three business days.",
                "Su reclamo está registrado. Tendrá la decisión en tres días hábiles; aprobado, "
                "el reemplazo sale en uno a tres días hábiles.",
            ),
            level=1,
            next="close",
        ),
        tell(
            "missing",
            "Say what is missing, and wait",
            (
                "I keep the claim open. As soon as photo and form are there, the three days "
                "begin. I send you the link now.",
                "Dejo el reclamo abierto. En cuanto estén la foto y el formulario, empiezan los "
                "tres días. Le envío el enlace ahora.",
            ),
            level=1,
        ),
        act("wait", "The customer has the next move", "wait_on_customer", level=1, next="close"),
        tell(
            "not_covered",
            "Say why, and what is left",
            (
                "I am sorry: the maker's warranty does not cover this one. We can repair it at a "
                "price I tell you first, or see whether your plan replaces it.",
                "Lo siento: la garantía del fabricante no cubre este caso. Podemos repararlo a un"
                " precio que le digo antes, o ver si su plan lo reemplaza.",
            ),
            level=1,
            guide="Plans replace most devices after five years, or earlier when lost or beyond "
            "repair. If they disagree, the complaint playbook follows.",
            next="close",
        ),
        act(
            "is_return",
            "Open the return instead",
            "start_rma",
            "The return playbook tells its windows and fees.",
            level=1,
            next="close",
        ),
        escalate(
            "need_now",
            "Call the clinician on duty: device failed",
            "clinical",
            "Device, what they feel, what is at home.",
            level=1,
        ),
        say(
            "loan",
            "Keep them going",
            (
                "You should not be without it. Our clinician arranges a loan with you within the "
                "hour; your claim goes on beside it.",
                "No debe estar sin él. Nuestro clínico arregla un préstamo con usted en una hora;"
                " su reclamo sigue aparte.",
            ),
            level=1,
            next="kind",
        ),
        not_verified(),
        close(guide="Next step: decision date, three business days from the complete claim."),
    ],
)
