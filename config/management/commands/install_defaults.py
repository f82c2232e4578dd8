"""Put in what a supplier begins with: reasons, calendars, policies, playbooks, words.

An app's ``defaults`` package says ``INSTALL = {"what": function}``; each function adds what is missing, leaves
alone what somebody has changed, and gives how many rows it added.
"""

from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils.module_loading import module_has_submodule


class Command(BaseCommand):
    help = "Add the reasons, calendars, policies, playbooks and words a supplier begins with."

    def handle(self, *args: Any, **options: Any) -> None:
        for what, added in install().items():
            self.stdout.write(f"{what}: {added} added")


def install() -> dict[str, int]:
    """Install every app's defaults, from left to right; how many rows each added."""
    added = {}
    for config in apps.get_app_configs():
        if config.module and module_has_submodule(config.module, "defaults"):
            for what, put_in in import_module(f"{config.name}.defaults").INSTALL.items():
                with transaction.atomic():
                    added[what] = put_in()
    return added
