"""The portal's background work. Tasks carry ids alone, and each can run twice without harm."""

import structlog
from celery import shared_task

from config.security import throttle
from portal import access_trail, account_mail, duplicates, inspection, my_data, retention

log = structlog.get_logger(__name__)

LONGEST_QUEUED = 300  # seconds; the sweep asks again, so files that wait for hours stand in the queue once
LONGEST_PROOF = 4 * 3600  # seconds: years of entries, read once

SCHEDULE = {
    "portal.tasks.find_look_alikes": 24 * 3600,
    "portal.tasks.drop_old_rows": 24 * 3600,
    "portal.tasks.prove_trail": 24 * 3600,
    "portal.tasks.seal_trail": 60,
    "portal.tasks.send_due_account_mail": 30,
    "portal.tasks.sweep_attempts": 3600,
    "portal.tasks.sweep_uploads": 30,
    "portal.tasks.tend_my_data": 60,
}
FILES = {"portal.tasks.process_upload", "portal.tasks.sweep_uploads"}
PARTNERS = {
    "portal.tasks.send_account_mail",
    "portal.tasks.send_due_account_mail",
}


@shared_task(name="portal.tasks.process_upload", expires=LONGEST_QUEUED)
def process_upload(document_id: int) -> str:
    """Take a file that arrived through its checks."""
    return inspection.process(document_id)


@shared_task(name="portal.tasks.sweep_uploads")
def sweep_uploads() -> dict[str, int]:
    """Pick up files that were left behind, and clear away uploads nobody finished."""
    return inspection.sweep()


@shared_task(name="portal.tasks.build_my_data")
def build_my_data(export_id: int) -> bool:
    """Make the copy of a patient's data that was asked for."""
    return my_data.build(export_id)


@shared_task(name="portal.tasks.tend_my_data")
def tend_my_data() -> int:
    """Remove copies whose days are over, and take up those whose task was lost. Gives how many were removed."""
    for export_id in my_data.due():
        build_my_data.delay(export_id)
    return my_data.expire()


@shared_task(name="portal.tasks.send_account_mail")
def send_account_mail(letter_id: int) -> bool:
    """Send one letter about an account; a second run finds it sent."""
    return account_mail.send(letter_id)


@shared_task(name="portal.tasks.send_due_account_mail")
def send_due_account_mail() -> int:
    """Send what could not be sent before."""
    return account_mail.send_due()


@shared_task(name="portal.tasks.sweep_attempts")
def sweep_attempts() -> int:
    """Drop tries that no limit counts any more."""
    return throttle.sweep()


@shared_task(name="portal.tasks.seal_trail")
def seal_trail() -> int:
    """Seal what the access trail has not sealed yet. Gives how many entries. On a trail that is broken nothing
    is sealed: the entries stay and wait, and each minute says so.
    """
    try:
        return access_trail.seal()
    except access_trail.TrailBroken as broken:
        log.critical("The access trail is broken and is not sealed.", outcome=str(broken))
        raise


@shared_task(name="portal.tasks.prove_trail", time_limit=LONGEST_PROOF)
def prove_trail() -> int:
    """Prove the whole trail as ``verify_trail`` does. Gives how many entries; each finding is an alarm."""
    proof = access_trail.verify()
    for finding in proof.findings:
        log.critical("The access trail is broken.", outcome=finding)
    return proof.entries


@shared_task
def find_look_alikes() -> int:
    """Look for records that may be one person's. Gives how many pairs are new."""
    return duplicates.sweep()


@shared_task
def drop_old_rows() -> int:
    """Drop ended sessions, spent links and letters that went out long ago. Gives how many."""
    return retention.sweep()
