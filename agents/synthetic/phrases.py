"""What people write to a supplier, reason by reason, and what they are answered."""

CUSTOMER = {
    "equipment_down": [
        "My oxygen concentrator stopped and the alarm is on.",
        "I have about two hours left in the cylinder.",
        "The driver is here, thank you.",
    ],
    "order_status": [
        "Hi, can you tell me where order {order} is?",
        "It was meant to come on Tuesday.",
        "Thank you, that helps.",
    ],
    "delivery_scheduling": [
        "I need another day for my delivery.",
        "Thursday morning is best. There are stairs.",
        "Great, see you then.",
    ],
    "address_change": [
        "We are moving at the end of the month.",
        "Can the next box go to the new place?",
        "Thanks.",
    ],
    "consumable_resupply": [
        "My cushions are worn, when may I order again?",
        "Yes please, the same size.",
        "Perfect.",
    ],
    "device_troubleshooting": [
        "The machine makes a whistling noise at night.",
        "I changed the filter, it is still there.",
        "It is quiet now, thank you.",
    ],
    "replacement_part": [
        "The water chamber has a crack.",
        "Order {order}, I got it in spring.",
        "Good, thanks.",
    ],
    "warranty_claim": [
        "The machine stopped after four months.",
        "I sent the photo.",
        "OK, I will wait for the box.",
    ],
    "return": ["The mask does not fit. Can I send it back?", "It is unopened.", "I will print the label."],
    "refund_status": [
        "I sent the pump back two weeks ago. Where is my refund?",
        "To the same card, yes.",
        "Thank you.",
    ],
    "insurance_verification": [
        "I have a new insurance card, what do you need?",
        "Both sides are uploaded now.",
        "Thanks for checking.",
    ],
    "prior_authorization": [
        "Did my insurance approve the machine yet?",
        "Do you need something from my doctor?",
        "OK.",
    ],
    "billing_dispute": [
        "I got a bill but my plan said it is covered.",
        "The date on it is wrong too.",
        "Please call me when it is sorted.",
    ],
    "appeal": ["They denied my claim. What can I do?", "I have the letter here.", "Please send the appeal."],
    "clinical_triage": [
        "I feel short of breath with the new setting.",
        "It started yesterday evening.",
        "I will wait for the call.",
    ],
    "complaint": [
        "Nobody called me back last week.",
        "I want this written down.",
        "Thank you for taking it seriously.",
    ],
}
AGENT = [
    "Hello {name}, thank you for writing. I have your record open and I am checking this now.",
    "I see what happened. The next step is with us; you will hear from me by tomorrow, 5 pm.",
    "That is done. Is there anything else I can do for you today?",
]
AGENT_ES = [
    "Hola {name}, gracias por escribir. Estoy revisando su expediente.",
    "Ya veo qué pasó. El próximo paso es nuestro; le escribo mañana antes de las 5 pm.",
    "Listo. ¿Puedo ayudarle con algo más?",
]
NOTES = [
    "Called the carrier, parcel confirmed at the depot.",
    "Customer prefers calls after 4 pm.",
    "Checked the payer's portal, nothing new since Monday.",
    "Sent the request for the signed order again.",
]
