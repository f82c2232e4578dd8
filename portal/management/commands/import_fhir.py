"""``manage.py import_fhir PATH...``: take FHIR R4 bundles and single resources in."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.access import System
from portal.fhir_import import import_records

LONGEST_SYSTEM = 120


class Command(BaseCommand):
    help = "Import FHIR R4 files or folders, with a line for each thing that can't be used and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path)
        parser.add_argument("--system", default="fhir", help="whose records these are; ids count within it")

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["system"]) > LONGEST_SYSTEM:
            raise CommandError(f"import_fhir: --system is a name of at most {LONGEST_SYSTEM} characters.")
        missing = [path for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(f"import_fhir: there is nothing at {missing[0]}.")
        report = import_records(System("import"), paths=options["paths"], system=options["system"])
        for line in report.lines:
            self.stdout.write(line)
        for kind in sorted({*report.added, *report.changed}):
            added, changed = report.added.get(kind, 0), report.changed.get(kind, 0)
            self.stdout.write(f"{kind}: {added} added, {changed} changed")
