"""Carry everything that is sealed over to the newest key in MASTER_KEYS, while the system runs.

Put the new key in front of the old one, restart the processes, run this; when it says that the old key is no
longer used, take that away and restart again. Killed half-way, it is run again and goes on.
Exit code 0: all under the newest key; 1: values that no key opens; 2 (with --check): work is left.
"""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from config.security import audit, crypto, rotation
from portal import access_trail
from portal.access import System


class Command(BaseCommand):
    help = "Re-encrypts what does not stand under the newest key, and says which keys are no longer used."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="values read at a time (500)")
        parser.add_argument("--check", action="store_true", help="only count what stands under which key")

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable: list[str] = []
        if not options["check"]:
            for source in rotation.sources():
                unreadable += self._rotate(source, options["batch"])
            self._tell()
        used = self._report()
        for row in unreadable:
            self.stderr.write(f"No key opens {row}.")
        if unreadable:
            raise SystemExit(1)
        if options["check"] and set(used) - {crypto.ring().newest}:
            raise SystemExit(2)

    def _rotate(self, source: rotation.Source, batch: int) -> list[str]:
        used = source.keys()
        left = used.total() - used[crypto.ring().newest]
        done, unreadable = 0, []
        for progress in source.rotate(batch):
            done += progress.done
            unreadable += progress.unreadable
            self.stdout.write(f"{source.name}: {done:,} of {left:,}")
            self.stdout.flush()
        return unreadable

    def _tell(self) -> None:
        """Put it on the trail and seal that under the newest key, which then vouches for all before it."""
        with audit.acting(System("rotate_keys")):
            audit.event("security", what="keys carried over")
        access_trail.seal()

    def _report(self) -> Counter[str]:
        """Say how many values stand under each key, and which keys can leave the ring."""
        used: Counter[str] = Counter()
        for source in rotation.sources():
            used += source.keys()
        for key, count in sorted(used.items()):
            newest = " (newest)" if key == crypto.ring().newest else ""
            self.stdout.write(f"{count:,} values under {key}{newest}")
        for key in crypto.ring().ids[1:]:
            if key not in used:
                self.stdout.write(f"Key {key} is no longer used: it can leave MASTER_KEYS.")
        return used
