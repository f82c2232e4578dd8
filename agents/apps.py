from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents and the floor"

    def ready(self) -> None:
        from agents import receivers, watched  # noqa: F401 - listens; puts writes on the access trail
