"""Clocks for what stands open: the newest cases have promises that run, as they would on any morning.

A case of the synthetic history may have waited for days; its clocks begin within the last hours, so that the desk
shows what is well, what is near and what is late side by side.
"""

from datetime import datetime, timedelta
from random import Random

from django.db import transaction

from cases import sla
from cases.models import Case

MOST = 300
LONGEST_AGO = timedelta(hours=7)


def begin_clocks(rng: Random, now: datetime) -> int:
    """Start the clocks of the newest open cases; how many cases have them."""
    newest = list(Case.objects.exclude(state="closed").order_by("-last_contact_at", "pk")[:MOST])
    for case in newest:
        with transaction.atomic():
            held = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
            sla.event(held, "opened", at=now - rng.random() * LONGEST_AGO)
            if held.state == "waiting":
                sla.event(held, "we_spoke", at=now)
                sla.event(held, "waits", at=now)
    return len(newest)
