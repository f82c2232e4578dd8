from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "cases"
    verbose_name = "Cases and conversations"

    def ready(self) -> None:
        from cases import watched  # noqa: F401 - puts writes on the access trail
