"""Prove the access trail whole, or name the first broken entry. Exit code 0 whole, 1 broken."""

import time
from typing import Any

from django.core.management.base import BaseCommand

from portal import access_trail


class Command(BaseCommand):
    help = "Proves that no entry of the access trail was changed, removed, put in or cut off."

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        proof = access_trail.verify()
        took = max(time.monotonic() - started, 0.001)
        speed = f"{proof.entries / took:,.0f} entries a second"
        self.stdout.write(f"{proof.entries:,} entries under {proof.seals:,} seals, {took:.1f} s, {speed}.")
        if proof.waiting:
            self.stdout.write(f"{proof.waiting:,} entries are not sealed yet.")
        for note in proof.notes:
            self.stdout.write(note)
        if proof.whole:
            self.stdout.write("The trail is whole.")
            return
        self.stderr.write(f"The trail is broken. First: {proof.findings[0]}")
        for finding in proof.findings[1:]:
            self.stderr.write(f"  {finding}")
        raise SystemExit(1)
