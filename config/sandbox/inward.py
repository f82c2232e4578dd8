"""What the outside world writes to us: texts and e-mail, each signed as its carrier signs it."""

import secrets
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import urlencode
from xml.etree import ElementTree

import httpx

from config.integrations.signatures import stamped

SECONDS = 10.0
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Back:
    """How a post was answered, and the words that are to go back."""

    status: int
    words: str = ""


@dataclass(frozen=True)
class Inward:
    """``portal`` is our address; the secrets are those agreed with the company and with the provider of mail."""

    portal: str
    text_secret: str
    mail_secret: str

    async def text(self, sender: str, to: str, body: str) -> Back:
        """Post a text in."""
        sid = f"SM{secrets.token_hex(16)}"
        fields = urlencode({"MessageSid": sid, "From": sender, "To": to, "Body": body}).encode()
        header = stamped(fields, int(time.time()), self.text_secret)
        answer = await self._post("/webhooks/sms/", fields, {"X-SMS-Signature": header, "Content-Type": FORM})
        return Back(answer.status_code, _words(answer) if answer.status_code == 200 else "")

    async def mail(self, sender: str, to: str, subject: str, text: str) -> Back:
        """Post an e-mail in. Raises ValueError where it can be none."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, to, subject
        message["Message-ID"] = make_msgid(domain="sandbox.example")
        message.set_content(text)
        body = message.as_bytes()
        header = stamped(body, int(time.time()), self.mail_secret)
        headers = {"X-Mail-Signature": header, "Content-Type": "message/rfc822"}
        return Back((await self._post("/webhooks/mail/", body, headers)).status_code)

    async def _post(self, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            return await client.post(self.portal + path, content=body, headers=headers)


def _words(answer: httpx.Response) -> str:
    message = ElementTree.fromstring(answer.content).find("Message")  # noqa: S314 - our own portal's answer
    return (message.text or "") if message is not None else ""
