"""Frames of the chat protocol, version 1: what the server says. Each is a dict; ``line`` makes it text."""

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from cases.drafts import Refused, Stored
from cases.people import first_letters
from portal.models.documents import DocumentKind

CUSTOMERS = ("customer", "caregiver")
Frame = dict[str, Any]
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def line(frame: Frame) -> str:
    return ENCODER.encode(frame)


def moment(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ack(stored: Stored, client_id: str | None = None) -> Frame:
    """``client_id`` as the client spelt it."""
    return {
        "type": "message.ack",
        "conversation": str(stored.conversation_id),
        "client_id": client_id or (stored.client_id and str(stored.client_id)),
        "id": stored.id,
        "seq": stored.seq,
        "staff_seq": stored.staff_seq,
        "sent_at": moment(stored.sent_at),
        "redactions": stored.redactions,
    }


def error(refused: Refused, client_id: str | None = None, conversation: str | None = None) -> Frame:
    return {
        "type": "error",
        "code": refused.code,
        "detail": refused.detail,
        "permanent": refused.permanent,
        "client_id": client_id,
        "conversation": conversation,
        "retry_after_s": refused.retry_after,
    }


def message(row: Sequence[Any], attachments: Iterable[Frame] = ()) -> Frame:
    """``row`` is one of cases.history."""
    conversation, pk, seq, staff_seq, kind, role, name, body, redactions, extra, sent_at, client_id, *_ = row
    extra = extra or {}
    return {
        "type": "message.new",
        "conversation": str(conversation),
        "id": pk,
        "seq": seq,
        "staff_seq": staff_seq,
        "kind": kind,
        "author": {"role": role, "name": name},
        "body": body,
        "redactions": redactions,
        "attachments": list(attachments),
        "choices": extra.get("choices", []),
        "form": extra.get("form"),
        "sent_at": moment(sent_at),
        "client_id": client_id and str(client_id),
    }


def for_desk(frame: Frame) -> Frame:
    """A message as staff get it: a customer by initials and files by their kind. Names open elsewhere."""
    author = frame["author"]
    if author["role"] in CUSTOMERS:
        author = author | {"name": first_letters(author["name"])}
    files = [each | {"name": str(DocumentKind(each["kind"]).label)} for each in frame["attachments"]]
    return frame | {"author": author, "attachments": files}


def state(conversation: uuid.UUID, state: str, queue: Frame | None, agent: str | None) -> Frame:
    return {
        "type": "state",
        "conversation": str(conversation),
        "state": state,
        "queue": queue,
        "agent": None if agent is None else {"name": agent},
    }


def form_result(
    conversation: uuid.UUID, client_id: str, form: str, ok: bool, detail: str, tries_left: int
) -> Frame:
    return {
        "type": "form.result",
        "conversation": str(conversation),
        "client_id": client_id,
        "form": form,
        "ok": ok,
        "detail": detail,
        "tries_left": tries_left,
    }


def resume_done(conversation: uuid.UUID, last_seq: int, last_staff_seq: int | None = None) -> Frame:
    frame: Frame = {"type": "resume.done", "conversation": str(conversation), "last_seq": last_seq}
    return frame if last_staff_seq is None else frame | {"last_staff_seq": last_staff_seq}


def read(conversation: uuid.UUID, role: str, seq: int) -> Frame:
    return {"type": "read", "conversation": str(conversation), "role": role, "seq": seq}


def typing(conversation: uuid.UUID, role: str, on: bool) -> Frame:
    return {"type": "typing", "conversation": str(conversation), "role": role, "on": on}


def presence(conversation: uuid.UUID, role: str, on: bool) -> Frame:
    return {"type": "presence", "conversation": str(conversation), "role": role, "online": on}


def viewing(conversation: uuid.UUID, user: str, name: str, on: bool, asks: bool) -> Frame:
    """For staff alone. ``asks``: whoever else is there should say so."""
    said = {"type": "viewing", "conversation": str(conversation), "user": user, "name": name, "on": on}
    return said | {"asks": asks}
