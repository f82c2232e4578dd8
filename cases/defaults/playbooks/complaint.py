"""Somebody is not content, and says so: hear it, put it in the register, answer by its days."""

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
    playbook,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "complaint",
    "Complaint",
    "Hear it out, put it in the register, say the two days (5 to acknowledge, 14 to "
    "answer), and make good what can be.",
    reasons=["complaint"],
    fields=[
        field("who", "Who complains, and for whom", phi=True, what="asked"),
        choice(
            "about",
            "What it is about",
            ("delivery", "Delivery"),
            ("equipment", "Equipment"),
            ("billing", "Bill"),
            ("conduct", "How somebody was treated"),
            ("privacy", "Privacy"),
            ("access", "Language or disability"),
            ("other", "Other"),
        ),
        field("said", "What happened, in their words", phi=True, what="asked"),
        field("day", "When it happened", "date", required=False, most="today"),
        yesno("harmed", "Somebody was hurt, or might be", phi=True, what="clinical"),
        field("wish", "What would put it right for them"),
        yesno("now", "It was put right in this talk"),
        choice(
            "answer_by",
            "How they want the answer",
            ("portal", "Portal"),
            ("letter", "Letter"),
            ("call", "Call"),
        ),
    ],
    escalation=[
        ("clinical", "Somebody was hurt."),
        (
            "manager",
            "Privacy, discrimination, conduct, a second complaint, a lawyer or the press; an "
            "answer not given after 14 days.",
        ),
    ],
    steps=[
        greet(
            ("something we did not do well", "algo que no hicimos bien"),
            guide="Do not argue, explain or blame. Say sorry for how it was for them.",
        ),
        ask(
            "hear",
            "Hear it to the end",
            ["about", "said", "day", "who"],
            (
                "I am sorry that you have to call about this. Please tell me what happened; I "
                "write it down as you say it.",
                "Lamento que tenga que llamar por esto. Cuénteme qué pasó; lo escribo tal como lo dice.",
            ),
            guide="Anybody may complain, verified or not. Repeat it back in one sentence.",
        ),
        ask(
            "hurt",
            "Was anybody hurt",
            ["harmed"],
            ("Was anybody hurt, or could somebody be?", "¿Alguien resultó herido, o podría resultarlo?"),
            branches=[to("clinician", "Somebody was hurt", ("harmed", "equals", "yes"))],
        ),
        ask(
            "wish_step",
            "What would put it right",
            ["wish", "answer_by"],
            (
                "What would put it right for you? And how would you like our answer?",
                "¿Qué lo resolvería para usted? ¿Y cómo quiere nuestra respuesta?",
            ),
        ),
        identify(failed="unverified_register"),
        ask(
            "now_step",
            "Put right what can be put right now",
            ["now"],
            (
                "Let me see what I can do at once. I stay with you while I try.",
                "Veamos qué puedo hacer ahora mismo. Me quedo con usted mientras lo intento.",
            ),
            level=1,
            guide="The playbook of the matter itself: delivery, bill, device. It goes into the "
            "register even when it is put right.",
        ),
        act(
            "register",
            "Put it in the register",
            "register_complaint",
            "Their words and what they wish go in by themselves; both clocks begin.",
            level=1,
        ),
        decide(
            "who_else",
            "Who has to know",
            "Some go to a manager the same day.",
            to("manager", "Conduct, privacy or access", ("about", "in", "conduct,privacy,access")),
            next="promise",
        ),
        escalate(
            "manager",
            "Hand it to the manager",
            "manager",
            "Privacy: what was seen by whom, and since when we know. That clock is the law's.",
            level=1,
        ),
        tell(
            "promise",
            "Say the two days",
            (
                "Your complaint has a number: {case_number}. You get a letter that we have it "
                "within five calendar days, and an answer within fourteen. If you are not content"
                " then, you may turn to the accreditor or to Medicare; the number is on the "
                "letter.",
                "Su queja tiene número: {case_number}. En cinco días calendario recibe la "
                "confirmación y en catorce la respuesta. Si no queda conforme, puede acudir al "
                "acreditador o a Medicare; el número está en la carta.",
            ),
            sms=(
                "Hi {patient_first_name}, we have what you told us as {case_number}. We answer "
                "within 14 days. {supplier_name}",
                "Hola {patient_first_name}, registramos lo que nos dijo: {case_number}. "
                "Respondemos en 14 días. {supplier_name}",
            ),
            email=(
                "Hello {patient_first_name}, we have what you told us as {case_number}. You hear "
                "from us within 5 days and get an answer within 14. {supplier_name}",
                "Hola {patient_first_name}, registramos lo que nos dijo: {case_number}. Le "
                "escribimos en 5 días y respondemos en 14. {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        act(
            "unverified_register",
            "Put it in the register all the same",
            "register_complaint",
            "Without opening any record.",
        ),
        tell(
            "unverified_promise",
            "Say the two days without the record",
            (
                "Your complaint is taken, number {case_number}. We confirm it within five days "
                "and answer within fourteen, to the contact we have on file.",
                "Su queja está registrada con el número {case_number}. La confirmamos en cinco "
                "días y respondemos en catorce, al contacto que tenemos.",
            ),
            next="close",
        ),
        escalate(
            "clinician",
            "Call the clinician on duty",
            "clinical",
            "What happened and what they feel. Keep the device as it is. Our duty to report "
            "may run from today.",
        ),
        tell(
            "care",
            "Their health comes first",
            (
                "Your health comes first. Our clinician calls you within the hour; if it gets "
                "worse, call 911. Now let us write the rest down.",
                "Primero su salud. Nuestro clínico le llama en una hora; si empeora, llame al "
                "911. Ahora anotemos lo demás.",
            ),
            next="wish_step",
        ),
        close(guide="Next step: acknowledgement day, answer day, and who writes it."),
    ],
)
