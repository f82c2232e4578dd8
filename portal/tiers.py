"""What a patient is to us where promises differ: by what keeps them alive at home, else by what a supervisor says."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from config.security import audit
from config.security.normal import is_blank
from portal import signals
from portal.access import require
from portal.models import Patient

# Tier of the row ``p`` of portal_patient, for any query that asks. Life-sustaining equipment stands in the home
# until it is returned; what is ordered and under way counts before it stands there.
TIER = """
    CASE WHEN EXISTS (
        SELECT 1 FROM portal_device d JOIN portal_product x ON x.id = d.product_id
        WHERE d.patient_id = p.id AND d.returned_on IS NULL AND x.life_sustaining
    ) OR EXISTS (
        SELECT 1 FROM portal_order o JOIN portal_orderline l ON l.order_id = o.id
            JOIN portal_product x ON x.id = l.product_id
        WHERE o.patient_id = p.id AND o.state IN ('open', 'held', 'shipped', 'delivered') AND x.life_sustaining
            AND NOT EXISTS (SELECT 1 FROM portal_device r
                WHERE r.order_id = o.id AND r.product_id = x.id AND r.returned_on IS NOT NULL)
    ) THEN 'life_sustaining' ELSE p.tier END
"""


def of(patient: Patient) -> str:
    """A code of ``Patient.TIERS``."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {TIER} FROM portal_patient p WHERE p.id = %s", [patient.pk])  # noqa: S608
        return str(cursor.fetchone()[0])


def choose(actor: Any, *, patient: Patient, tier: str, reason: str) -> Patient:
    """Say the tier of a patient whom no equipment keeps alive, and why; the reason goes on the trail."""
    require(actor, "cases.manage")
    if is_blank(reason):
        raise ValidationError({"reason": _("Say why.")})
    if tier not in dict(Patient.TIERS):
        raise ValidationError({"tier": _("Choose a tier.")})
    with transaction.atomic(), audit.acting(reason=reason.strip()):
        held: Patient = Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
        held.tier = tier
        held.save(update_fields=["tier"])
        tell(held.pk)
    return held


def tell(patient_id: int) -> None:
    """On commit: what is promised to this patient may be something else now."""
    transaction.on_commit(lambda: signals.tier_changed.send_robust(Patient, patient_id=patient_id))
