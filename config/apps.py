"""The floor under the five apps, and the admin with a site of our own."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Settings and wiring"

    def ready(self) -> None:
        from config import checks, place_checks  # noqa: F401 - registers the checks
        from config.celery import app
        from config.security import errands

        # The current app is one thread's own; without a default a request's thread could not publish.
        app.set_default()
        errands.install()


class DeskAdminConfig(AdminConfig):
    default_site = "config.admin_site.DeskAdminSite"
