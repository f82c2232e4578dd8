"""What the portal, the case work and the floor announce, and routing heeds.

Placing itself is a task: whoever caused it does not wait for it, and where no task can be handed over the
next run, a few seconds later, finds what waits.
"""

import contextlib
from typing import Any

from django.dispatch import receiver
from kombu.exceptions import OperationalError

from agents import floor, offers, presence, sending
from agents.signals import offer_answered, presence_changed
from cases.signals import case_changed, contact_waiting
from portal.signals import sessions_ended

MOVES = ("opened", "assigned", "released", "transferred", "changed", "closed", "reopened", "merged", "woken")
FREES = ("declined", "timed_out", "withdrawn")


@receiver(contact_waiting, dispatch_uid="agents: place a contact")
def contact_waits(**_: Any) -> None:
    _place_soon()


@receiver(contact_waiting, dispatch_uid="agents: hold back what was to leave later")
def customer_wrote(case_id: int | None, **_: Any) -> None:
    if case_id is not None:
        sending.customer_wrote(case_id)


@receiver(case_changed, dispatch_uid="agents: place a case")
def case_moved(case_id: int, what: str, **_: Any) -> None:
    if what in MOVES:
        offers.settle(case_id)
        _place_soon()


@receiver(presence_changed, dispatch_uid="agents: place on presence")
def presence_moved(user_id: int, state: str, **_: Any) -> None:
    if state == "offline":
        offers.pass_on(user_id)
    _place_soon()


@receiver(offer_answered, dispatch_uid="agents: place on answer")
def answered(state: str, **_: Any) -> None:
    if state in FREES:
        _place_soon()


@receiver(sessions_ended, dispatch_uid="agents: leave the desk")
def signed_out(user_id: int, **_: Any) -> None:
    presence.leave(user_id)


def _place_soon() -> None:
    from agents.tasks import place_waiting  # the tasks import the rules

    if floor.any_pushed():
        with contextlib.suppress(OperationalError):
            place_waiting.apply_async(retry=False)
