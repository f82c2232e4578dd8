"""Replies a supplier begins with, in English and Spanish. Those for e-mail and text messages hold R-SHIP-3's list."""

from dataclasses import dataclass

ANYWHERE = ("chat", "portal")
OUTSIDE = ("chat", "portal", "email", "sms")


@dataclass(frozen=True)
class Ready:
    """A reply in both languages. ``titles`` and ``bodies``: English, Spanish."""

    titles: tuple[str, str]
    bodies: tuple[str, str]
    channels: tuple[str, ...] = ANYWHERE
    kind: str = "reply"
    checklist: str = ""


REPLIES: dict[str, Ready] = {
    "hello": Ready(
        ("Greeting", "Saludo"),
        (
            "Hello {patient_first_name}, this is {agent_name} of {supplier_name}. How can I help you today?",
            "Hola {patient_first_name}, soy {agent_name} de {supplier_name}. ¿En qué puedo ayudarle hoy?",
        ),
    ),
    "who": Ready(
        ("Verify the caller", "Verificar quién llama"),
        (
            "Thank you, {patient_first_name}. To protect your records, please tell me two of these: your order "
            "number, your account number or your date of birth.",
            "Gracias, {patient_first_name}. Para proteger su expediente, dígame dos de estos datos: el número de "
            "su pedido, el de su cuenta o su fecha de nacimiento.",
        ),
        ("chat",),
    ),
    "moment": Ready(
        ("One moment", "Un momento"),
        (
            "One moment please, {patient_first_name}. I am looking into {... what you are checking} now.",
            "Un momento, por favor, {patient_first_name}. Estoy revisando {... lo que revisa} ahora.",
        ),
    ),
    "more-time": Ready(
        ("We need more time", "Necesitamos más tiempo"),
        (
            "Hello {patient_first_name}, we are still working on {case_number}. You hear from us by {reply_by}.",
            "Hola {patient_first_name}, seguimos trabajando en {case_number}. Tendrá noticias antes del {reply_by}.",
        ),
        OUTSIDE,
    ),
    "call-you": Ready(
        ("We call you", "Le llamamos"),
        (
            "Hello {patient_first_name}, we will call you {... day and time}. If that does not suit you, call "
            "{supplier_phone}.",
            "Hola {patient_first_name}, le llamaremos {... día y hora}. Si no le conviene, llame al "
            "{supplier_phone}.",
        ),
        OUTSIDE,
    ),
    "could-not-reach": Ready(
        ("We could not reach you", "No pudimos comunicarnos"),
        (
            "Hello {patient_first_name}, we tried to reach you about {case_number}. Please call {supplier_phone} "
            "or write to us: {portal_link}",
            "Hola {patient_first_name}, intentamos comunicarnos con usted sobre {case_number}. Llame al "
            "{supplier_phone} o escríbanos: {portal_link}",
        ),
        OUTSIDE,
    ),
    "use-portal": Ready(
        ("Please use the portal", "Use el portal, por favor"),
        (
            "Hello {patient_first_name}, this channel is not private. Please sign in and write to us there: "
            "{portal_link}",
            "Hola {patient_first_name}, este canal no es privado. Inicie sesión y escríbanos allí: {portal_link}",
        ),
        ("email", "sms", "chat"),
    ),
    "goodbye": Ready(
        ("Closing", "Cierre"),
        (
            "Thank you, {patient_first_name}. The next step is {... next step, and when}. If anything else comes "
            "up, name {case_number}.",
            "Gracias, {patient_first_name}. El próximo paso es {... próximo paso y cuándo}. Si surge algo más, "
            "mencione {case_number}.",
        ),
    ),
    "order-status": Ready(
        ("Order status", "Estado del pedido"),
        (
            "Hello {patient_first_name}, your order {order_number}: {delivery_facts}. I am here if anything "
            "changes.",
            "Hola {patient_first_name}, su pedido {order_number}: {delivery_facts}. Aquí estoy si algo cambia.",
        ),
        OUTSIDE,
        "order_notice",
    ),
    "order-shipped": Ready(
        ("Order on its way", "Pedido en camino"),
        (
            "Hello {patient_first_name}, your order {order_number} shipped {shipped_date}. It should arrive "
            "{delivery_window}. Follow it: {tracking_link}",
            "Hola {patient_first_name}, su pedido {order_number} salió {shipped_date}. Debe llegar "
            "{delivery_window}. Sígalo aquí: {tracking_link}",
        ),
        OUTSIDE,
        "order_notice",
    ),
    "order-late": Ready(
        ("Order is late", "Pedido retrasado"),
        (
            "Hello {patient_first_name}, I am sorry: your order {order_number} is late. It is now "
            "{delivery_facts}. {... what we do about it}",
            "Hola {patient_first_name}, lo siento: su pedido {order_number} se retrasó. Ahora está así: "
            "{delivery_facts}. {... qué hacemos}",
        ),
        OUTSIDE,
        "order_notice",
    ),
    "order-held": Ready(
        ("Order on hold", "Pedido detenido"),
        (
            "Hello {patient_first_name}, order {order_number} waits for {... what is missing, and from whom}. As "
            "soon as we have it we pack your order.",
            "Hola {patient_first_name}, el pedido {order_number} espera {... qué falta y de quién}. En cuanto lo "
            "tengamos lo preparamos.",
        ),
    ),
    "delivery-set": Ready(
        ("Delivery is set", "Entrega programada"),
        (
            "Hello {patient_first_name}, order {order_number} comes {... day and two-hour window}. Is "
            "{... phone number} the best number on that day?",
            "Hola {patient_first_name}, el pedido {order_number} llega {... día y horario de dos horas}. ¿Es "
            "{... teléfono} el mejor número para ese día?",
        ),
    ),
    "delivery-ask": Ready(
        ("Questions before a delivery", "Preguntas antes de una entrega"),
        (
            "Hello {patient_first_name}, for order {order_number} please tell me: which days suit you, are there "
            "stairs, and do you need help setting it up?",
            "Hola {patient_first_name}, para el pedido {order_number} dígame: qué días le convienen, si hay "
            "escaleras y si necesita ayuda para instalarlo.",
        ),
    ),
    "delivery-missed": Ready(
        ("We missed you", "No le encontramos"),
        (
            "Hello {patient_first_name}, we could not hand over your order {order_number}. Please choose another "
            "day: {portal_link} or {supplier_phone}",
            "Hola {patient_first_name}, no pudimos entregar su pedido {order_number}. Elija otro día: "
            "{portal_link} o {supplier_phone}",
        ),
        OUTSIDE,
    ),
    "address": Ready(
        ("Change of address", "Cambio de dirección"),
        (
            "Thank you, {patient_first_name}. Please enter the new address under Profile. For your safety we tell "
            "the old contact, and deliveries use the new one after a day.",
            "Gracias, {patient_first_name}. Escriba la nueva dirección en Perfil. Por su seguridad avisamos al "
            "contacto anterior y las entregas usan la nueva después de un día.",
        ),
    ),
    "resupply-ready": Ready(
        ("You may reorder", "Puede volver a pedir"),
        (
            "Hello {patient_first_name}, you can reorder from {... date}. Please tell us what you need and that "
            "you still use it; we send nothing without your word.",
            "Hola {patient_first_name}, puede volver a pedir desde {... fecha}. Díganos qué necesita y que lo "
            "sigue usando; no enviamos nada sin su confirmación.",
        ),
    ),
    "resupply-early": Ready(
        ("Too early to reorder", "Todavía no se puede pedir"),
        (
            "Hello {patient_first_name}, your plan covers the next set from {... date}. If something broke, tell "
            "me what happened and we look for another way.",
            "Hola {patient_first_name}, su plan cubre el próximo juego desde {... fecha}. Si algo se rompió, "
            "cuénteme qué pasó y buscamos otra solución.",
        ),
    ),
    "device-steps": Ready(
        ("Steps to try", "Pasos para probar"),
        (
            "Hello {patient_first_name}, please try this: {... steps from the playbook}. If you feel unwell or "
            "short of breath, call 911, then us: {supplier_phone}.",
            "Hola {patient_first_name}, pruebe esto: {... pasos de la guía}. Si se siente mal o le falta el aire, "
            "llame al 911 y luego a nosotros: {supplier_phone}.",
        ),
    ),
    "device-visit": Ready(
        ("A technician comes", "Va un técnico"),
        (
            "Hello {patient_first_name}, a technician comes {... day and window}. Please have the device and its "
            "cables at hand.",
            "Hola {patient_first_name}, un técnico irá {... día y horario}. Tenga a mano el equipo y sus cables.",
        ),
    ),
    "part-photo": Ready(
        ("Photo of the part", "Foto de la pieza"),
        (
            "Hello {patient_first_name}, please send a photo of {... the part} and of the label under the device. "
            "I order the right part by {reply_by}.",
            "Hola {patient_first_name}, envíe una foto de {... la pieza} y de la etiqueta bajo el equipo. Pido la "
            "pieza correcta antes del {reply_by}.",
        ),
    ),
    "warranty-send": Ready(
        ("Warranty: what to send", "Garantía: qué enviar"),
        (
            "Hello {patient_first_name}, to open the warranty claim I need a few things from you. Once we have "
            "all of it we decide by {... date}.",
            "Hola {patient_first_name}, para abrir la reclamación de garantía necesito unas cosas de usted. Con "
            "todo en mano decidimos antes del {... fecha}.",
        ),
        checklist="warranty",
    ),
    "warranty-decided": Ready(
        ("Warranty: decision", "Garantía: decisión"),
        (
            "Hello {patient_first_name}, your warranty claim {... is approved, or not and why}. Next: "
            "{... replacement and date}.",
            "Hola {patient_first_name}, su reclamación de garantía {... se aprobó, o no y por qué}. Sigue: "
            "{... reemplazo y fecha}.",
        ),
    ),
    "return-how": Ready(
        ("How to return", "Cómo devolver"),
        (
            "Hello {patient_first_name}, you may return {... item} until {... date}. Your return number is "
            "{... number}; we collect it {... window}.",
            "Hola {patient_first_name}, puede devolver {... artículo} hasta {... fecha}. Su número de devolución "
            "es {... número}; lo recogemos {... horario}.",
        ),
        checklist="return",
    ),
    "return-here": Ready(
        ("Return arrived", "Devolución recibida"),
        (
            "Hello {patient_first_name}, what you sent back is here. We inspect it and tell you the result by "
            "{... date}.",
            "Hola {patient_first_name}, lo que devolvió ya está aquí. Lo revisamos y le decimos el resultado "
            "antes del {... fecha}.",
        ),
    ),
    "refund-when": Ready(
        ("When the refund comes", "Cuándo llega el reembolso"),
        (
            "Hello {patient_first_name}, your refund of {... amount, and what was deducted} goes back to the way "
            "you paid by {... date}.",
            "Hola {patient_first_name}, su reembolso de {... monto y lo descontado} vuelve a su forma de pago "
            "antes del {... fecha}.",
        ),
    ),
    "need-card": Ready(
        ("Insurance card needed", "Falta la tarjeta de seguro"),
        (
            "Hello {patient_first_name}, please upload your insurance card under Documents. We check it within "
            "{... how long it takes}.",
            "Hola {patient_first_name}, suba su tarjeta de seguro en Documentos. La revisamos en "
            "{... cuánto tarda}.",
        ),
        checklist="insurance",
    ),
    "coverage-found": Ready(
        ("What the plan covers", "Qué cubre el plan"),
        (
            "Hello {patient_first_name}, your plan told us: {... covered amount and your share}. This is an "
            "estimate; the plan has the last word.",
            "Hola {patient_first_name}, su plan nos dijo: {... monto cubierto y su parte}. Es una estimación; el "
            "plan tiene la última palabra.",
        ),
    ),
    "prior-auth": Ready(
        ("Prior authorization", "Autorización previa"),
        (
            "Hello {patient_first_name}, we asked your plan to approve this {... day}. They answer by {... date}, "
            "and we write to you on that day.",
            "Hola {patient_first_name}, pedimos la aprobación a su plan {... día}. Responden antes del "
            "{... fecha} y ese día le escribimos.",
        ),
    ),
    "bill-look": Ready(
        ("We look at the bill", "Revisamos la factura"),
        (
            "Hello {patient_first_name}, thank you for telling us. I check the bill of {... date} against what "
            "your plan paid. You need not pay it until you hear from us by {reply_by}.",
            "Hola {patient_first_name}, gracias por avisar. Comparo la factura del {... fecha} con lo que pagó su "
            "plan. No la pague hasta que le escribamos, antes del {reply_by}.",
        ),
    ),
    "appeal-send": Ready(
        ("Appeal: what to send", "Apelación: qué enviar"),
        (
            "Hello {patient_first_name}, we can ask your plan to look again. It has to be sent by "
            "{... the plan's deadline}, so please send us this soon.",
            "Hola {patient_first_name}, podemos pedir a su plan que lo revise otra vez. Hay que enviarlo antes "
            "del {... plazo del plan}; mándenos esto pronto.",
        ),
        checklist="appeal",
    ),
    "clinical": Ready(
        ("A clinician calls", "Llama un profesional clínico"),
        (
            "Thank you for telling me, {patient_first_name}. A clinician calls you within the hour. If you have "
            "trouble breathing or chest pain, call 911 now.",
            "Gracias por decirme, {patient_first_name}. Un profesional clínico le llama en menos de una hora. Si "
            "le cuesta respirar o le duele el pecho, llame al 911 ahora.",
        ),
    ),
    "complaint": Ready(
        ("Complaint is on record", "Queja registrada"),
        (
            "Hello {patient_first_name}, I am sorry. Your complaint is on record as {case_number}. We confirm it "
            "in writing within 5 days and answer within 14.",
            "Hola {patient_first_name}, lo siento. Su queja quedó registrada como {case_number}. La confirmamos "
            "por escrito en 5 días y respondemos en 14.",
        ),
    ),
}
