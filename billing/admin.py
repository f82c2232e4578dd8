"""The workshop's pages of payers and coverage."""

from django.contrib import admin

from billing.models import Coverage, Payer
from portal.workshop import WorkshopAdmin


@admin.register(Payer)
class PayerAdmin(WorkshopAdmin):
    works, adds = "products.manage", True
    list_display = ("payer_id", "name", "payer_class", "synthetic")
    list_filter = ("payer_class",)
    search_fields = ("payer_id", "name")


@admin.register(Coverage)
class CoverageAdmin(WorkshopAdmin):
    sees = "coverage.view"
    list_display = ("payer", "rank", "relationship", "active", "starts_on", "ends_on")
    list_filter = ("payer__payer_class", "active", "rank")
    list_select_related = ("payer",)
    search_fields = ("patient__account_number",)
    raw_id_fields = ("patient", "card_front", "card_back")
