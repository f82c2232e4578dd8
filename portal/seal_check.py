"""Proof of the access trail: every entry as it was sealed, every seal in its place, no tail cut off."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import connection
from django.utils import timezone
from psycopg import sql

from config.security.crypto import Unreadable
from config.security.fields import unseal_text
from portal.models import AccessReason, TrailSeal
from portal.seals import (
    DIGEST_BYTES,
    FORM,
    FORMS,
    GENESIS,
    anchors,
    is_itself,
    signed_by_us,
    stored_entries,
)

BEFORE_ALL = -(2**63)  # below every number that an entry can have
WINDOW = 100_000  # entries looked at in one go
UNANCHORED_FOR = timedelta(minutes=5)
PAGE = 20
MOST_FINDINGS = 100
REASONS = """COPY (
  SELECT e.id, e.reason_digest, r.text FROM portal_accessentry e
  LEFT JOIN portal_accessreason r ON r.id = e.reason_id WHERE e.reason_id IS NOT NULL ORDER BY e.id
) TO STDOUT"""
MISSING = "\\N"  # NULL, as COPY prints it


@dataclass
class Proof:
    """What the trail was found to be. The first of ``findings`` names the break."""

    entries: int = 0
    seals: int = 0
    waiting: int = 0
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.findings

    def find(self, text: str) -> None:
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(text)


def verify() -> Proof:
    """Read the whole trail and prove it, or say what is wrong with it. Needs no lock and changes nothing."""
    return _Check().run()


class _Check:
    def __init__(self) -> None:
        self.proof = Proof()
        self.strays: set[int] = set()  # seen in the table, not in a seal so far
        self.position = BEFORE_ALL  # the highest entry read
        self.previous = GENESIS
        self.number = 0
        self.vouched = True

    def run(self) -> Proof:
        for window in _windows():
            self._chain(window)
            self._entries(window)
        if not self.vouched:
            self.proof.find(
                f"Seal {self.number} is signed with a key that is gone: nothing vouches for the trail."
            )
        self._tail()
        self._reasons()
        self._anchored()
        return self.proof

    def _chain(self, window: list[TrailSeal]) -> None:
        """Each seal follows the one before, says what it was made of, and was made by us."""
        for link in window:
            if link.number != self.number + 1:
                self.proof.find(f"Seal {self.number + 1} is missing: {link.number} follows {self.number}.")
            if bytes(link.previous) != self.previous or not is_itself(link):
                self.proof.find(f"Seal {link.number} was changed or put elsewhere in the chain.")
            else:
                self._signature(link)
            self.number, self.previous = link.number, bytes(link.hash)
            self.proof.seals += 1

    def _signature(self, link: TrailSeal) -> None:
        """A seal whose key has left the ring is vouched for by the next one whose key has not: that was put after
        it when its own signature could be proven.
        """
        ours = signed_by_us(link)
        self.vouched = ours is not None
        if ours is False:
            self.proof.find(f"Seal {link.number} was written anew: its signature is not ours.")

    def _entries(self, window: list[TrailSeal]) -> None:
        """Each entry is what its seal says. Entries that committed late are claimed by a later seal."""
        due, where = self._due(window)
        form = window[0].form if window[0].form in FORMS else FORM
        late, up_to = list(self.strays & due.keys()), max(due, default=self.position)
        self.strays.difference_update(late)
        conditions = [sql.SQL("id = ANY({})").format(late)] if late else []
        if up_to > self.position:
            conditions.append(sql.SQL("id > {} AND id <= {}").format(self.position, up_to))
            self.position = up_to
        for condition in conditions:
            for number, digest, _ in stored_entries(form, condition):
                self._compare(number, digest, due, where)
        for number in sorted(due):
            self.proof.find(f"Entry {number} of seal {where[number]} was removed, or is sealed twice.")

    def _due(self, window: list[TrailSeal]) -> tuple[dict[int, bytes], dict[int, int]]:
        """The digest that each entry of these seals must have, and the number of its seal."""
        due: dict[int, bytes] = {}
        where: dict[int, int] = {}
        for link in window:
            digests = bytes(link.digests)
            for index, number in enumerate(link.entry_ids):
                if not isinstance(number, int):
                    continue
                if number in due:
                    self.proof.find(
                        f"Entry {number} is sealed twice, by seals {where[number]} and {link.number}."
                    )
                    continue
                due[number] = digests[index * DIGEST_BYTES : (index + 1) * DIGEST_BYTES]
                where[number] = link.number
        return due, where

    def _compare(self, number: int, digest: bytes, due: dict[int, bytes], where: dict[int, int]) -> None:
        wanted = due.pop(number, None)
        if wanted is None:
            self.strays.add(number)
            return
        self.proof.entries += 1
        if wanted != digest:
            self.proof.find(f"Entry {number} of seal {where[number]} was changed.")

    def _tail(self) -> None:
        """Entries in no seal: waiting for the next one, or put in behind the trail's back."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM portal_accessentry WHERE id > %s ORDER BY id", [self.position])
            unsealed = [*sorted(self.strays), *(row[0] for row in cursor.fetchall())]
            cursor.execute("SELECT entry_id FROM portal_trailqueue WHERE entry_id = ANY(%s)", [unsealed])
            queued = {row[0] for row in cursor.fetchall()}
        self.proof.waiting = len(queued)
        for number in unsealed:
            if number not in queued and not self._sealed_meanwhile(number):
                self.proof.find(
                    f"Entry {number} is in no seal and not waiting for one: it was put in, or its seal cut."
                )

    def _sealed_meanwhile(self, number: int) -> bool:
        return TrailSeal.objects.filter(number__gt=self.number, entry_ids__contains=[number]).exists()

    def _reasons(self) -> None:
        """Reasons may be encrypted anew, so no trigger keeps them: each is what its entry's digest says."""
        with connection.cursor() as cursor, cursor.cursor.copy(REASONS) as rows:
            for row in rows:
                number, digest, text = bytes(row).decode().rstrip("\n").split("\t")
                if wrong := _wrong_reason(text, digest):
                    self.proof.find(f"The reason of entry {number} {wrong}.")

    def _anchored(self) -> None:
        """The anchor, outside the database, knows the same seals."""
        account = anchors()
        known = account.known
        for finding in account.findings:
            self.proof.find(finding)
        if cut := [number for number in known if number > self.number and not _exists(number)]:
            self.proof.find(
                f"The tail is cut: the anchor knows seal {cut[0]}, the database ends at {self.number}."
            )
        self.proof.notes += [f"A restore was accepted after seal {number}." for number in account.restored]
        for link in (
            TrailSeal.objects.filter(number__lte=self.number).defer("entry_ids", "digests").iterator()
        ):
            noted = known.get(link.number)
            if noted and noted.hash != bytes(link.hash):
                self.proof.find(f"Seal {link.number} is not the one that the anchor knows.")
            elif not noted and timezone.now() - link.sealed_at > UNANCHORED_FOR:
                self.proof.find(f"Seal {link.number} is not in the anchor.")


def _wrong_reason(text: str, digest: str) -> str:
    """What is wrong with a reason as COPY prints it; empty where nothing is."""
    if text == MISSING:
        return "was removed"
    try:
        plain = unseal_text(text, AccessReason._meta.get_field("text").place)
    except (Unreadable, UnicodeError):
        return "can't be opened: it was changed, or its key is gone"
    return "" if AccessReason(text=plain).digest == digest else "was changed"


def _exists(number: int) -> bool:
    return TrailSeal.objects.filter(number=number).exists()


def _windows() -> Iterator[list[TrailSeal]]:
    """The seals in order, of one form each, so many at a time that their entries fit in memory."""
    window: list[TrailSeal] = []
    held = 0
    for link in _seals():
        if window and (held >= WINDOW or link.form != window[0].form):
            yield window
            window, held = [], 0
        window.append(link)
        held += len(link.entry_ids)
    if window:
        yield window


def _seals() -> Iterator[TrailSeal]:
    number = 0
    while page := list(TrailSeal.objects.filter(number__gt=number).order_by("number")[:PAGE]):
        yield from page
        number = page[-1].number
