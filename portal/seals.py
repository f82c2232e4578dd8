"""The seals that make the access trail tamper-evident.

Off the hot path, ``seal`` takes the committed entries from the queue and writes a link of a hash chain over
their stored form, with a keyed MAC. Being queued by their own transaction, entries that commit late, after a
higher number was sealed, are sealed all the same; nothing here depends on transaction ids, so a restored
database goes on where it was. Each link is noted in the anchor, a file outside the database, so that a cut
tail and a chain written anew are found.
"""

import fcntl
import logging
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from config.security import crypto
from portal.models import TrailSeal

logger = logging.getLogger(__name__)

PURPOSE = "audit"
LOCK = 7_300_101
MOST_AT_ONCE = 10_000
DIGEST_BYTES = 16
GONE = b"\0" * DIGEST_BYTES  # the digest of an entry that was queued and is not there
GENESIS = b"\0" * 32
LAST_LINE_BYTES = 512

# The columns that a digest covers, in order. A seal names its form; a form, once in use, never changes.
FORMS = {
    1: (
        *("id", "timestamp", "kind", "what", "outcome", "action", "actor_id", "actor_name", "realm"),
        *("on_behalf_of", "session", "remote_addr", "cid", "purpose", "reason_id", "reason_digest"),
        *("subjects", "content_type_id", "object_pk", "object_id", "objects_seen", "fields", "changes"),
    )
}
FORM = max(FORMS)


class TrailBroken(Exception):
    """The trail is not what it was. The text names the first thing that is wrong."""


@dataclass(frozen=True)
class Anchor:
    """A line of the anchor. ``restored`` says that what followed was given up knowingly, by a restore."""

    kind: str
    number: int
    hash: bytes
    key_id: str
    mac: bytes
    at: str

    @classmethod
    def of(cls, seal: TrailSeal, kind: str = "seal") -> "Anchor":
        at = timezone.now().isoformat(timespec="seconds")
        key_id = crypto.ring().newest
        unsigned = cls(kind, seal.number, bytes(seal.hash), key_id, b"", at)
        return cls(kind, seal.number, bytes(seal.hash), key_id, unsigned.signature(), at)

    @classmethod
    def read(cls, line: str) -> "Anchor":
        try:
            kind, number, digest, key_id, mac, at = line.split()
            return cls(kind, int(number), bytes.fromhex(digest), key_id, bytes.fromhex(mac), at)
        except ValueError:
            raise TrailBroken("The anchor has a line that can't be read.") from None

    def signature(self) -> bytes:
        said = f"anchor {self.kind} {self.number} {self.hash.hex()} {self.at}"
        return crypto.mac(PURPOSE, said.encode(), self.key_id)

    def line(self) -> str:
        return f"{self.kind} {self.number} {self.hash.hex()} {self.key_id} {self.mac.hex()} {self.at}\n"


def seal() -> int:
    """Seal what is committed and not sealed, and note it in the anchor; how many entries. One at a time."""
    check_tail()
    sealed = 0
    while taken := _seal_some():
        sealed += taken
    anchor()
    return sealed


def check_tail() -> None:
    """Raise TrailBroken where the anchor knows seals that the database has not."""
    noted, head = last_anchor(), head_seal()
    known = head.number if head else 0
    if noted and noted.number > known:
        raise TrailBroken(
            f"The tail is cut: the anchor knows seal {noted.number}, the database ends at {known}."
        )


def head_seal() -> TrailSeal | None:
    return TrailSeal.objects.order_by("-number").defer("entry_ids", "digests").first()


@transaction.atomic(durable=True)
def _seal_some() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(
            "DELETE FROM portal_trailqueue WHERE entry_id IN"
            " (SELECT entry_id FROM portal_trailqueue ORDER BY entry_id LIMIT %s) RETURNING entry_id",
            [MOST_AT_ONCE],
        )
        ids = {row[0] for row in cursor.fetchall()}
    if again := _sealed_before(ids):
        logger.warning("Entries that a seal holds were queued again, and are left out.")
    if fresh := sorted(ids - again):
        _write_seal(fresh)
    return len(fresh)


def _sealed_before(ids: set[int]) -> set[int]:
    """Those that a seal holds already. An index knows from where to where each seal reaches."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM portal_trailseal, unnest(entry_ids) AS id"
            " WHERE int8range(entry_ids[1], entry_ids[cardinality(entry_ids)], '[]')"
            " && int8range(%s, %s, '[]') AND id = ANY(%s)",
            [min(ids), max(ids), list(ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _write_seal(ids: list[int]) -> None:
    found = {
        number: digest for number, digest, _ in stored_entries(FORM, sql.SQL("id = ANY({})").format(ids))
    }
    head = head_seal()
    link = TrailSeal(
        number=head.number + 1 if head else 1,
        previous=bytes(head.hash) if head else GENESIS,
        form=FORM,
        entry_ids=ids,
        digests=b"".join(found.get(number, GONE) for number in ids),
        sealed_at=timezone.now(),
        key_id=crypto.ring().newest,
    )
    link.hash = chain_hash(link)
    link.mac = crypto.mac(PURPOSE, link.hash, link.key_id)
    link.save(force_insert=True)


def chain_hash(link: TrailSeal) -> bytes:
    """What a seal binds together: its place in the chain, its entries in order, and what they were."""
    head = f"dme trail seal|{link.number}|{link.form}|{link.sealed_at.isoformat()}|".encode()
    ids = struct.pack(f">{len(link.entry_ids)}q", *link.entry_ids)
    return sha256(head + bytes(link.previous) + ids + bytes(link.digests)).digest()


def stored_entries(form: int, condition: sql.Composable) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, digest and stored form, as the database has it, of the entries that meet a condition."""
    columns = sql.SQL(", ").join(map(sql.Identifier, FORMS[form]))
    query = sql.SQL("COPY (SELECT {} FROM portal_accessentry WHERE {} ORDER BY id) TO STDOUT")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL datestyle = 'ISO, MDY'; SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'"
        )
        with cursor.cursor.copy(query.format(columns, condition)) as rows:
            for row in rows:
                stored = bytes(row)
                yield int(stored[: stored.index(b"\t")]), sha256(stored).digest()[:DIGEST_BYTES], stored


def anchor() -> None:
    """Note every seal that the anchor lacks, also those of a process that died before it could."""
    with _anchor_file("a") as file:
        noted = last_anchor()
        new = TrailSeal.objects.filter(number__gt=noted.number if noted else 0).order_by("number")
        _append(file, (Anchor.of(link) for link in new.defer("digests", "entry_ids").iterator()))


def accept_restore() -> int:
    """Say in the anchor that the database was restored and what came after its last seal is given up."""
    head = head_seal()
    if head is None:
        raise TrailBroken("There is no seal to go on from.")
    with _anchor_file("a") as file:
        _append(file, [Anchor.of(head, "restored")])
    return head.number


def _append(file: IO[str], lines: Iterable[Anchor]) -> None:
    file.writelines(line.line() for line in lines)


@contextmanager
def _anchor_file(mode: str) -> Iterator[IO[str]]:
    path = Path(settings.TRAIL_ANCHOR)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
        file.flush()


def last_anchor() -> Anchor | None:
    """The newest line of the anchor, or None where there is none yet."""
    try:
        with Path(settings.TRAIL_ANCHOR).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LAST_LINE_BYTES))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    return Anchor.read(lines[-1].decode()) if lines else None


def anchors() -> dict[int, Anchor]:
    """What the anchor says of each seal, after restores. Raises TrailBroken on a line that is not ours."""
    known: dict[int, Anchor] = {}
    for line in _lines():
        noted = Anchor.read(line)
        if noted.key_id in crypto.ring().ids and not crypto.same(noted.mac, noted.signature()):
            raise TrailBroken(f"The anchor's line of seal {noted.number} was not written by us.")
        if noted.kind == "restored":
            known = {number: other for number, other in known.items() if number <= noted.number}
        known[noted.number] = noted
    return known


def _lines() -> list[str]:
    path = Path(settings.TRAIL_ANCHOR)
    return path.read_text().splitlines() if path.exists() else []


def signed_by_us(link: Any) -> bool | None:
    """Whether a seal's MAC is ours; None where its key has left the ring (a later seal vouches for it)."""
    if link.key_id not in crypto.ring().ids:
        return None
    return crypto.same(bytes(link.mac), crypto.mac(PURPOSE, bytes(link.hash), link.key_id))
