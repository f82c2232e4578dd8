"""What was said, read back from the database in order. Callers answer for the reader's right to it."""

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import connection

from cases import frames
from cases.models import Message
from portal.models import Document

PAGE = 200
FIELDS: dict[str, Any] = {field.name: field for field in Message._meta.concrete_fields}
NAME, BODY, EXTRA = FIELDS["author_name"], FIELDS["body"], FIELDS["extra"]
FILENAME = Document._meta.get_field("filename")
COLUMNS = """conversation_id, id, seq, staff_seq, kind, author_role, author_name, body, redactions, extra, sent_at,
    client_id, EXISTS (SELECT FROM cases_messageattachment a WHERE a.message_id = cases_message.id) AS attached"""
SINCE = f"""
    SELECT m.* FROM unnest(%s::uuid[], %s::int[], %s::int[]) AS t (id, seq, staff_seq) CROSS JOIN LATERAL (
        (SELECT {COLUMNS} FROM cases_message
         WHERE conversation_id = t.id AND seq > t.seq ORDER BY seq LIMIT {PAGE})
        UNION ALL
        (SELECT {COLUMNS} FROM cases_message
         WHERE conversation_id = t.id AND staff_seq > t.staff_seq ORDER BY staff_seq LIMIT {PAGE})
    ) m
"""  # noqa: S608 - no value in it
ATTACHED = """
    SELECT a.message_id, d.ref, d.filename, d.content_type, d.size, d.state, d.kind
    FROM cases_messageattachment a JOIN portal_document d ON d.id = a.document_id
    WHERE a.message_id = ANY(%s) ORDER BY a.id
"""
# Past every staff_seq there will be: nothing for a customer.
NOTHING = 2**31 - 1

Mark = tuple[uuid.UUID, int, int]


def since(marks: Sequence[Mark]) -> list[frames.Frame]:
    """``message.new`` frames of what came after each mark (conversation, seq, staff_seq), at most PAGE of each
    count. A customer's mark has NOTHING as its staff_seq.
    """
    if not marks:
        return []
    rows = [_opened(row) for row in _all(SINCE, [list(column) for column in zip(*marks, strict=True)])]
    attached = _attached([row[1] for row in rows if row[-1]])
    return [frames.message(row, attached[row[1]]) for row in rows]


def ends(conversation: uuid.UUID) -> tuple[int, int]:
    """The last ``seq`` and ``staff_seq`` there are."""
    return _all("SELECT last_seq, last_staff_seq FROM cases_conversation WHERE id = %s", [conversation])[0]


def past(mark: Mark, page: Sequence[frames.Frame]) -> Mark:
    """The mark once a page has been told."""
    conversation, seq, staff_seq = mark
    seqs, staff_seqs = ([frame[name] for frame in page if frame[name]] for name in ("seq", "staff_seq"))
    return conversation, max([seq, *seqs]), max([staff_seq, *staff_seqs])


def _opened(row: tuple[Any, ...]) -> list[Any]:
    opened = list(row)
    opened[6] = NAME.from_db_value(row[6])
    opened[7] = BODY.from_db_value(row[7])
    opened[9] = EXTRA.from_db_value(row[9])
    return opened


def _attached(message_ids: list[int]) -> dict[int, list[frames.Frame]]:
    found: dict[int, list[frames.Frame]] = defaultdict(list)
    if message_ids:
        for message_id, ref, filename, content_type, size, state, kind in _all(ATTACHED, [message_ids]):
            name = FILENAME.from_db_value(filename)
            found[message_id].append(
                {
                    "id": str(ref),
                    "name": name,
                    "type": content_type,
                    "size": size,
                    "state": state,
                    "kind": kind,
                }
            )
    return found


def _all(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
