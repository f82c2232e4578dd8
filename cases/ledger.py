"""The pages of the conversations that one transaction writes on: locked, numbered, stored in bulk.

A batch costs the same few statements whatever its size: lock, look for what was sent before, insert, put on
the trail, turn the pages. Rows travel as one JSON parameter, so that one prepared statement serves all sizes.
"""

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from cases import following, sending, sla, snoozing
from cases.drafts import STAFF_KINDS, Draft, Outcome, Refused, Stored
from cases.models import Message
from cases.sealing import Sealed, Whose, same_body
from config.security import audit
from portal.models.documents import DocumentState

LOCK = """
    SELECT id, channel, state, case_id, patient_id, customer_id, agent_id, last_seq, last_staff_seq
    FROM cases_conversation WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
KNOWN = """
    SELECT m.conversation_id, m.author_key, m.client_id, m.id, m.seq, m.staff_seq, m.sent_at, m.redactions, m.body_hash
    FROM unnest(%s::uuid[], %s::varchar[], %s::uuid[]) AS k (conversation_id, author_key, client_id)
    JOIN cases_message m USING (conversation_id, author_key, client_id) WHERE m.client_id IS NOT NULL
"""
INSERT = """
    INSERT INTO cases_message (conversation_id, seq, staff_seq, kind, author_role, author_id, author_key, author_name,
        body, body_tokens, client_id, prev, body_hash, redactions, choice, extra, sent_at)
    SELECT conversation_id, seq, staff_seq, kind, author_role, author_id, author_key, author_name,
        body, body_tokens, client_id, prev, decode(body_hash, 'hex'), redactions, choice, extra, sent_at
    FROM json_to_recordset(%s) AS r (conversation_id uuid, seq int, staff_seq int, kind text, author_role text,
        author_id bigint, author_key text, author_name text, body text, body_tokens varchar[], client_id uuid,
        prev uuid, body_hash text, redactions smallint, choice text, extra text, sent_at timestamptz)
    RETURNING id, conversation_id, seq, staff_seq
"""
TURN = """
    WITH page AS (
        SELECT * FROM json_to_recordset(%s) AS p (id uuid, case_id bigint, state text, agent_id bigint, last_seq int,
            last_staff_seq int, at timestamptz, accepted bool, message_id bigint, said int, answered bool, heard bool)
    ), turned AS (
        UPDATE cases_conversation c
        SET state = p.state, agent_id = p.agent_id, last_seq = p.last_seq, last_staff_seq = p.last_staff_seq,
            last_message_at = p.at, accepted_at = CASE WHEN p.accepted THEN p.at ELSE c.accepted_at END,
            archived_at = CASE WHEN p.heard THEN NULL ELSE c.archived_at END
        FROM page p WHERE c.id = p.id
    ), matter AS (
        SELECT case_id AS id, max(message_id) AS message_id, max(at) AS at, sum(said) AS said,
            bool_or(answered) AS answered
        FROM page WHERE case_id IS NOT NULL GROUP BY case_id
    ), locked AS (
        SELECT c.id, m.said > 0 AND c.snoozed_until IS NOT NULL AND NOT c.wake_only_then AS woken
        FROM cases_case c JOIN matter m ON m.id = c.id ORDER BY c.id FOR NO KEY UPDATE OF c
    ), told AS (
        INSERT INTO cases_notification (user_id, case_id, kind, at)
        SELECT f.user_id, f.case_id, 'message', now()
        FROM cases_follower f JOIN matter m ON m.id = f.case_id WHERE m.said > 0 ORDER BY f.case_id, f.user_id
        ON CONFLICT (user_id, case_id, kind) WHERE read_at IS NULL DO UPDATE SET at = excluded.at
    )
    UPDATE cases_case c
    SET last_message_id = coalesce(m.message_id, c.last_message_id),
        last_contact_at = CASE WHEN m.message_id IS NULL THEN c.last_contact_at ELSE m.at END,
        unread = CASE WHEN m.answered THEN 0 ELSE c.unread END + m.said,
        state = CASE WHEN (c.state = 'waiting' AND m.said > 0) OR (c.state = 'new' AND m.answered)
            THEN 'open' ELSE c.state END,
        waiting_on = CASE WHEN c.waiting_on = 'customer' AND m.said > 0 THEN '' ELSE c.waiting_on END,
        snoozed_until = CASE WHEN locked.woken THEN NULL ELSE c.snoozed_until END
    FROM matter m JOIN locked USING (id) WHERE c.id = m.id RETURNING c.id, locked.woken
"""
ATTACHABLE = """
    SELECT ref, id, owner_ref, patient_id FROM portal_document WHERE ref = ANY(%s) AND state <> ALL(%s)
"""
ATTACH = """
    INSERT INTO cases_messageattachment (message_id, document_id) SELECT * FROM unnest(%s::bigint[], %s::bigint[])
"""
MADE_FROM = """
    INSERT INTO cases_canneduse (message_id, reply_id, version, at)
    SELECT m, r, v, now() FROM unnest(%s::bigint[], %s::bigint[], %s::int[]) AS t (m, r, v)
"""
NOTICE = """
    INSERT INTO cases_notice (message_id, state, due_at, tries) SELECT unnest(%s::bigint[]), 'due', now(), 0
"""
OUT_OF_REACH = [DocumentState.REFUSED, DocumentState.INFECTED, DocumentState.WITHDRAWN]


@dataclass(slots=True)
class Page:
    """A conversation as the batch finds it, and then as it leaves it. ``heard``: its customer was told something."""

    id: uuid.UUID
    channel: str
    state: str
    case_id: int | None
    patient_id: int | None
    customer_id: int | None
    agent_id: int | None
    last_seq: int
    last_staff_seq: int
    at: datetime
    accepted: bool = False
    said: int = 0
    answered: bool = False
    heard: bool = False
    last_line: "Entry | None" = None

    def number(self, kind: str) -> tuple[int | None, int | None]:
        if kind in STAFF_KINDS:
            self.last_staff_seq += 1
            return None, self.last_staff_seq
        self.last_seq += 1
        return self.last_seq, None

    def turn(self, entry: "Entry") -> None:
        """What a message does to its conversation and case."""
        author = entry.draft.author
        self.heard = self.heard or (entry.draft.kind == "reply" and not author.is_customer)
        if entry.draft.kind != "reply" or not (author.is_customer or author.is_staff):
            return
        self.last_line = entry
        if author.is_customer:
            self.said += 1
            self.state = "open" if self.state == "waiting" else self.state
            return
        self.said, self.answered = 0, True
        if self.state in {"bot", "queued"}:
            self.state, self.agent_id, self.accepted = "open", author.user_id, True


@dataclass(slots=True)
class Entry:
    """A new message with its number."""

    sealed: Sealed
    page: Page
    seq: int | None
    staff_seq: int | None
    documents: list[int]
    id: int = 0

    @property
    def draft(self) -> Draft:
        return self.sealed.draft

    def row(self) -> dict[str, Any]:
        draft, sealed = self.draft, self.sealed
        return {
            "conversation_id": str(draft.conversation_id),
            "seq": self.seq,
            "staff_seq": self.staff_seq,
            "kind": draft.kind,
            "author_role": draft.author.role,
            "author_id": draft.author.user_id,
            "author_key": draft.author.key,
            "author_name": sealed.author_name,
            "body": sealed.body,
            "body_tokens": sealed.tokens,
            "client_id": draft.client_id and str(draft.client_id),
            "prev": draft.prev and str(draft.prev),
            "body_hash": sealed.body_hash and sealed.body_hash.hex(),
            "redactions": sealed.redactions,
            "choice": draft.choice,
            "extra": sealed.extra,
            "sent_at": self.page.at.isoformat(),
        }

    def stored(self) -> Stored:
        draft = self.draft
        return Stored(
            draft.conversation_id,
            draft.client_id,
            self.id,
            self.seq,
            self.staff_seq,
            self.page.at,
            self.sealed.redactions,
        )


class Ledger:
    """Use inside of a transaction: ``of`` locks, ``enter`` numbers, ``store`` writes."""

    def __init__(self, batch: Sequence[Sealed]) -> None:
        self.pages = _locked({sealed.draft.conversation_id for sealed in batch})
        self.known: dict[Whose, tuple[Stored, bytes]] = _known(batch)
        self.documents = _attachable({ref for sealed in batch for ref in sealed.draft.attachments})
        self.entries: list[Entry] = []
        self.entered: dict[Whose, Entry] = {}

    def enter(self, sealed: Sealed) -> Outcome | Entry:
        """A new entry, the message as it was stored before, or why it can't be."""
        try:
            return self._before(sealed) or self._new(sealed)
        except Refused as refused:
            return refused

    def _before(self, sealed: Sealed) -> Stored | Entry | None:
        whose = sealed.whose
        if whose is None:
            return None
        if (entry := self.entered.get(whose)) is not None:
            return entry if entry.draft.body == sealed.draft.body else _conflict()
        if (known := self.known.get(whose)) is not None:
            return known[0] if same_body(sealed.draft, known[1]) else _conflict()
        return None

    def _new(self, sealed: Sealed) -> Entry:
        draft = sealed.draft
        page = self.pages.get(draft.conversation_id)
        if page is None:
            raise Refused("forbidden", "There is no such conversation.")
        if page.state == "closed" and draft.kind not in STAFF_KINDS and draft.author.role != "system":
            raise Refused("closed", "This conversation is closed.")
        if (before := sealed.follows) and before not in self.entered and before not in self.known:
            raise Refused("out_of_order", "The message before this one is not stored yet.", retry_after=1)
        sending.check(draft, channel=page.channel, case_id=page.case_id)
        documents = [self._document(page, ref) for ref in draft.attachments]
        entry = Entry(sealed, page, *page.number(draft.kind), documents)
        page.turn(entry)
        self.entries.append(entry)
        if sealed.whose:
            self.entered[sealed.whose] = entry
        return entry

    def _document(self, page: Page, ref: uuid.UUID) -> int:
        pk, owner_ref, patient_id = self.documents.get(ref, (0, "", None))
        theirs = patient_id is not None and patient_id == page.patient_id
        if not pk or not (theirs or owner_ref == f"conversation:{page.id}"):
            raise Refused("invalid", "An attachment is not there.")
        return pk

    def store(self) -> None:
        if not self.entries:
            return
        rows = _all(INSERT, [json.dumps([entry.row() for entry in self.entries])])
        ids = {(conversation_id, seq, staff_seq): pk for pk, conversation_id, seq, staff_seq in rows}
        for entry in self.entries:
            entry.id = ids[entry.page.id, entry.seq, entry.staff_seq]
        self._attach()
        self._note_sources()
        if self.answers:
            _run(NOTICE, [self.answers])
        audit.created(Message, [_trail_row(entry) for entry in self.entries])
        turned = _all(TURN, [json.dumps([_turned(page) for page in self.turned])])
        snoozing.heard(case_id for case_id, woken in turned if woken)
        sla.spoken(_spoken(self.turned))
        for entry in self.entries:
            _tell_named(entry)

    @property
    def turned(self) -> list[Page]:
        return list({id(entry.page): entry.page for entry in self.entries}.values())

    @property
    def answers(self) -> list[int]:
        """Replies of ours that no open window shows: they are carried to their reader, or the reader told of them."""
        said = (each for each in self.entries if each.page.channel != "chat" and each.draft.kind == "reply")
        return [each.id for each in said if each.draft.author.is_staff]

    def _attach(self) -> None:
        pairs = [(entry.id, document) for entry in self.entries for document in entry.documents]
        if pairs:
            _run(ATTACH, [list(column) for column in zip(*pairs, strict=True)])

    def _note_sources(self) -> None:
        made = [(entry.id, *entry.draft.made_from) for entry in self.entries if entry.draft.made_from]
        if made:
            _run(MADE_FROM, [list(column) for column in zip(*made, strict=True)])


def _spoken(pages: Iterable[Page]) -> dict[int, list[str]]:
    """Who said what last on each case, as its clocks hear it. A bot's customer waits for nobody."""
    said: dict[int, list[str]] = {}
    for page in pages:
        if page.case_id and page.answered:
            said.setdefault(page.case_id, []).insert(0, "we_spoke")
        if page.case_id and page.said and page.state != "bot":
            said.setdefault(page.case_id, []).append("customer_spoke")
    return said


def _tell_named(entry: Entry) -> None:
    """Whoever a note names with an @ hears of it."""
    draft, case_id = entry.draft, entry.page.case_id
    if draft.kind == "note" and case_id and "@" in draft.body:
        following.noted(draft.author.user_id, case_id, draft.body)


def _conflict() -> Stored:
    raise Refused("conflict", "This client_id came before with another body.")


def _locked(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Page]:
    rows = _all(LOCK, [sorted(ids)])
    now = timezone.now()
    at = now.replace(microsecond=now.microsecond // 1000 * 1000)
    pages = (Page(*(*row, at)) for row in rows)
    return {page.id: page for page in pages}


def _known(batch: Sequence[Sealed]) -> dict[Whose, tuple[Stored, bytes]]:
    wanted = {whose for sealed in batch for whose in (sealed.whose, sealed.follows) if whose}
    if not wanted:
        return {}
    known = {}
    for conversation_id, key, client_id, *rest, body_hash in _all(
        KNOWN, [list(c) for c in zip(*wanted, strict=True)]
    ):
        stored = replace(Stored(*(conversation_id, client_id, *rest)), created=False)
        known[conversation_id, key, client_id] = stored, bytes(body_hash or b"")
    return known


def _attachable(refs: set[uuid.UUID]) -> dict[uuid.UUID, tuple[int, str, int | None]]:
    if not refs:
        return {}
    return {ref: (pk, *owner) for ref, pk, *owner in _all(ATTACHABLE, [list(refs), OUT_OF_REACH])}


def _turned(page: Page) -> dict[str, Any]:
    return {
        "id": str(page.id),
        "case_id": page.case_id,
        "state": page.state,
        "agent_id": page.agent_id,
        "last_seq": page.last_seq,
        "last_staff_seq": page.last_staff_seq,
        "at": page.at.isoformat(),
        "accepted": page.accepted,
        "message_id": page.last_line and page.last_line.id,
        "said": page.said,
        "answered": page.answered,
        "heard": page.heard,
    }


def _trail_row(entry: Entry) -> tuple[int, int | None, audit.Context]:
    return entry.id, entry.page.patient_id, entry.draft.context or audit.context.get()


def _all(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _run(sql: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
