"""A third party's chat client, written from the protocol's page: sockets and HTTP, nothing of ours imported."""

import contextlib
import http.client
import json
import uuid
from collections.abc import Iterator
from email.message import Message
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.servers import Server

Frame = dict[str, Any]


def ask(
    server: Server, method: str, path: str, body: Any = None, *, ticket: str = "", **headers: str
) -> tuple[int, Any, Message]:
    """Status, JSON and headers. ``body`` is JSON, or bytes as they are."""
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    if ticket:
        sent["Authorization"] = f"Bearer {ticket}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.request(method, path, raw, {name: value for name, value in sent.items() if value})
        answer = connection.getresponse()
        text = answer.read()
        told = json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text
        return answer.status, told, answer.headers
    finally:
        connection.close()


class Chat:
    """A conversation that a visitor began."""

    def __init__(self, server: Server, begun: Frame) -> None:
        self.server, self.id, self.ticket, self.path = (
            server,
            begun["conversation"],
            begun["ticket"],
            begun["socket"],
        )

    @classmethod
    def begin(cls, server: Server, *, cookie: str = "", **told: Any) -> "Chat":
        status, begun, _ = ask(
            server, "POST", "/chat/start", {"notice_accepted": True, **told}, Cookie=cookie
        )
        assert status == 201, begun
        return cls(server, begun)

    def send(self, body: Any = "Hello", **more: Any) -> tuple[int, Any, Message]:
        frame = {"client_id": str(uuid.uuid4()), "body": body} | more
        return ask(self.server, "POST", f"/chat/{self.id}/messages", frame, ticket=self.ticket)

    def after(self, seq: int = 0) -> Frame:
        status, told, _ = ask(self.server, "GET", f"/chat/{self.id}/messages?after={seq}", ticket=self.ticket)
        assert status == 200, told
        return dict(told)

    @contextlib.contextmanager
    def socket(self, ticket: str = "") -> Iterator["Socket"]:
        with connect(
            self.server.socket_url(self.path),
            subprotocols=[f"ticket.{ticket or self.ticket}"],  # type: ignore[list-item]
        ) as ws:
            yield Socket(ws, self.id).let_in()


class Socket:
    """One end of a conversation. ``wait`` puts by what it is not asked for."""

    def __init__(self, ws: ClientConnection, conversation: str) -> None:
        self.ws, self.conversation = ws, conversation
        self.heard: list[Frame] = []

    def let_in(self) -> "Socket":
        """Once it is let in, which its first ``state`` tells, or closed. What was stored before is for ``resume``."""
        with contextlib.suppress(ConnectionClosed):
            self.heard.append(self.wait("state"))
        return self

    def put(self, frame_type: str, **more: Any) -> None:
        self.ws.send(json.dumps({"type": frame_type, "conversation": self.conversation} | more))

    def say(self, body: Any = "Hello", **more: Any) -> str:
        client_id = more.pop("client_id", str(uuid.uuid4()))
        self.put("message.send", client_id=client_id, body=body, **more)
        return str(client_id)

    def wait(self, frame_type: str, seconds: float = 10, **fields: Any) -> Frame:
        for frame in self.heard:
            if _fits(frame, frame_type, fields):
                self.heard.remove(frame)
                return frame
        while True:
            frame = json.loads(self.ws.recv(timeout=seconds))
            if _fits(frame, frame_type, fields):
                return dict(frame)
            self.heard.append(frame)

    def sent(self, body: Any = "Hello", **more: Any) -> Frame:
        return self.wait("message.ack", client_id=self.say(body, **more))

    def none(self, kind: str, seconds: float = 0.7) -> bool:
        """Whether no such frame came, nor comes within the time."""
        with contextlib.suppress(TimeoutError):
            self.wait(kind, seconds)
            return False
        return True

    def closed(self, seconds: float = 10) -> int:
        """The code it was closed with."""
        try:
            while True:
                self.heard.append(json.loads(self.ws.recv(timeout=seconds)))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def _fits(frame: Frame, frame_type: str, fields: Frame) -> bool:
    return frame["type"] == frame_type and all(frame.get(name) == value for name, value in fields.items())


def cookie_of(client: Any) -> str:
    """The Cookie header of a Django test client."""
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())


@contextlib.contextmanager
def socket_of(
    client: Any, server: Server, path: str, conversation: str = "", origin: str | None = ""
) -> Iterator[Socket]:
    """A signed-in browser's socket. ``origin`` "" is the server's own, None sends none."""
    headers = {"Cookie": cookie_of(client)}
    with connect(
        server.socket_url(path),
        additional_headers=headers,
        origin=server.url if origin == "" else origin,  # type: ignore[arg-type]
    ) as ws:
        yield Socket(ws, conversation)
