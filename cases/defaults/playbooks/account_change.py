"""A new address, number or e-mail: what somebody who wants in would ask for first."""

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
    prove,
    tell,
    to,
    yesno,
)

PLAYBOOK = playbook(
    "account-change",
    "Address or account change",
    "Change where we send, call and bill only for somebody proven, tell the old "
    "contact, and watch what is under way.",
    reasons=["address_change"],
    level=2,
    fields=[
        choice(
            "what",
            "What changes",
            ("address", "Address"),
            ("phone", "Phone"),
            ("email", "E-mail"),
            ("name", "Name"),
            ("payment", "Way of paying"),
            ("caregiver", "Who may speak for them"),
            ("deceased", "The patient has died"),
        ),
        field("address", "New address", phi=True, what="contact", required=False),
        field("phone", "New phone", "phone", phi=True, what="contact", required=False),
        field("email", "New e-mail", phi=True, what="contact", required=False),
        field("from", "From which day", "date", least="today-30", most="today+90"),
        yesno("moves_state", "To another state, or into a facility", required=False),
        yesno("on_the_way", "Something is on its way to the old address"),
        yesno("wary", "Something feels wrong: haste, coaching, many tries"),
    ],
    escalation=[
        ("specialist", "Another state, a facility, or a plan that goes with the address."),
        ("manager", "Signs of somebody pretending; a change disputed by the old contact."),
    ],
    steps=[
        greet(("a change of your details", "un cambio de sus datos")),
        identify(),
        ask(
            "which",
            "What changes",
            ["what", "wary"],
            (
                "What would you like to change? I ask for one more check before I do, to protect you.",
                "¿Qué desea cambiar? Antes le pido una comprobación más, para protegerle.",
            ),
            level=1,
            guide="Right answers alone change nothing. Who calls about somebody else's record needs"
            " their own standing.",
            branches=[
                to("doubt", "Something feels wrong", ("wary", "equals", "yes")),
                to("died", "The patient has died", ("what", "equals", "deceased")),
            ],
        ),
        prove(failed="only_portal"),
        ask(
            "new",
            "Take it down",
            ["address", "phone", "email", "from"],
            (
                "Please give me the new details slowly; I read them back. From which day do they hold?",
                "Déme los datos nuevos despacio; se los repito. ¿Desde qué día valen?",
            ),
            level=2,
            guide="The old contact is told at once. A new one is used for deliveries and payments "
            "after 24 hours, and proves who somebody is after 30 days.",
        ),
        ask(
            "under_way",
            "What is under way",
            ["on_the_way", "moves_state"],
            (
                "Is anything on its way to the old address? And is the new home in another state,"
                " or a facility?",
                "¿Hay algo en camino a la dirección anterior? ¿Y la nueva casa está en otro "
                "estado o es una institución?",
            ),
            level=2,
            branches=[
                to("plan_moves", "Another state or a facility", ("moves_state", "equals", "yes")),
                to("redirect", "Something is under way", ("on_the_way", "equals", "yes")),
            ],
        ),
        act(
            "change",
            "Have the change made",
            "change_account",
            "A phone or e-mail is proposed at once, for somebody else to accept. All other changes open a "
            "case for the account desk.",
            level=2,
        ),
        tell(
            "done",
            "Say what happens",
            (
                "It is taken in. We tell your old contact that something changed; if you did not "
                "ask for this, call us at once. The new one counts from tomorrow.",
                "Queda registrado. Avisamos a su contacto anterior; si usted no lo pidió, "
                "llámenos de inmediato. El nuevo vale desde mañana.",
            ),
            sms=(
                "Hi {patient_first_name}, your details at {supplier_name} were changed. Not you? "
                "Call {supplier_phone}.",
                "Hola {patient_first_name}, cambiaron sus datos en {supplier_name}. ¿No fue "
                "usted? Llame al {supplier_phone}.",
            ),
            email=(
                "Hello {patient_first_name}, your details with {supplier_name} were changed. If "
                "this was not you, call {supplier_phone} now.",
                "Hola {patient_first_name}, cambiaron sus datos con {supplier_name}. Si no fue "
                "usted, llame ya al {supplier_phone}.",
            ),
            level=2,
            next="close",
        ),
        act(
            "redirect",
            "Have the delivery redirected",
            "trace_parcel",
            "Only to an address already on file for 24 hours; else hold it at the carrier.",
            level=2,
            next="change",
        ),
        escalate(
            "plan_moves",
            "Ask the billing specialist about the plan",
            "specialist",
            "New state or facility, from when. Rentals, oxygen and jurisdiction of the bill move with them.",
            level=2,
            next="change",
        ),
        tell(
            "only_portal",
            "Only by signing in",
            (
                "I can't change this on the phone today. Please sign in to the portal; there you "
                "can ask for the change yourself at any hour.",
                "Hoy no puedo cambiarlo por teléfono. Entre en el portal; ahí puede pedir el "
                "cambio usted a cualquier hora.",
            ),
            level=1,
            guide="No exception for haste. No hint which check failed.",
            next="close",
        ),
        escalate(
            "doubt",
            "Tell the manager: signs of pretence",
            "manager",
            "What was said and asked, number they call from, tries. Change nothing.",
        ),
        tell(
            "doubt_said",
            "End it politely",
            (
                "Thank you for calling. I have noted your request, and somebody comes back to the"
                " contact we have on file.",
                "Gracias por llamar. Anoté su solicitud y alguien se comunicará con el contacto "
                "que tenemos registrado.",
            ),
            next="close",
        ),
        tell(
            "died",
            "Say that we are sorry, and take it on",
            (
                "I am very sorry for your loss. You need do nothing today. We stop deliveries and"
                " calls, and somebody arranges the collection when it suits you.",
                "Lamento mucho su pérdida. Hoy no tiene que hacer nada. Detenemos entregas y "
                "llamadas, y alguien coordinará la recogida cuando le convenga.",
            ),
            level=1,
        ),
        escalate(
            "died_hand",
            "Hand it to a specialist",
            "specialist",
            "Who called, what they are to the patient, the day. Stop everything that would reach the home.",
            level=1,
            next="close",
        ),
        not_verified(
            also=(
                "Changes can be asked for after signing in.",
                "Los cambios se piden al entrar en el portal.",
            )
        ),
        close(guide="Next step: from when the new contact is used, and what was redirected."),
    ],
)
