"""What stands in a patient's home: whose it is, and until when it is under warranty."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from config.business_day import business_day
from portal import saying
from portal.models import Device, Patient


def at_home(actor: Any, patient: Patient) -> list[Device]:
    """The patient's machines that were not given back, newest first."""
    rows = Device.objects.visible_to(actor).filter(patient=patient, returned_on=None)
    return list(rows.select_related("product"))


def plain_name(device: Device) -> str:
    """What the machine is, in words a patient uses."""
    return (device.product.plain_name if device.product else "") or device.description or _("Device")


def warranty(device: Device, *, today: date | None = None) -> str:
    """Whether the manufacturer still answers for it, with the date."""
    if device.warranty_until is None:
        return ""
    over = device.warranty_until < (today or business_day())
    text = _("Warranty ended %(day)s") if over else _("Under warranty until %(day)s")
    return text % {"day": saying.day(device.warranty_until)}
