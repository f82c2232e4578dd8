"""The one gate through which messages reach the database: many at a time, in one transaction.

``write`` takes a batch from whoever has one: the collector of a web process (all its sockets), an HTTP
request or a rule of this app. It locks the conversations in the order of their ids and the cases after
them; whoever else locks both must do it in that order.
"""

import logging
from collections.abc import Sequence
from functools import partial

from django.db import InterfaceError, OperationalError, connection, transaction

from cases import live, notices
from cases.drafts import Draft, Outcome, Refused, Stored
from cases.ledger import Entry, Ledger
from cases.sealing import Sealed, seal
from cases.signals import message_stored

LOST = (OperationalError, InterfaceError)

logger = logging.getLogger(__name__)


def write(drafts: Sequence[Draft]) -> list[Outcome]:
    """Store a batch in order; what became of each, in the same order.

    A draft that can't be stored is refused, and its neighbours are not touched. What the database could not
    take is ``unavailable``; inside of a caller's transaction that error is raised instead.
    """
    ready = [_ready(draft) for draft in drafts]
    outcomes = iter(_written([sealed for sealed in ready if isinstance(sealed, Sealed)]))
    return [next(outcomes) if isinstance(sealed, Sealed) else sealed for sealed in ready]


def write_one(draft: Draft) -> Stored:
    """Store one message, or raise Refused."""
    [outcome] = write([draft])
    if isinstance(outcome, Refused):
        raise outcome
    return outcome


def _ready(draft: Draft) -> Sealed | Refused:
    try:
        return seal(draft)
    except Exception as error:
        return _poison(error)


def _poison(error: Exception) -> Refused:
    logger.warning("A message can't be stored: %s.", type(error).__name__)
    return Refused("invalid", "This message can't be stored.")


def _written(batch: list[Sealed]) -> list[Outcome]:
    if len(batch) < 2:
        return [_alone(sealed) for sealed in batch]
    try:
        return _together(batch)
    except Exception as error:
        _leave(error)
        return [_alone(sealed) for sealed in batch]


def _alone(sealed: Sealed) -> Outcome:
    """One message for itself: only what is wrong with this one can hurt it, and whatever that is, it is said."""
    try:
        return _together([sealed])[0]
    except LOST as error:
        _leave(error)
        return Refused("unavailable", "Not stored yet. Please try again.", retry_after=1)
    except Exception as error:
        return _poison(error)


def _leave(error: Exception) -> None:
    """Give up a broken connection, so that the next query opens another. A transaction is its caller's."""
    if isinstance(error, LOST):
        if connection.in_atomic_block:
            raise error
        logger.warning("The database did not take a batch: %s.", type(error.__cause__ or error).__name__)
        connection.close_if_unusable_or_obsolete()


def _together(batch: list[Sealed]) -> list[Outcome]:
    with transaction.atomic():
        ledger = Ledger(batch)
        entered = [ledger.enter(sealed) for sealed in batch]
        ledger.store()
        if ledger.entries:
            transaction.on_commit(partial(_announce, ledger.entries, ledger.answers))
    return [outcome.stored() if isinstance(outcome, Entry) else outcome for outcome in entered]


def _announce(entries: list[Entry], answers: list[int]) -> None:
    """Best effort: the messages are stored, whoever fails to hear of them."""
    live.messages_stored({(entry.page.id, entry.page.case_id) for entry in entries})
    if any(entry.page.accepted for entry in entries):
        live.states_changed({entry.page.id for entry in entries if entry.page.accepted})
    if answers:
        notices.soon(answers)
    for entry in entries:
        message_stored.send_robust(None, conversation_id=entry.page.id, message_id=entry.id)
