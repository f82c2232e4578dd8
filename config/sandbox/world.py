"""The outside world in miniature, for the demo and the tests: on loopback, in one process, in memory alone.

It takes mail by SMTP, texts and calls by HTTP and shows them; it has carriers' tracking pages and the supplier's
own web site, a foreign page that holds the chat widget. Run by ``uvicorn config.sandbox.world:application``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from config import env
from config.sandbox import pages
from config.sandbox.inward import Back, Inward
from config.sandbox.post import PostOffice
from config.sandbox.telephone import OUTCOMES, Exchange

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Answer = tuple[int, str, str]

HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
LARGEST_BODY = 64 * 1024
PORT = env.number("PORT", 8000)
PUBLIC_URL = env.text("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
SMTP_PORT = env.number("SANDBOX_SMTP_PORT", env.number("SANDBOX_PORT", PORT + 1) + 1)
SMS_TOKEN = env.secret("SMS_TOKEN", "demo-sms-token")
VOICE_ACCOUNT = env.text("VOICE_ACCOUNT", "ACdemo")
VOICE_TOKEN = env.secret("VOICE_TOKEN", "demo-voice-token")
SMS_FROM = env.text("SMS_FROM", "+15125550100")
SMS_WEBHOOK_SECRET = env.secret("SMS_WEBHOOK_SECRET", "demo-sms-webhook-secret")
MAIL_WEBHOOK_SECRET = env.secret("MAIL_WEBHOOK_SECRET", "demo-mail-webhook-secret")

office = PostOffice()
exchange = Exchange(VOICE_ACCOUNT, VOICE_TOKEN)
inward = Inward(PUBLIC_URL, SMS_WEBHOOK_SECRET, MAIL_WEBHOOK_SECRET)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["type"] == "http":
        contents = await _body(receive)
        status, kind, body = await _pick_up(scope, contents) or answer(scope, contents)
        await _send(send, status, kind, body.encode())


async def _live(receive: Receive, send: Send) -> None:
    """Open the post office with the process and close it with it."""
    await receive()
    if env.profile() == "production":
        await send({"type": "lifespan.startup.failed", "message": "Sandboxes are not for production."})
        return
    server = await asyncio.get_running_loop().create_server(office.smtp, "127.0.0.1", SMTP_PORT)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    server.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    return body[:LARGEST_BODY]


async def _send(send: Send, status: int, kind: str, body: bytes) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _pick_up(scope: Scope, body: bytes) -> Answer | None:
    """A hand on a page: ``POST /calls/<sid>/answer`` with a key, or how it ended instead; ``POST /write/...``."""
    match scope["method"], [part for part in scope["path"].split("/") if part]:
        case "POST", ["calls", sid, act] if call := exchange.call(sid):
            if act == "answer":
                await exchange.answer(call, dict(parse_qsl(body.decode())).get("digits", ""))
            elif act in OUTCOMES:
                await exchange.end(call, act)
            return 200, HTML, pages.calls(exchange.calls)
        case "POST", ["write", "text" | "mail" as what]:
            fields = dict(parse_qsl(body.decode()))
            back = await (_text_in(fields) if what == "text" else _mail_in(fields))
            return 200, HTML, pages.written(back.status, back.words)
    return None


async def _text_in(fields: dict[str, str]) -> Back:
    """Somebody texts us; what comes back is in their inbox."""
    sender = fields.get("From", "")
    back = await inward.text(sender, SMS_FROM, fields.get("Body", ""))
    if back.words:
        office.take_text({"From": SMS_FROM, "To": sender, "Body": back.words}, "")
    return back


async def _mail_in(fields: dict[str, str]) -> Back:
    """Somebody mails us; what comes back comes by mail."""
    told = (fields.get(name, "") for name in ("From", "To", "Subject", "Body"))
    try:
        return await inward.mail(*told)
    except ValueError:
        return Back(400)


def answer(scope: Scope, body: bytes) -> Answer:
    """Status, content type and contents for one request."""
    parts = [part for part in scope["path"].split("/") if part]
    if scope["method"] == "POST":
        return _take(parts, dict(scope["headers"]), body)
    match parts:
        case []:
            return 200, HTML, pages.index(office.mails, office.texts, PUBLIC_URL)
        case ["healthz"]:
            return 200, TEXT, "ok\n"
        case ["mail.json"]:
            return 200, JSON, json.dumps([mail.as_json() for mail in office.mails])
        case ["sms.json"]:
            return 200, JSON, json.dumps([text.as_json() for text in office.texts])
        case ["calls"]:
            return 200, HTML, pages.calls(exchange.calls)
        case ["calls.json"]:
            return 200, JSON, json.dumps([call.as_json() for call in exchange.calls])
        case ["mail", number]:
            mail = office.mail(number)
            return (200, HTML, pages.mail(mail)) if mail else _nothing()
        case ["carriers", carrier, "track", number]:
            return 200, HTML, pages.tracking(carrier, number)
        case ["write"]:
            return 200, HTML, pages.write()
        case ["foreign-site"]:
            return 200, HTML, pages.foreign_site(PUBLIC_URL)
    return _nothing()


def _take(parts: list[str], headers: dict[bytes, bytes], body: bytes) -> Answer:
    match parts:
        case ["sms"]:
            if headers.get(b"authorization") != f"Bearer {SMS_TOKEN}".encode():
                return 401, JSON, '{"message": "bad token"}'
            fields = dict(parse_qsl(body.decode()))
            if not fields.get("To", "").startswith("+") or not fields.get("Body"):
                return 400, JSON, '{"message": "To in E.164 form and Body are wanted"}'
            text = office.take_text(fields, headers.get(b"idempotency-key", b"").decode())
            return 201, JSON, json.dumps({"sid": text.sid, "status": "queued"})
        case ["voice", "2010-04-01", "Accounts", account, "Calls.json"] if account == VOICE_ACCOUNT:
            return _take_call(headers, body)
        case ["empty"]:
            office.clear()
            exchange.clear()
            return 200, JSON, "{}"
    return _nothing()


def _take_call(headers: dict[bytes, bytes], body: bytes) -> Answer:
    if not exchange.knows(headers.get(b"authorization", b"").decode()):
        return 401, JSON, '{"code": 20003, "message": "Authenticate", "status": 401}'
    call = exchange.take(body, headers.get(b"idempotency-key", b"").decode())
    if call is None:
        return 400, JSON, '{"code": 21201, "message": "To in E.164 form and Url are wanted", "status": 400}'
    return 201, JSON, json.dumps({"sid": call.sid, "status": "queued", "to": call.to, "from": call.sender})


def _nothing() -> Answer:
    return 404, TEXT, "There is nothing here.\n"
