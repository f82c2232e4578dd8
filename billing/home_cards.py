"""What this app puts on the customer's home, into the copy of their data and on intake's list."""

from django.utils.translation import gettext_lazy as _

from billing import coverage, fhir
from billing.models import Coverage
from portal import home, intake, my_data
from portal.models import Patient


def fill() -> None:
    card = "billing/portal/home_card.html"
    home.register(home.Card("coverage", _("Insurance"), card, "billing", 25, coverage.panel))
    intake.NEEDS["coverage"] = (_("Insurance on file"), _is_insured)
    my_data.register(my_data.Exporter("insurance", fhir.coverage_rows, fhir.coverage_fhir))


def _is_insured(patient: Patient) -> bool:
    return bool(Coverage.objects.filter(patient=patient, active=True).exists())
