"""The cases' background work. Tasks carry ids alone, and each can run twice without harm."""

from celery import shared_task

from cases import notices

SCHEDULE = {"cases.tasks.send_due_notices": 60}


@shared_task(name="cases.tasks.send_notice")
def send_notice(notice_id: int) -> bool:
    """Tell a patient that a message waits."""
    return notices.send(notice_id)


@shared_task(name="cases.tasks.send_due_notices")
def send_due_notices() -> int:
    """Take up notices whose task was lost or whose mail could not go. Gives how many went out."""
    return sum(notices.send(pk) for pk in notices.due())
