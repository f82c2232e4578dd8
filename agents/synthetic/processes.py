"""Shares of the work in processes of their own. Imports no model: a new process sets Django up first."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def over_shares(processes: int, shares: Iterable[Any]) -> Iterator[int]:
    """Write each share in one of ``processes`` processes; how many cases each was, in order."""
    if processes == 1:
        yield from map(_write, shares)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_start) as pool:
        yield from pool.map(_write, shares)


def _start() -> None:
    import django

    django.setup()


def _write(share: Any) -> int:
    from agents.synthetic.conversations import write_share

    return write_share(share)
