"""What the worker does for the floor."""

from celery import shared_task

from agents import assignment, presence, sending, shifts, side
from config.sweeps import each

SCHEDULE = {
    "agents.tasks.sweep_presence": 15,
    "agents.tasks.place_waiting": 5,
    "agents.tasks.pass_the_baton": 60,
    "agents.tasks.release_due": 10,
    "agents.tasks.send_side_mails": 60,
}
PARTNERS = {"agents.tasks.send_side_mail", "agents.tasks.send_side_mails"}


@shared_task
def sweep_presence() -> int:
    return presence.sweep()


@shared_task
def place_waiting() -> int:
    """Offer what waits, and pass on what was not answered in time."""
    return assignment.place_waiting()


@shared_task
def pass_the_baton() -> int:
    """Hand over what was left by those who went without doing so. Gives for how many shifts."""
    return shifts.sweep()


@shared_task
def release_held(held_id: int) -> bool:
    """Send a reply whose author did not take it back."""
    return sending.release(held_id)


@shared_task
def release_due() -> int:
    """Send what is due, also where its own task was lost. Gives how many went out."""
    return each(sending.release, sending.due())


@shared_task
def send_side_mail(message_id: int) -> bool:
    """Send a mail to a prescriber, a carrier or a payer."""
    return side.send(message_id)


@shared_task
def send_side_mails() -> int:
    """Send what waits, also where its own task was lost. Gives how many went out."""
    return each(side.send, side.due())
