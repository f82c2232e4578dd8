"""``manage.py seed``: load the synthetic supplier, or tell who and what is in it."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.synthetic import supplier
from portal.models import Patient, Product


class Command(BaseCommand):
    help = "Load the synthetic supplier into an empty database. With --json: print its users and samples."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", default="1", help="the same seed makes the same supplier")
        parser.add_argument("--patients", type=int, default=400)
        parser.add_argument("--cases", type=int, help="default: 1.5 a patient")
        parser.add_argument("--messages", type=int, help="default: 5 a case")
        parser.add_argument("--until", help="when the history ends, ISO 8601 (default: this hour)")
        parser.add_argument("--weeks", type=int, default=26, help="of history")
        parser.add_argument("--processes", type=int, default=2)
        parser.add_argument("--json", action="store_true", help="print users by role and ids of samples")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "seed: synthetic data has no place in a production profile. Set DME_PROFILE=demo."
            )
        begun = Patient.objects.exists() or Product.objects.exists()
        if not begun:
            self._load(options)
        elif not supplier.is_loaded():
            raise CommandError(
                "seed: the supplier here is not whole: its loading was ended half-way, or something else is in "
                "this database. Empty the database and begin anew; where it is the demo's own, make demo RESET=1."
            )
        elif not options["json"]:
            raise CommandError("seed: there are patients here already. Begin anew with make demo RESET=1.")
        if options["json"]:
            self.stdout.write(supplier.as_json(options["seed"]))

    def _load(self, options: dict[str, Any]) -> None:
        started = time.monotonic()
        cases = options["cases"] if options["cases"] is not None else options["patients"] * 3 // 2
        size = supplier.Size(
            seed=options["seed"],
            patients=options["patients"],
            cases=cases,
            messages=options["messages"] or cases * 5,
            weeks=options["weeks"],
            processes=options["processes"],
        )
        supplier.load(size, self._until(options["until"]), self.stderr.write)
        self.stderr.write(f"Loaded in {time.monotonic() - started:.0f} s.")

    def _until(self, text: str | None) -> datetime:
        """The hour that has begun, so that two loads of one seed at one sitting are the same."""
        if not text:
            return timezone.now().replace(minute=0, second=0, microsecond=0)
        try:
            until = datetime.fromisoformat(text)
        except ValueError:
            raise CommandError("seed: --until wants a date or a moment such as 2026-11-22T12:00Z.") from None
        return until if until.tzinfo else until.replace(tzinfo=UTC)
