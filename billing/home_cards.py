"""What this app puts on the customer's home and into the copy of their data."""

from django.utils.translation import gettext_lazy as _

from billing import coverage, fhir
from portal import home, my_data


def fill() -> None:
    card = "billing/portal/home_card.html"
    home.register(home.Card("coverage", _("Insurance"), card, "billing", 25, coverage.panel))
    my_data.register(my_data.Exporter("insurance", fhir.coverage_rows, fhir.coverage_fhir))
