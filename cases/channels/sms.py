"""Text messages out: a reply of ours, to the number that deliveries may use."""

from cases.models import Message
from config.integrations import sms
from portal import consent, contact_holds
from portal.models import Patient


def deliver(message: Message, patient: Patient) -> bool:
    """Whether it went. Not to the dead, nor to whoever said STOP. Raises PartnerDown or PartnerRefuses."""
    number = contact_holds.usable_for_delivery(patient, "phone")
    if not number or patient.deceased_on is not None or consent.refuses(patient, "sms", "orders"):
        return False
    sms.send(number, message.body, key=f"reply-{message.pk}")
    return True
