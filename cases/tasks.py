"""The cases' background work. Tasks carry ids alone, and each can run twice without harm."""

from celery import shared_task

from cases import (
    attainment,
    callbacks,
    canned,
    complaint_reminders,
    contact_again,
    escalation,
    incident_runs,
    notices,
    paging,
    rota_warnings,
    sla,
    snoozing,
    survey_sending,
)
from config.sweeps import each

SCHEDULE = {
    "cases.tasks.wake_due_cases": 15,
    "cases.tasks.take_up_cases": 600,
    "cases.tasks.send_due_notices": 60,
    "cases.tasks.look_at_callbacks": 60,
    "cases.tasks.send_due_surveys": 60,
    "cases.tasks.count_canned_uses": 3600,
    "cases.tasks.look_at_clocks": 10,
    "cases.tasks.count_attainment": 900,
    "cases.tasks.climb_escalations": 15,
    "cases.tasks.climb_forgotten": 300,
    "cases.tasks.warn_of_gaps": 3600,
    "cases.tasks.remind_of_complaints": 3600,
    "cases.tasks.work_incidents": 30,
}
PARTNERS = {
    "cases.tasks.send_notice",
    "cases.tasks.send_due_notices",
    "cases.tasks.send_due_surveys",
    "cases.tasks.warn_of_gaps",
    "cases.tasks.remind_of_complaints",
}


@shared_task(name="cases.tasks.send_notice")
def send_notice(notice_id: int) -> bool:
    """Tell a patient that a message waits."""
    return notices.send(notice_id)


@shared_task(name="cases.tasks.send_due_notices")
def send_due_notices() -> int:
    """Take up notices whose task was lost or whose mail could not go. Gives how many went out."""
    return notices.send_due()


@shared_task(name="cases.tasks.send_due_surveys")
def send_due_surveys() -> int:
    """Ask after cases that were closed a while ago. Gives how many went out."""
    return each(survey_sending.send, survey_sending.due())


@shared_task(name="cases.tasks.count_canned_uses")
def count_canned_uses() -> int:
    """Count how often each reply kept ready was sent of late. Gives how many counts changed."""
    return canned.count_uses()


@shared_task(name="cases.tasks.send_page")
def send_page(page_id: int) -> bool:
    """Call somebody to a case."""
    return paging.send(page_id)


@shared_task(name="cases.tasks.climb_escalations")
def climb_escalations() -> int:
    """Pages whose task was lost, steps nobody answered, escalations whose time is over. Gives how many moved."""
    return each(lambda sweep: sweep(), (_run_out, _climb, _page))


def _run_out() -> int:
    return each(escalation.run_out, escalation.running_out())


def _climb() -> int:
    return each(paging.advance, paging.due_steps())


def _page() -> int:
    return each(paging.send, paging.due_pages())


@shared_task(name="cases.tasks.climb_forgotten")
def climb_forgotten() -> int:
    """Cases whose clock ran out while nobody was there to hear of it. Gives how many went up."""
    return each(lambda found: escalation.climb(found[0], clock=found[1]), escalation.forgotten())


@shared_task(name="cases.tasks.warn_of_gaps")
def warn_of_gaps() -> int:
    """Once a day, by mail: when nobody will be on duty. Gives how many were told."""
    return rota_warnings.tell()


@shared_task(name="cases.tasks.remind_of_complaints")
def remind_of_complaints() -> int:
    """Once a day, by mail: complaints without a case whose days run out. Gives how many were told."""
    return complaint_reminders.remind()


@shared_task(name="cases.tasks.look_at_clocks")
def look_at_clocks() -> int:
    """Warn of clocks that run out soon, and note those that did. Gives how many were looked at."""
    looked = [sla.look()]
    while looked[-1] == sla.MOST_AT_ONCE:
        looked.append(sla.look())
    return sum(looked)


@shared_task(name="cases.tasks.count_attainment")
def count_attainment() -> int:
    """Count the promises kept in the hours and days that are over. Gives how many spans were counted."""
    return attainment.catch_up()


@shared_task(name="cases.tasks.wake_due_cases")
def wake_due_cases() -> int:
    """Wake the cases whose snooze is over, some hundred at a time. Gives how many woke."""
    woken = 0
    while (some := snoozing.wake_due()) > 0:
        woken += some
    return woken


@shared_task(name="cases.tasks.take_up_cases")
def take_up_cases() -> int:
    """Take up closed cases on the day of their next contact. Gives how many."""
    return each(contact_again.take_up, contact_again.due())


@shared_task(name="cases.tasks.look_at_callbacks")
def look_at_callbacks() -> int:
    """Give promised calls whose slot passed another one. Gives how many were late."""
    return callbacks.sweep()


@shared_task(name="cases.tasks.work_incident")
def work_incident(run_id: int) -> int:
    """Say or close in the cases of a mass incident. Gives how many were looked at."""
    return incident_runs.work(run_id)


@shared_task(name="cases.tasks.work_incidents")
def work_incidents() -> int:
    """Go on with what a worker left. Gives how many cases were looked at."""
    return each(incident_runs.work, incident_runs.unfinished())
