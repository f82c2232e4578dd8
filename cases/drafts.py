"""What somebody wants to say, before it is stored: who speaks, what, and whether it can be stored at all."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from config.security import audit
from config.security.normal import is_blank

LONGEST_BODY = 10_000
LONGEST_CHOICE = 80
MOST_ATTACHMENTS = 10
BIGGEST_SEQ = 2**31 - 1
STAFF_KINDS = frozenset({"note", "whisper"})

TRANSIENT = frozenset({"out_of_order", "rate_limited", "unavailable"})


class Refused(Exception):
    """What was sent can't be taken. ``code`` is one of the chat protocol's; ``detail`` is for the sender."""

    def __init__(self, code: str, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(code)
        self.code, self.detail, self.retry_after = code, detail, retry_after

    @property
    def permanent(self) -> bool:
        return self.code not in TRANSIENT


@dataclass(frozen=True, slots=True)
class Author:
    """Who speaks. ``key`` says whose client ids these are: ``u<user id>``, ``guest`` or ``system``."""

    role: str
    key: str
    name: str = ""
    user_id: int | None = None

    @property
    def is_customer(self) -> bool:
        return self.role in {"customer", "caregiver"}

    @property
    def is_staff(self) -> bool:
        return self.role in {"agent", "supervisor"}


SYSTEM = Author("system", "system")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be stored. ``context`` is who answers for it on the access trail;
    ``made_from`` the canned reply it was made from, and its version.
    """

    conversation_id: uuid.UUID
    author: Author
    body: str
    kind: str = "reply"
    client_id: uuid.UUID | None = None
    prev: uuid.UUID | None = None
    choice: str = ""
    attachments: tuple[uuid.UUID, ...] = ()
    extra: dict[str, Any] | None = None
    context: audit.Context | None = field(default=None, compare=False)
    made_from: tuple[int, int] | None = None


def storable(text: str) -> str:
    """``text`` itself, or Refused: NUL and lone surrogates never reach the database."""
    if "\0" in text:
        raise Refused("invalid", "The text holds a character that can't be stored.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused("invalid", "The text holds a character that can't be stored.") from None
    return text


def checked_body(body: Any, *, may_be_empty: bool = False) -> str:
    if not isinstance(body, str):
        raise Refused("invalid", "body must be text.")
    if len(body) > LONGEST_BODY:
        raise Refused("too_large", f"A message has at most {LONGEST_BODY} characters.")
    storable(body)
    if not is_blank(body):
        return body
    if not may_be_empty:
        raise Refused("invalid", "A message can't be empty.")
    return ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as it was committed. ``created`` is False where the same had been stored before."""

    conversation_id: uuid.UUID
    client_id: uuid.UUID | None
    id: int
    seq: int | None
    staff_seq: int | None
    sent_at: datetime
    redactions: int
    created: bool = True


Outcome = Stored | Refused
