"""Where the money is that somebody waits for."""

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
    "refund-status",
    "Refund status",
    "Say at which step a refund stands, what was taken off and why, and by which day it arrives.",
    reasons=["refund_status"],
    fields=[
        field("order", "Order refunded", "order"),
        choice(
            "stage",
            "Where the refund stands",
            ("none", "No return or credit on file"),
            ("waiting", "Item not yet here"),
            ("inspection", "Being inspected"),
            ("approved", "Approved"),
            ("sent", "Sent to the bank"),
            ("refused", "Refused"),
        ),
        field("received", "Day the item reached us", "date", required=False, most="today"),
        field("approved", "Day it was approved", "date", required=False, most="today"),
        yesno("same_card", "The card or account still exists"),
        field("expected", "Amount they expect", "money", phi=True, what="insurance", required=False),
    ],
    escalation=[
        ("specialist", "Past 14 business days from receipt or 10 from approval."),
        ("manager", "Refunded to a closed account, or a second time past its day."),
    ],
    steps=[
        greet(("a refund", "un reembolso")),
        identify(),
        ask(
            "where",
            "Find the refund",
            ["order", "stage", "received", "approved"],
            (
                "Which order is it? I look where the refund stands and tell you the step and the day.",
                "¿De qué pedido es? Veo en qué paso está el reembolso y le digo el día.",
            ),
            level=1,
            guide="Two clocks run where goods came back: 7 to 14 business days from receipt, 7 to "
            "10 from approval. The later day counts for what we promise.",
        ),
        decide(
            "stage_step",
            "By where it stands",
            "Calendar days below stand for the business days of the promise.",
            to(
                "overdue",
                "Received more than 14 business days ago",
                ("received", "older_than", "20"),
                ("stage", "not", "sent"),
            ),
            to("overdue", "Approved more than 10 business days ago", ("approved", "older_than", "14")),
            to("sent", "Sent to the bank", ("stage", "equals", "sent")),
            to("refused", "Refused", ("stage", "equals", "refused")),
            to("no_refund", "Nothing on file", ("stage", "equals", "none")),
            next="in_time",
        ),
        tell(
            "in_time",
            "Give the day",
            (
                "It is on its way through our steps. I tell you the step and the last day you "
                "should see it. You need do nothing.",
                "Va avanzando por nuestros pasos. Le digo el paso y el último día en que debe "
                "verlo. No tiene que hacer nada.",
            ),
            email=(
                "Hello {patient_first_name}, what you asked about is on its way. See the step and"
                " the day at {portal_link}. {supplier_name}",
                "Hola {patient_first_name}, lo que preguntó va en camino. Vea el paso y el día en"
                " {portal_link}. {supplier_name}",
            ),
            sms=(
                "Hi {patient_first_name}, what you asked about is on its way: {portal_link} {supplier_name}",
                "Hola {patient_first_name}, lo que preguntó va en camino: {portal_link} {supplier_name}",
            ),
            level=1,
            next="close",
        ),
        ask(
            "sent",
            "Ask about the card",
            ["same_card"],
            (
                "It has been sent to the card or account you paid with. Does that one still exist?",
                "Se envió a la tarjeta o cuenta con que pagó. ¿Sigue existiendo?",
            ),
            level=1,
            branches=[to("amount_level", "The account is closed", ("same_card", "equals", "no"))],
            next="bank",
        ),
        tell(
            "bank",
            "Say how long banks take",
            (
                "Banks show it within a few business days. If it is not there by then, call us "
                "and name this case: {case_number}.",
                "Los bancos lo muestran en unos días hábiles. Si no aparece, llámenos y mencione "
                "este caso: {case_number}.",
            ),
            level=1,
            next="close",
        ),
        prove(code="amount_level", failed="by_post"),
        ask(
            "amount",
            "Agree how it is paid instead",
            ["expected"],
            (
                "Since that account is closed, we send it another way and only to you. What "
                "amount do you expect?",
                "Como esa cuenta está cerrada, lo enviamos de otra forma y solo a usted. ¿Qué monto espera?",
            ),
            level=2,
            guide="Never to somebody else's account. Billing arranges it.",
            next="hand_on",
        ),
        tell(
            "by_post",
            "It waits until they are proven",
            (
                "Where the money goes I can change only after a stronger check. Please sign in to"
                " the portal and write to us there.",
                "El destino del dinero solo puedo cambiarlo tras una comprobación mayor. Entre en"
                " el portal y escríbanos ahí.",
            ),
            next="close",
        ),
        act("hand_on", "Hand it to billing", "check_refund", level=2, next="promise"),
        tell(
            "refused",
            "Say why, and what they can do",
            (
                "It was not approved. I read you the reason that was written down. If you see it "
                "otherwise, I open a review with a manager.",
                "No fue aprobado. Le leo el motivo registrado. Si no está de acuerdo, abro una "
                "revisión con un gerente.",
            ),
            level=1,
            next="review",
        ),
        act("review", "Have it reviewed", "check_refund", level=1, next="promise"),
        tell(
            "no_refund",
            "Nothing was begun: begin it",
            (
                "I find no return or credit for this order. Let us begin one now so that the clock starts.",
                "No encuentro devolución ni crédito para este pedido. Empecemos uno ahora para "
                "que corra el plazo.",
            ),
            level=1,
        ),
        act("begin", "Open the return", "start_rma", level=1, next="promise"),
        escalate(
            "overdue",
            "Hand the overdue refund to the specialist",
            "specialist",
            "Both days, the amount promised and who promised it.",
            level=1,
        ),
        tell(
            "promise",
            "Say by when they hear",
            (
                "This is in the hands of our billing desk now. You hear from us within one "
                "business day, with the day and the amount.",
                "Está en manos de facturación. En un día hábil le decimos el día y el monto.",
            ),
            level=1,
            next="close",
        ),
        not_verified(),
        close(guide="Next step: the day the money arrives, or who calls by when."),
    ],
)
