"""A telephone company in miniature: calls are asked for by REST, and a hand on the page picks up or doesn't.

Speaks as Twilio does: what is heard comes as TwiML from the address in the call, and each request to it is
signed. Nothing rings by itself.
"""

import base64
import itertools
import re
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import httpx

from config.integrations.signatures import signature

KEPT = 200
SECONDS = 10.0
OUTCOMES = {"no-answer", "busy", "failed", "completed"}


@dataclass
class Call:
    sid: str
    at: str
    to: str
    sender: str
    url: str
    status_url: str
    status: str = "ringing"
    heard: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Exchange:
    """Newest first. ``token`` is the account's, by which requests are proven both ways."""

    def __init__(self, account: str, token: str) -> None:
        self.account, self.token = account, token
        self.calls: deque[Call] = deque(maxlen=KEPT)
        self._numbers = itertools.count(1)
        self._by_key: dict[str, Call] = {}

    def knows(self, authorization: str) -> bool:
        pair = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        return authorization == f"Basic {pair}"

    def take(self, body: bytes, key: str) -> Call | None:
        """Take a call once a key; None where a field is missing."""
        fields = dict(parse_qsl(body.decode()))
        if key and key in self._by_key:
            return self._by_key[key]
        if not fields.get("To", "").startswith("+") or not fields.get("Url"):
            return None
        sid = f"CA{next(self._numbers):032x}"
        call = Call(
            sid,
            datetime.now(UTC).isoformat(timespec="seconds"),
            fields["To"],
            fields.get("From", ""),
            fields["Url"],
            fields.get("StatusCallback", ""),
        )
        self.calls.appendleft(call)
        if key:
            self._by_key[key] = call
        return call

    def call(self, sid: str) -> Call | None:
        return next((call for call in self.calls if call.sid == sid), None)

    def clear(self) -> None:
        self.calls.clear()
        self._by_key.clear()

    async def answer(self, call: Call, digits: str) -> None:
        """Somebody picks up, listens, and presses a key if one is asked for."""
        call.status = "in-progress"
        said = await self._ask(call, call.url, {"CallStatus": "in-progress"})
        action = _action(said)
        if action and digits:
            await self._ask(call, action, {"CallStatus": "in-progress", "Digits": digits})
        await self.end(call, "completed")

    async def end(self, call: Call, outcome: str) -> None:
        call.status = outcome
        if call.status_url:
            await self._ask(call, call.status_url, {"CallStatus": outcome})

    async def _ask(self, call: Call, url: str, fields: dict[str, str]) -> str:
        known = {"CallSid": call.sid, "AccountSid": self.account, "From": call.sender, "To": call.to}
        sent = known | fields
        headers = {
            "X-Twilio-Signature": signature(url, sent, self.token),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client:
            answer = await client.post(url, content=urlencode(sent), headers=headers)
        call.heard += _words(answer.text)
        return answer.text


def _action(twiml: str) -> str:
    found = re.search(r'<Gather[^>]* action="([^"]+)"', twiml)
    return found.group(1).replace("&amp;", "&") if found else ""


def _words(twiml: str) -> list[str]:
    """What is said in a TwiML answer, each once."""
    if not twiml.startswith("<?xml"):
        return []
    said = ElementTree.fromstring(twiml).iter("Say")  # noqa: S314 - our own portal's answer
    return list(dict.fromkeys(element.text or "" for element in said))
