from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = "Cases and conversations"

    def ready(self) -> None:
        from cases import home_cards, receivers, watched  # noqa: F401 - listens; puts writes on the access trail
        from cases.channels import chat
        from portal.owners import OWNERS

        OWNERS["conversation"] = chat.reaches
        home_cards.fill()
