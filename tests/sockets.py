"""A socket spoken to from within the test, without a server."""

from typing import Any

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """``await connect()``, ``say(text)``, ``hear()``, ``close_code()``, ``leave()``."""

    def __init__(
        self,
        application: Any,
        path: str,
        headers: list[tuple[bytes, bytes]],
        subprotocols: list[str] | None = None,
    ) -> None:
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": b"",
            "headers": headers,
            "subprotocols": subprotocols or [],
            "client": ("127.0.0.1", 40000),
        }
        super().__init__(application, scope)

    async def connect(self, within: float = 5) -> bool:
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(within)
        return bool(answer["type"] == "websocket.accept")

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self, within: float = 5) -> str:
        message = await self.receive_output(within)
        assert message["type"] == "websocket.send", message
        return str(message["text"])

    async def close_code(self, within: float = 6) -> int:
        message = await self.receive_output(within)
        assert message["type"] == "websocket.close", message
        return int(message["code"])

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)
