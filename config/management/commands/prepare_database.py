from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand

from config import database_roles


class Command(BaseCommand):
    """Run once as the owner, before the first migration, on a database of your own."""

    help = "Extensions and default rights: the owner makes tables, the application reads and writes rows."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        with psycopg.connect(settings.DATABASE_OWNER_URL) as owner:
            database_roles.prepare(owner, settings.APP_ROLE)
        self.stdout.write(f"The role {settings.APP_ROLE} may read and write what the owner will make.")
