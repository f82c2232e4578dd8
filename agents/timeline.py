"""Everything that was said and done on a case, over all its channels, as one line of time."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from agents import event_words
from cases import hearing, lines
from cases.models import Case, CaseEvent, Conversation, Message, MessageAttachment
from cases.people import first_letters
from portal.models import Patient, User

PAGE = 50
CONVERSATIONS = 20
TURNS = ("opened", "closed", "reopened", "merged", "escalated", "callback")  # of a case, among others


@dataclass(frozen=True)
class Entry:
    """A message, note, whisper or event. ``side`` is ``customer``, ``us`` or ``none``."""

    key: str
    kind: str
    side: str
    role: str
    author: str
    at: datetime
    body: str = ""
    channel: str = ""
    message_id: int | None = None
    conversation_id: str = ""
    seq: int | None = None
    staff_seq: int | None = None
    client_id: str = ""
    redactions: int = 0
    attachments: list[Any] = field(default_factory=list)
    event: str = "event"
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    """Entries, oldest first. ``earlier`` is the id to ask on from, None where nothing is older; ``closed`` where
    what was said may not be shown (cases.hearing).
    """

    entries: list[Entry]
    conversations: list[Conversation]
    earlier: int | None
    newest: int
    closed: bool = False


def of(actor: User, case: Case, *, before: int | None = None, size: int = PAGE) -> Timeline:
    """The last ``size`` messages of a case (those before message ``before``) and the events among them.

    The caller opens the case, and puts that on the trail.
    """
    threads = conversations(actor, case)
    heard = hearing.hears(actor, case, threads)
    found = _messages(threads, before, size + 1) if heard else []
    more, shown = len(found) > size, found[-size:]
    since = shown[0].sent_at if more else None
    until = None if before is None else (shown[-1].sent_at if shown else None)
    entries = [*(_said(message, threads) for message in shown), *_events(case, since, until)]
    newest = shown[-1].pk if shown and before is None else 0
    entries.sort(key=lambda entry: entry.at)
    return Timeline(entries, threads, shown[0].pk if more else None, newest, closed=not heard)


def since(actor: User, case: Case, *, after: int) -> Timeline:
    """What was said after message ``after``, and what was done since it."""
    threads = conversations(actor, case)
    known = _messages(threads, None, PAGE) if hearing.hears(actor, case, threads) else []
    shown = [message for message in known if message.pk > after]
    began = next((message.sent_at for message in reversed(known) if message.pk <= after), None)
    entries = [*(_said(message, threads) for message in shown), *_events(case, began, None)]
    newest = max([after, *(message.pk for message in shown)])
    return Timeline(sorted(entries, key=lambda entry: entry.at), threads, None, newest)


def conversations(actor: User, case: Case) -> list[Conversation]:
    """The case's threads, the one spoken in last first."""
    found = Conversation.objects.visible_to(actor).filter(case=case).select_related("agent")
    return list(lines.with_speaker(found).order_by("-started_at")[:CONVERSATIONS])


def newest_reply_of_others(actor: User, case: Case, *, after: int) -> Message | None:
    """The last reply by somebody else of ours that came after message ``after``."""
    threads = conversations(actor, case)
    said = reversed(_messages(threads, None, PAGE) if hearing.hears(actor, case, threads) else [])
    return next((message for message in said if message.pk > after and _by_another(message, actor)), None)


def _by_another(message: Message, actor: User) -> bool:
    ours = message.author_role in {"agent", "supervisor"} and message.kind == "reply"
    return ours and message.author_id != actor.pk


def _messages(threads: list[Conversation], before: int | None, size: int) -> list[Message]:
    """A few rows of each thread off the numbering's indexes: a long thread costs what a short one does."""
    if not threads:
        return []
    parts = _tails(threads, before, size)
    rows = reduce(lambda left, right: left.union(right, all=True), parts)
    found = sorted(rows, key=_moment)[-size:]
    _attach(found)
    return found


def _tails(threads: list[Conversation], before: int | None, size: int) -> list[QuerySet[Message]]:
    parts: list[QuerySet[Message]] = []
    for thread in threads:
        said = Message.objects.filter(conversation=thread)
        if before is not None:
            said = said.filter(pk__lt=before)
        parts.append(said.filter(seq__isnull=False).order_by("-seq")[:size])
        parts.append(said.filter(staff_seq__isnull=False).order_by("-staff_seq")[:size])
    return parts


def _moment(message: Message) -> tuple[datetime, int]:
    return message.sent_at, message.pk


def _attach(messages: list[Message]) -> None:
    """Give each message its files, all in one query."""
    files: dict[int, list[MessageAttachment]] = {message.pk: [] for message in messages}
    for attachment in MessageAttachment.objects.filter(message__in=files).select_related("document"):
        files[attachment.message_id].append(attachment)
    for message in messages:
        message._prefetched_objects_cache = {"attachments": files[message.pk]}  # type: ignore[attr-defined]


def _said(message: Message, threads: list[Conversation]) -> Entry:
    thread = next(thread for thread in threads if thread.pk == message.conversation_id)
    return Entry(
        key=f"m{message.pk}",
        kind=message.kind,
        side=_side(message),
        role=message.author_role,
        author=_by(message),
        at=message.sent_at,
        body=message.body,
        channel=thread.channel,
        message_id=message.pk,
        conversation_id=str(message.conversation_id),
        seq=message.seq,
        staff_seq=message.staff_seq,
        client_id=str(message.client_id or ""),
        redactions=message.redactions,
        attachments=[attachment.document for attachment in message.attachments.all()],
    )


def _by(message: Message) -> str:
    """A customer goes by initials beside their words: the name stands in the heading, once it is opened."""
    name = message.author_name
    if message.author_role in {"customer", "caregiver"}:
        name = first_letters(name)
    return name or str(message.get_author_role_display())


def _side(message: Message) -> str:
    if message.kind == "event" or message.author_role == "system":
        return "none"
    return "customer" if message.author_role in {"customer", "caregiver"} else "us"


def _events(case: Case, since: datetime | None, until: datetime | None) -> list[Entry]:
    done = CaseEvent.objects.filter(case=case).select_related("actor").order_by("-at", "-pk")
    if since is not None:
        done = done.filter(at__gte=since)
    if until is not None:
        done = done.filter(at__lt=until)
    return [_done(event) for event in done[:PAGE]]


def _done(event: CaseEvent) -> Entry:
    author = event.actor.display_name if event.actor else event.actor_name or str(_("The system"))
    return Entry(
        key=f"e{event.pk}",
        kind="done",
        side="none",
        role="system",
        author=author,
        at=event.at,
        body=event.get_kind_display(),
        event=event.kind,
        words=[word for word in event_words.of(event.detail or {}) if word != author],
    )


def whole(actor: User, patient: Patient, *, size: int = 2 * PAGE) -> list[Entry]:
    """The last of what was said and done on all cases of a patient, oldest first. The caller opens them."""
    found = Conversation.objects.visible_to(actor).filter(patient=patient).select_related("agent")
    threads = list(found.order_by("-last_message_at")[:CONVERSATIONS])
    said = [_said(message, threads) for message in _messages(threads, None, size)]
    done = CaseEvent.objects.filter(case__patient=patient, kind__in=TURNS).select_related("actor")
    entries = [*said, *(_done(event) for event in done.order_by("-at", "-pk")[:PAGE])]
    return sorted(entries, key=lambda entry: entry.at)[-size:]
