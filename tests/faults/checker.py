"""Judges a fault run by what clients wrote down and by the rows, and knows nothing of the code.

J1 acknowledged is never lost. J2 nothing twice. J3 each sender's order kept, seq without a gap. J4 nothing that
nobody tried. J7 nobody was told what is not so.
"""

from collections import Counter

import psycopg

from tests.faults.clients import Account


def faults(account: Account, database: psycopg.Connection) -> list[str]:
    """Every promise that was broken, in words."""
    rows = database.execute(
        "SELECT seq, client_id::text FROM cases_message WHERE conversation_id = %s ORDER BY seq",
        [account.conversation],
    ).fetchall()
    place = {client_id: seq for seq, client_id in rows}
    return [
        *account.wrong,
        *_lost(account, place),
        *_twice(rows),
        *_order(account, place),
        *_gaps(rows),
        *_unheard_of(account, place),
        *_seen(account, rows),
    ]


def _lost(account: Account, place: dict[str, int]) -> list[str]:
    told = account.acknowledged.items()
    return [
        f"J1: {each} was acknowledged as {seq}, stored as {place.get(each)}"
        for each, seq in told
        if place.get(each) != seq
    ]


def _twice(rows: list[tuple[int, str]]) -> list[str]:
    return [
        f"J2: {each} is stored {n} times" for each, n in Counter(each for _, each in rows).items() if n > 1
    ]


def _order(account: Account, place: dict[str, int]) -> list[str]:
    found = []
    for name, sent in account.attempted.items():
        stored = [place[each] for each in sent if each in place]
        if stored != sorted(stored):
            found.append(f"J3: the messages of {name} changed their order")
    return found


def _gaps(rows: list[tuple[int, str]]) -> list[str]:
    counted = [seq for seq, _ in rows]
    return [] if counted == list(range(1, len(rows) + 1)) else ["J3: seq has a gap"]


def _unheard_of(account: Account, place: dict[str, int]) -> list[str]:
    tried = {each for sent in account.attempted.values() for each in sent}
    return [f"J4: nobody sent {each}" for each in place if each not in tried]


def _seen(account: Account, rows: list[tuple[int, str]]) -> list[str]:
    return [
        f"J7: {name} saw {len(seen)} of {len(rows)}, or others"
        for name, seen in account.seen.items()
        if seen != rows
    ]
