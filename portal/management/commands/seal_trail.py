"""Seal the access trail now. The beat does so every minute."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import access_trail


class Command(BaseCommand):
    help = "Seals what the access trail has not sealed yet and notes it in the anchor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--accept-restore",
            action="store_true",
            help="the database was restored: go on from its last seal, and note that in the anchor",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["accept_restore"]:
                number = access_trail.accept_restore()
                self.stdout.write(f"The restore is accepted: the trail goes on after seal {number}.")
            self.stdout.write(f"{access_trail.seal()} entries sealed.")
        except access_trail.TrailBroken as broken:
            raise CommandError(str(broken), returncode=1) from None
