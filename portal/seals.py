"""The seals that make the access trail tamper-evident.

Off the hot path, ``seal`` takes the committed entries from the queue and writes a link of a hash chain over
their stored form, with a keyed MAC. Being queued by their own transaction, entries that commit late, after a
higher number was sealed, are sealed all the same; nothing here depends on transaction ids, so a restored
database goes on where it was. Each link is noted in the anchor, a file outside the database, so that a cut
tail and a chain written anew are found.

Nothing is added to a seal or a line that is not proven to be ours by a key of the ring. So whatever was signed
with a key that has left the ring since stands as long as something of ours follows it, and not otherwise.
"""

import fcntl
import logging
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
LAST_LINES_BYTES = 2048

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
        return f"{self.claim} {self.key_id} {self.mac.hex()} {self.at}\n"

    @property
    def claim(self) -> str:
        return f"{self.kind} {self.number} {self.hash.hex()}"

    @property
    def ours(self) -> bool | None:
        """Whether we wrote the line; None where its key has left the ring (a later line vouches for it)."""
        if self.key_id not in crypto.ring().ids:
            return None
        return crypto.same(self.mac, self.signature())


@dataclass
class Account:
    """What the anchor says: of each seal after restores, where restores were, and what is wrong with it."""

    known: dict[int, Anchor] = field(default_factory=dict)
    restored: list[int] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def take(self, noted: Anchor) -> None:
        """The first line of a seal is the one that counts: whoever can add lines can't take one back."""
        first = self.known.get(noted.number)
        if first and first.hash != noted.hash:
            self.findings.append(f"The anchor has two lines of seal {noted.number} that differ.")
            return
        if noted.kind == "restored":
            self.known = {number: other for number, other in self.known.items() if number <= noted.number}
            self.restored.append(noted.number)
        self.known.setdefault(noted.number, noted)


def seal() -> int:
    """Seal what is committed and not sealed, and note it in the anchor; how many entries. One at a time."""
    check_tail()
    sealed = 0
    while taken := _seal_some():
        sealed += taken
    anchor()
    return sealed


def check_tail() -> None:
    """Raise TrailBroken where the anchor knows seals that the database has not, or has otherwise."""
    noted, head = last_anchor(), head_seal()
    known = head.number if head else 0
    if noted and noted.number > known:
        raise TrailBroken(
            f"The tail is cut: the anchor knows seal {noted.number}, the database ends at {known}."
        )
    if noted and not TrailSeal.objects.filter(number=noted.number, hash=noted.hash).exists():
        raise TrailBroken(f"Seal {noted.number} is not the one that the anchor knows.")


def head_seal() -> TrailSeal | None:
    return TrailSeal.objects.order_by("-number").first()


def prove(link: TrailSeal) -> None:
    """Raise TrailBroken unless a seal is what its hash says and signed with a key of the ring: nothing is built
    on another, since what follows vouches for it once its key is gone.
    """
    if not is_itself(link):
        raise TrailBroken(f"Seal {link.number} was changed: nothing can be sealed after it.")
    ours = signed_by_us(link)
    if ours is None:
        raise TrailBroken(
            f"Seal {link.number} is signed with a key that is not in MASTER_KEYS: nothing vouches for the trail."
            " Where the key was taken out too early, put it back, seal, and take it out again."
        )
    if not ours:
        raise TrailBroken(f"Seal {link.number} was written anew: its signature is not ours.")


@transaction.atomic(durable=True)
def _seal_some() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        if head := head_seal():
            prove(head)
        cursor.execute(
            "DELETE FROM portal_trailqueue WHERE entry_id IN"
            " (SELECT entry_id FROM portal_trailqueue ORDER BY entry_id LIMIT %s) RETURNING entry_id",
            [MOST_AT_ONCE],
        )
        ids = {row[0] for row in cursor.fetchall()}
    if again := _sealed_before(ids):
        logger.warning("Entries that a seal holds were queued again, and are left out.")
    if fresh := sorted(ids - again):
        _write_seal(fresh, head)
    return len(fresh)


def _sealed_before(ids: set[int]) -> set[int]:
    """Those that a seal holds already. An index knows from where to where each seal reaches."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM portal_trailseal, unnest(entry_ids) AS id"
            " WHERE number > 0 AND int8range(entry_ids[1], entry_ids[cardinality(entry_ids)], '[]')"
            " && int8range(%s, %s, '[]') AND id = ANY(%s)",
            [min(ids), max(ids), list(ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def _write_seal(ids: list[int], head: TrailSeal | None) -> None:
    found = {
        number: digest for number, digest, _ in stored_entries(FORM, sql.SQL("id = ANY({})").format(ids))
    }
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


def is_itself(link: TrailSeal) -> bool:
    """Whether a seal's hash is that of what it holds. Numbers that are none make no seal of ours."""
    try:
        return chain_hash(link) == bytes(link.hash)
    except struct.error:
        return False


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
    with _anchor_file() as file:
        noted = last_anchor()
        new = TrailSeal.objects.filter(number__gt=noted.number if noted else 0).order_by("number")
        _append(file, _proven(new.iterator(chunk_size=20), noted.hash if noted else GENESIS))


def _proven(links: Iterable[TrailSeal], previous: bytes) -> Iterator[Anchor]:
    """A line for each seal that follows the one before. A seal of a key that has left the ring is proven by the
    last, so lines are given only once that is known to be ours.
    """
    waiting = []
    for link in links:
        if bytes(link.previous) != previous or not is_itself(link):
            raise TrailBroken(f"Seal {link.number} was changed or put elsewhere in the chain.")
        previous = bytes(link.hash)
        waiting.append(Anchor.of(link))
    if waiting:
        prove(link)
    yield from waiting


def accept_restore() -> int:
    """Say in the anchor that the database was restored and what came after its last seal is given up."""
    head = head_seal()
    if head is None:
        raise TrailBroken("There is no seal to go on from.")
    prove(head)
    with _anchor_file() as file:
        last_anchor()
        first = anchors().known.get(head.number)
        if first and first.hash != bytes(head.hash):
            raise TrailBroken(f"Seal {head.number} is not the one that the anchor knows.")
        _append(file, [Anchor.of(head, "restored")])
    return head.number


def _append(file: IO[str], lines: Iterable[Anchor]) -> None:
    """A line that a crash or a full disk cut short is left as it is, and ours begins on the next."""
    new = "".join(line.line() for line in lines)
    if new and _bytes_of_tail()[-1:] not in (b"", b"\n"):
        new = f"\n{new}"
    file.write(new)


@contextmanager
def _anchor_file() -> Iterator[IO[str]]:
    path = Path(settings.TRAIL_ANCHOR)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
        file.flush()
        os.fsync(file.fileno())


def last_anchor() -> Anchor | None:
    """The newest line of the anchor that can be read, or None where there is none yet. Raises TrailBroken
    where it is not ours: nothing is added after it, since that would vouch for it.
    """
    for line in reversed(_bytes_of_tail().decode(errors="replace").splitlines()):
        try:
            noted = Anchor.read(line)
        except TrailBroken:
            continue
        if not noted.ours:
            raise TrailBroken(f"The anchor's last line, of seal {noted.number}, was not written by us.")
        return noted
    return None


def _bytes_of_tail() -> bytes:
    try:
        with Path(settings.TRAIL_ANCHOR).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_LINES_BYTES))
            return file.read()
    except FileNotFoundError:
        return b""


def anchors() -> Account:
    """What the anchor says. A line under a key that is gone counts where a line of ours follows it; one that
    stands there twice counts once, or a restore could be said again by anybody.
    """
    account, seen = Account(), set[str]()
    vouched: bool | None = True
    lines = _lines()
    for index, line in enumerate(lines):
        try:
            noted = Anchor.read(line)
        except TrailBroken as broken:
            if not _cut_short(line, lines[index + 1 : index + 2]):
                account.findings.append(str(broken))
            continue
        vouched = noted.ours
        if vouched is False or line in seen:
            account.findings.append(f"The anchor's line of seal {noted.number} was not written by us.")
        else:
            account.take(noted)
        seen.add(line)
    if vouched is None:
        account.findings.append(
            "The anchor ends with a line under a key that is gone: nothing vouches for it."
        )
    return account


def _cut_short(line: str, following: list[str]) -> bool:
    """Whether a crash ended a line before its end: what it claims is written anew on the next."""
    try:
        claim = Anchor.read(following[0]).claim
    except (IndexError, TrailBroken):
        return False
    return claim.startswith(line[: len(claim)])


def _lines() -> list[str]:
    path = Path(settings.TRAIL_ANCHOR)
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def signed_by_us(link: Any) -> bool | None:
    """Whether a seal's MAC is ours; None where its key has left the ring (a later seal vouches for it)."""
    if link.key_id not in crypto.ring().ids:
        return None
    return crypto.same(bytes(link.mac), crypto.mac(PURPOSE, bytes(link.hash), link.key_id))
