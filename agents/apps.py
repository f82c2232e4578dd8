from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents and the floor"

    def ready(self) -> None:
        from agents import watched  # noqa: F401 - puts writes on the access trail
