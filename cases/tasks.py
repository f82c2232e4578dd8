"""The cases' background work. Tasks carry ids alone, and each can run twice without harm."""

from celery import shared_task

from cases import escalation, notices, paging, rota_warnings

SCHEDULE = {
    "cases.tasks.send_due_notices": 60,
    "cases.tasks.climb_escalations": 15,
    "cases.tasks.warn_of_gaps": 3600,
}


@shared_task(name="cases.tasks.send_notice")
def send_notice(notice_id: int) -> bool:
    """Tell a patient that a message waits."""
    return notices.send(notice_id)


@shared_task(name="cases.tasks.send_due_notices")
def send_due_notices() -> int:
    """Take up notices whose task was lost or whose mail could not go. Gives how many went out."""
    return sum(notices.send(pk) for pk in notices.due())


@shared_task(name="cases.tasks.send_page")
def send_page(page_id: int) -> bool:
    """Call somebody to a case."""
    return paging.send(page_id)


@shared_task(name="cases.tasks.climb_escalations")
def climb_escalations() -> int:
    """Pages whose task was lost, steps nobody answered, escalations whose time is over. Gives how many moved."""
    ran_out = sum(escalation.run_out(pk) for pk in escalation.running_out())
    climbed = sum(paging.advance(pk) for pk in paging.due_steps())
    return ran_out + climbed + sum(paging.send(pk) for pk in paging.due_pages())


@shared_task(name="cases.tasks.warn_of_gaps")
def warn_of_gaps() -> int:
    """Once a day, by mail: when nobody will be on duty. Gives how many were told."""
    return rota_warnings.tell()
