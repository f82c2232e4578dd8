"""Drafts made ready for the database outside of any lock: redacted, encrypted, their words digested."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from cases.drafts import Draft
from cases.models import Message
from config.security import crypto, redaction

PURPOSE = "messages"
FIELDS: dict[str, Any] = {field.name: field for field in Message._meta.concrete_fields}
BODY, NAME, EXTRA, TOKENS = (FIELDS[name] for name in ("body", "author_name", "extra", "body_tokens"))
Whose = tuple[uuid.UUID, str, uuid.UUID]


@dataclass(frozen=True, slots=True)
class Sealed:
    draft: Draft
    body: str
    author_name: str
    tokens: list[str] | None
    extra: str | None
    redactions: int
    body_hash: bytes | None

    @property
    def whose(self) -> Whose | None:
        """What makes a message the same one when it is sent again."""
        return names(self.draft, self.draft.client_id)

    @property
    def follows(self) -> Whose | None:
        return names(self.draft, self.draft.prev)


def names(draft: Draft, client_id: uuid.UUID | None) -> Whose | None:
    return None if client_id is None else (draft.conversation_id, draft.author.key, client_id)


def seal(draft: Draft) -> Sealed:
    """Raises UnicodeError, ValueError or TypeError for what can never be stored."""
    redacted = redaction.redact(draft.body)
    return Sealed(
        draft,
        BODY.get_db_prep_save(redacted.text, connection),
        NAME.get_db_prep_save(draft.author.name, connection),
        TOKENS.derived([redacted.text]),
        EXTRA.get_db_prep_save(draft.extra, connection),
        redacted.total,
        fingerprint(draft) if draft.client_id else None,
    )


def fingerprint(draft: Draft, key_id: str | None = None) -> bytes:
    """A keyed hash of the body as it was sent, before anything was redacted from it."""
    return crypto.mac(PURPOSE, draft.conversation_id.bytes + draft.body.encode(), key_id)


def same_body(draft: Draft, body_hash: bytes) -> bool:
    """Whether the hash is of this body, under any key that is still alive."""
    return any(crypto.same(fingerprint(draft, key_id), body_hash) for key_id in crypto.ring().ids)
