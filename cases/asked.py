"""Frames of the chat protocol, version 1: what clients ask, read with distrust."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from cases.drafts import BIGGEST_SEQ, MOST_ATTACHMENTS, Refused, storable

BIGGEST_FRAME = 128 * 1024
UUID_LENGTH = 36


def opened(text: str) -> dict[str, Any]:
    """The object in a frame. Raises Refused where it is none."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("invalid", "A frame is a JSON object.") from None
    if not isinstance(frame, dict):
        raise Refused("invalid", "A frame is a JSON object.")
    return frame


def is_too_large(text: str) -> bool:
    """Only long texts are worth encoding to know."""
    return len(text) * 4 > BIGGEST_FRAME and len(text.encode(errors="surrogatepass")) > BIGGEST_FRAME


def named(value: Any) -> str | None:
    """A client_id to repeat in an answer: as it was spelt, where it is one."""
    return value if isinstance(value, str) and _uuid_or_none(value) else None


def _uuid_or_none(value: str) -> uuid.UUID | None:
    if len(value) != UUID_LENGTH:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None


def uuid_of(frame: dict[str, Any], name: str) -> uuid.UUID:
    value = frame.get(name)
    found = _uuid_or_none(value) if isinstance(value, str) else None
    if found is None:
        raise Refused("invalid", f"{name} must be a UUID.")
    return found


def means(frame: dict[str, Any], ref: uuid.UUID) -> bool:
    """Whether a frame is about this conversation: it names it, however spelt, or none."""
    named = frame.get("conversation", str(ref))
    return isinstance(named, str) and _uuid_or_none(named) == ref


def optional_uuid(frame: dict[str, Any], name: str) -> uuid.UUID | None:
    return None if frame.get(name) is None else uuid_of(frame, name)


def count(frame: dict[str, Any], name: str) -> int:
    """A whole number from 0, 0 where it is missing."""
    value = frame.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= BIGGEST_SEQ:
        raise Refused("invalid", f"{name} must be a whole number.")
    return value


@dataclass(frozen=True, slots=True)
class Said:
    """What ``message.send`` holds, beside its conversation."""

    client_id: uuid.UUID
    body: Any
    kind: str
    prev: uuid.UUID | None
    choice: str
    attachments: tuple[uuid.UUID, ...]
    made_from: str


def said(frame: dict[str, Any]) -> Said:
    kind, choice = frame.get("kind", "reply"), frame.get("choice")
    made_from = frame.get("made_from")
    if kind not in ("reply", "note", "whisper"):
        raise Refused("invalid", "kind is reply, note or whisper.")
    if choice is not None and not isinstance(choice, str):
        raise Refused("invalid", "choice must be text.")
    if made_from is not None and not isinstance(made_from, str):
        raise Refused("invalid", "made_from must be text.")
    client_id, prev = uuid_of(frame, "client_id"), optional_uuid(frame, "prev")
    return Said(client_id, frame.get("body"), kind, prev, choice or "", _attachments(frame), made_from or "")


def _attachments(frame: dict[str, Any]) -> tuple[uuid.UUID, ...]:
    refs = frame.get("attachments")
    if refs is None:
        return ()
    if not isinstance(refs, list) or len(refs) > MOST_ATTACHMENTS:
        raise Refused("invalid", f"attachments is a list of at most {MOST_ATTACHMENTS} uploads.")
    return tuple(uuid_of({"attachments": ref}, "attachments") for ref in refs)


def values(frame: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """The name and the answers of a form."""
    form, answers = frame.get("form"), frame.get("values")
    if not isinstance(form, str) or not isinstance(answers, dict):
        raise Refused("invalid", "form is a name and values an object.")
    if not all(isinstance(value, str) and len(value) <= 200 for value in answers.values()):
        raise Refused("invalid", "Every value is a short text.")
    return storable(form), {name: storable(value).strip() for name, value in answers.items()}
