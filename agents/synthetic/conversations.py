"""Synthetic cases with their conversations, fast enough for ten million messages with encryption on.

Rows of the three big tables are built as tuples in their stored form: what a field would seal is sealed by
that field, token digests are computed once a sentence.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.synthetic import phrases
from agents.synthetic.loading import copy_tuples
from agents.synthetic.rhythm import Rhythm
from cases.defaults.reasons import CODES
from cases.models import Case, CaseEvent, Conversation, Message
from cases.numbers import case_number

CHUNK = 5_000
CHANNELS = ["chat", "chat", "chat", "portal", "portal", "phone", "email", "sms"]
DISPOSITIONS = ["answered", "action_taken", "action_taken", "handed_on", "no_reply"]
OPEN_FOR = timedelta(days=21)
SUBJECTS = {code: reason.asked for code, reason in CODES.items()}


@dataclass(frozen=True)
class Cast:
    """Who may appear in a case, by primary keys and what of them is needed."""

    patients: list[tuple[int, str, str, str, str]]  # pk, first name, full name, language, product line
    orders: dict[int, list[tuple[int, str]]]  # patient pk -> (order pk, number)
    agents: list[tuple[int, str]]  # user pk, name
    reasons: dict[str, tuple[int, int, int]]  # code -> (pk, team pk, priority)


@dataclass(frozen=True)
class Share:
    """A share of the work: ``count`` cases from the ``first``-th, with the keys set aside for them."""

    first: int
    count: int
    first_number: int
    first_case: int
    first_message: int
    messages_each: int

    def messages_of(self, number: int) -> int:
        """How many messages the ``number``-th case has: within two of the mean, never none."""
        return max(1, self.messages_each + number % 5 - 2)


def sealer(model: Any, name: str) -> Callable[[Any], Any]:
    field = model._meta.get_field(name)
    return lambda value: field.get_db_prep_save(value, connection)


def _copy(model: Any, names: list[str], rows: list[tuple]) -> None:
    """COPY rows of the named fields; fields that are not named take their defaults."""
    named = [model._meta.get_field(name) for name in names]
    others = [field for field in model._meta.concrete_fields if field not in named and not field.primary_key]
    defaults = tuple(field.get_db_prep_save(field.get_default(), connection) for field in others)
    copy_tuples(model, [field.column for field in [*named, *others]], (row + defaults for row in rows))


CASE = [
    "id",
    "ref",
    "number",
    "patient",
    "order",
    "guest_name",
    "subject",
    "subject_tokens",
    "channel",
    "reason",
    "product_line",
    "priority",
    "owner",
    "team",
    "state",
    "disposition",
    "next_step",
    "opened_at",
    "closed_at",
    "last_contact_at",
    "last_message",
    "unread",
    "version",
]
TALK = [
    "id",
    "channel",
    "case",
    "patient",
    "customer",
    "agent",
    "guest_name",
    "guest_order_number",
    "subject",
    "topic",
    "language",
    "state",
    "ticket_digest",
    "session_digest",
    "notice_version",
    "notice_accepted_at",
    "last_seq",
    "last_staff_seq",
    "started_at",
    "queued_at",
    "accepted_at",
    "last_message_at",
    "closed_at",
    "archived_at",
]
SAID = [
    "id",
    "conversation",
    "seq",
    "staff_seq",
    "kind",
    "author_role",
    "author",
    "author_key",
    "author_name",
    "body",
    "body_tokens",
    "client_id",
    "prev",
    "body_hash",
    "redactions",
    "choice",
    "extra",
    "sent_at",
]
DONE = ["case", "kind", "actor", "actor_name", "at", "detail"]


@dataclass(frozen=True)
class Matter:
    """What one case is about, before its rows are made. ``said`` holds its message rows."""

    pk: int
    patient: int
    channel: str
    code: str
    line: str
    order: int | None
    language: str
    opened: datetime
    agent: tuple[int, str] | None
    closed: bool
    said: list[tuple]

    @property
    def last(self) -> tuple:
        return self.said[-1]

    @property
    def customer_last(self) -> bool:
        return bool(self.last[5] == "customer")

    @property
    def closed_at(self) -> datetime | None:
        return self.last[17] + timedelta(minutes=5) if self.closed else None

    @property
    def state(self) -> str:
        if self.closed:
            return "closed"
        return "new" if self.agent is None else "open" if self.customer_last else "waiting"


class Desk:
    """Writes a share of the cases."""

    def __init__(self, seed: str, cast: Cast, share: Share, now: datetime, weeks: int, zone: str) -> None:
        self.rng, self.cast, self.share, self.now = Random(f"{seed}:{share.first}"), cast, share, now  # noqa: S311
        self.rhythm = Rhythm(self.rng, now, weeks, zone)
        self.seal = {
            "subject": sealer(Case, "subject"),
            "case_guest": sealer(Case, "guest_name"),
            "next_step": sealer(Case, "next_step"),
            "talk_guest": sealer(Conversation, "guest_name"),
            "talk_order": sealer(Conversation, "guest_order_number"),
            "talk_subject": sealer(Conversation, "subject"),
            "author_name": sealer(Message, "author_name"),
            "body": sealer(Message, "body"),
            "extra": sealer(Message, "extra"),
            "detail": sealer(CaseEvent, "detail"),
        }
        self.message = share.first_message
        self.codes = list(cast.reasons)

    def write(self) -> None:
        for start in range(0, self.share.count, CHUNK):
            count = min(CHUNK, self.share.count - start)
            with transaction.atomic():
                self._write_chunk(start, count)

    def _write_chunk(self, start: int, count: int) -> None:
        cases, talks, said, done = [], [], [], []
        for number in range(start, start + count):
            case, talk, messages, events = self._case(
                self.share.first + number, self.share.first_case + number
            )
            cases.append(case)
            talks.append(talk)
            said += messages
            done += events
        for model, names, rows in (
            (Case, CASE, cases),
            (Conversation, TALK, talks),
            (Message, SAID, said),
            (CaseEvent, DONE, done),
        ):
            _copy(model, names, rows)

    def _uuid(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def _case(self, number: int, pk: int) -> tuple[tuple, tuple, list[tuple], list[tuple]]:
        patient, first_name, full_name, language, line = self.rng.choice(self.cast.patients)
        code = self.rng.choice(self.codes)
        opened = self.rhythm.moment()
        closed = opened < self.now - OPEN_FOR or self.rng.random() < 0.4
        agent = self.rng.choice(self.cast.agents) if closed or self.rng.random() < 0.6 else None
        order = self.rng.choice(self.cast.orders.get(patient) or [(None, "")])
        talk, who = self._uuid(), (patient, first_name, full_name)
        said = list(self._said(number, talk, opened, code, order[1], who, language, agent))
        matter = Matter(
            pk,
            patient,
            self.rng.choice(CHANNELS),
            code,
            line,
            order[0],
            language,
            opened,
            agent,
            closed,
            said,
        )
        case = self._case_row(matter, self.share.first_number + number - self.share.first)
        return case, self._talk_row(matter, talk), said, list(self._events(matter))

    def _case_row(self, matter: "Matter", number: int) -> tuple:
        reason, team, priority = self.cast.reasons[matter.code]
        subject = SUBJECTS[matter.code]
        return (
            matter.pk, self._uuid(), case_number(number), matter.patient, matter.order,
            self.seal["case_guest"](""), self.seal["subject"](subject), _subject_tokens(subject),
            matter.channel, reason, matter.line, priority, matter.agent[0] if matter.agent else None,
            team, matter.state, self.rng.choice(DISPOSITIONS) if matter.closed else "",
            self.seal["next_step"]("Nothing open" if matter.closed else ""), matter.opened, matter.closed_at,
            matter.last[17], matter.last[0], 1 if matter.customer_last and not matter.closed else 0, 1,
        )  # fmt: skip

    def _talk_row(self, matter: "Matter", talk: UUID) -> tuple:
        said, agent, opened = matter.said, matter.agent, matter.opened
        # A chat ends when its visitor leaves, whatever is still to be done about the case.
        ended_at = matter.last[17] if matter.channel == "chat" else matter.closed_at
        state = "closed" if ended_at else "waiting" if matter.state == "waiting" else "open"
        begun = (opened, opened + timedelta(seconds=40) if agent else None)
        return (
            talk, matter.channel, matter.pk, matter.patient, None, agent[0] if agent else None,
            self.seal["talk_guest"](""), self.seal["talk_order"](""),
            self.seal["talk_subject"](SUBJECTS[matter.code]), matter.code, matter.language, state, "", "",
            "1", opened, max(row[2] or 0 for row in said), max(row[3] or 0 for row in said), opened, *begun,
            matter.last[17], ended_at, None,
        )  # fmt: skip

    def _said(
        self,
        number: int,
        talk: UUID,
        opened: datetime,
        code: str,
        order: str,
        who: tuple,
        language: str,
        agent: Any,
    ) -> Iterator[tuple]:
        patient, first_name, full_name = who
        at, seq, staff_seq = opened, 0, 0
        answers = phrases.AGENT_ES if language == "es" else phrases.AGENT
        for turn in range(self.share.messages_of(number)):
            note = agent is not None and turn and self.rng.random() < 0.08
            mine = agent is not None and turn % 2 == 1
            if note:
                kind, role, body, staff_seq = "note", "agent", self.rng.choice(phrases.NOTES), staff_seq + 1
            elif mine:
                kind, role, seq = "reply", "agent", seq + 1
                body = answers[turn // 2 % len(answers)].format(name=first_name)
            else:
                lines = phrases.CUSTOMER[code]
                kind, role, seq = "reply", "customer", seq + 1
                said = turn // 2 if agent else turn
                body = lines[said % len(lines)].format(order=order or "my order")
            author = agent if role == "agent" else None
            yield (
                self._next_message(), talk, None if note else seq, staff_seq if note else None, kind, role,
                author[0] if author else None, f"u{author[0]}" if author else f"p{patient}",
                self.seal["author_name"](author[1] if author else full_name), self.seal["body"](body),
                _body_tokens(body), self._uuid(), None, None, 0, "", self.seal["extra"](None), at,
            )  # fmt: skip
            at = min(at + timedelta(seconds=self.rng.randint(20, 2400)), self.now)

    def _next_message(self) -> int:
        self.message += 1
        return self.message - 1

    def _events(self, matter: "Matter") -> Iterator[tuple]:
        case, agent = matter.pk, matter.agent
        yield case, "opened", None, "intake", matter.opened, self.seal["detail"]({})
        if agent:
            taken = matter.opened + timedelta(seconds=40)
            yield case, "assigned", agent[0], "", taken, self.seal["detail"]({"to": agent[1]})
        if agent and matter.closed_at:
            ended = self.seal["detail"]({"disposition": "answered"})
            yield case, "closed", agent[0], "", matter.closed_at, ended


@lru_cache(maxsize=50_000)
def _body_tokens(body: str) -> str:
    return _tokens(Message, "body_tokens", body=body)


@lru_cache(maxsize=1_000)
def _subject_tokens(subject: str) -> str:
    return _tokens(Case, "subject_tokens", subject=subject)


def _tokens(model: Any, name: str, **values: str) -> str:
    """An array as PostgreSQL writes it; the digests hold nothing that wants quoting."""
    field = model._meta.get_field(name)
    return "{" + ",".join(field.pre_save(model(**values), True) or []) + "}"


def write_share(work: tuple[str, Cast, Share, datetime, int, str]) -> int:
    """Write one share; how many cases it was."""
    Desk(*work).write()
    return work[2].count
