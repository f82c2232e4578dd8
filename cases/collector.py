"""Group commit: what the sockets of a process send while one batch is being written makes the next one."""

import asyncio
import logging

from cases import writer
from cases.drafts import Draft, Outcome, Refused
from cases.lanes import Lane

MOST = 200

logger = logging.getLogger(__name__)


class Collector:
    """One for each event loop. ``submit`` keeps the order in which it is called."""

    def __init__(self) -> None:
        self._lane = Lane("writer")
        self._waiting: list[tuple[Draft, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None

    def submit(self, draft: Draft) -> "asyncio.Future[Outcome]":
        """The future's result comes after the commit."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, future))
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                outcomes = await self._write([draft for draft, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if not future.done():
                        future.set_result(outcome)
        finally:
            self._task = None

    async def _write(self, drafts: list[Draft]) -> list[Outcome]:
        """Whatever goes wrong, everybody who waits for this batch is told, and the next one is written."""
        try:
            return await self._lane.run(writer.write, drafts)
        except Exception as error:
            logger.warning("A batch was not written: %s.", type(error).__name__)
            return [Refused("unavailable", "Not stored yet. Please try again.", retry_after=1)] * len(drafts)
