from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = "Cases and conversations"

    def ready(self) -> None:
        from cases import home_cards, lines, receivers, watched  # noqa: F401 - listens; watches writes
        from cases.channels import chat
        from portal.access_trail import PURPOSES
        from portal.levels import MATTERS
        from portal.owners import OWNERS

        OWNERS["conversation"] = chat.reaches
        MATTERS["case"] = lines.matter
        PURPOSES["case"] = lambda _number: lines.WHY
        home_cards.fill()
