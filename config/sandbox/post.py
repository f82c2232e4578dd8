"""Takes mail and texts, and keeps the last few hundred in memory."""

import email
import email.policy
import itertools
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 500


@dataclass(frozen=True)
class Mail:
    number: int
    at: str
    sender: str
    to: str
    subject: str
    text: str
    html: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Text:
    sid: str
    at: str
    sender: str
    to: str
    text: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class PostOffice:
    """Newest first."""

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.texts: deque[Text] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)
        self._by_key: dict[str, Text] = {}
        self._mail_keys: set[str] = set()

    def smtp(self) -> SMTP:
        """One SMTP conversation."""
        return SMTP(self, enable_SMTPUTF8=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        contents = envelope.content or b""
        message = email.message_from_bytes(
            contents if isinstance(contents, bytes) else contents.encode(), policy=email.policy.default
        )
        assert isinstance(message, EmailMessage)  # noqa: S101 - what the default policy makes
        key = str(message.get("Idempotency-Key", ""))
        if key and key in self._mail_keys:
            return "250 OK"
        self._mail_keys.add(key)
        self.mails.appendleft(
            Mail(
                next(self._numbers),
                _now(),
                str(envelope.mail_from),
                ", ".join(envelope.rcpt_tos),
                str(message["subject"]),
                _part(message, "plain"),
                _part(message, "html"),
            )
        )
        return "250 OK"

    def take_text(self, fields: dict[str, str], key: str) -> Text:
        """Take a text once a key."""
        if key and key in self._by_key:
            return self._by_key[key]
        sid = f"SM{next(self._numbers):032x}"
        text = Text(sid, _now(), fields.get("From", ""), fields["To"], fields["Body"])
        self.texts.appendleft(text)
        if key:
            self._by_key[key] = text
        return text

    def mail(self, number: str) -> Mail | None:
        return next((mail for mail in self.mails if str(mail.number) == number), None)

    def clear(self) -> None:
        self.mails.clear()
        self.texts.clear()
        self._by_key.clear()
        self._mail_keys.clear()


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
