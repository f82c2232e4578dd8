from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents and the floor"

    def ready(self) -> None:
        # Fills a registry, listens, puts writes on the access trail.
        from agents import belongings, receivers, watched  # noqa: F401 - importing them registers them
