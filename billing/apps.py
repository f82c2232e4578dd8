from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = "Insurance and money"

    def ready(self) -> None:
        from billing import fhir_records, home_cards, watched  # noqa: F401 - each registers what it knows

        home_cards.fill()
