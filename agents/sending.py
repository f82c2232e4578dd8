"""Replies between their author's last word and their leaving: held for a moment, or until an exact time.

Nothing waits in a browser: a held reply is a row, and goes out once under the id it was written with, whether
a task, the sweep or its author's impatience comes first. What is taken back, or can't go, becomes a draft.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from agents import timeline, workspace
from agents.models import HeldReply
from cases import belongings, cases, clock_alarms, conversations, kin, live, telling
from cases import sending as fitness
from cases.drafts import Refused
from cases.models import Case, Conversation, Message
from config.security.normal import is_blank
from portal.access import STAFF_REALM, allowed, require
from portal.models import User

AT_ONCE = 50
FARTHEST = timedelta(days=90)
LATELY = timedelta(minutes=10)
CUSTOMERS = ("customer", "caregiver")


def hold(
    actor: User,
    *,
    case: Case,
    body: str,
    client_id: uuid.UUID,
    seen: int = 0,
    attachments: Iterable[uuid.UUID] = (),
    at: datetime | None = None,
    anyway: bool = False,
    made_from: str = "",
    through_portal: bool = False,
) -> HeldReply:
    """Keep a reply that will leave at ``at``, else after the time its author has to take it back.

    The same again under its ``client_id`` changes nothing. Raises Refused, as sending would, with the code
    ``conflict`` where something else came under this id; ValidationError on a time that is past or far away.
    """
    require(actor, "cases.work", case)
    files = [str(ref) for ref in attachments]
    now = timezone.now()
    if at is not None:
        _refuse_odd_time(at, now)
    thread = fitness.portal_thread(case) if through_portal else _thread_of(actor, case)
    _refuse_unfit(actor, thread, body, client_id, files, made_from)
    said = {
        "case": case,
        "conversation": None if through_portal else thread,
        "body": body,
        "attachments": files,
        "made_from": made_from,
        "through_portal": through_portal,
        "seen": seen,
        "anyway": anyway,
        "state": "scheduled" if at else "held",
        "release_at": at or now + timedelta(seconds=workspace.preferences_of(actor).undo_seconds),
    }
    with transaction.atomic():
        held, new = HeldReply.objects.get_or_create(user=actor, client_id=client_id, defaults=said)
        if not new:
            _refuse_another(held, said, at)
        workspace.discard_draft(actor, case=case, said=body, files=files)
        transaction.on_commit(lambda: _announce(held))
    return held


def _refuse_another(held: HeldReply, said: dict[str, Any], at: datetime | None) -> None:
    """What came before under this id has to be the same reply, and not to have been taken back since."""
    same = all(getattr(held, name) == said[name] for name in ("body", "attachments", "through_portal"))
    here = said["case"].pk in (held.case_id, held.case.merged_into_id)
    when = held.release_at if held.state == "scheduled" else None
    stands = held.state == "sent" or (held.state in HeldReply.WAITING and when == at)
    if not (same and here and stands):
        raise Refused("conflict")


def _refuse_unfit(
    actor: User,
    thread: Conversation,
    body: str,
    client_id: uuid.UUID,
    files: Iterable[str],
    made_from: str = "",
) -> None:
    """What sending would refuse is refused at once, while its author is there."""
    if thread.state == "closed":
        raise Refused(
            "closed", _("This conversation is closed. Promise a call, or open a case on another channel.")
        )
    refs = tuple(map(uuid.UUID, files))
    draft = conversations.draft(
        actor, thread, body=body, client_id=client_id, attachments=refs, made_from=made_from
    )
    fitness.check(draft, channel=thread.channel, case_id=thread.case_id)


def _refuse_odd_time(at: datetime, now: datetime) -> None:
    if not now < at <= now + FARTHEST:
        raise ValidationError({"at": _("Choose a time from now to 90 days ahead.")})


def _thread_of(actor: User, case: Case) -> Conversation:
    return conversations.speaking(timeline.conversations(actor, case)) or conversations.thread_of(case)


def _meant_for(actor: User, held: HeldReply) -> Conversation:
    if held.through_portal:
        return fitness.portal_thread(held.case)
    return held.conversation or _thread_of(actor, held.case)


def _announce(held: HeldReply) -> None:
    """Colleagues see that something is on its way; a worker is told when to send it."""
    live.case_changed(held.case_id, "changed")
    wait = max((held.release_at - timezone.now()).total_seconds(), 0)
    if wait <= 60:
        try:
            current_app.send_task("agents.tasks.release_held", [held.pk], countdown=wait, retry=False)
        except OperationalError:
            return  # the sweep finds it


def of(actor: User, case: Case) -> list[HeldReply]:
    """What is on its way on a case, by whomever, the next first. The caller opens the case."""
    require(actor, "cases.work")
    here = Q(case=case) | Q(case__merged_into=case)
    waiting = HeldReply.objects.filter(here, state__in=HeldReply.WAITING).select_related("user")
    return list(waiting.order_by("release_at", "pk"))


def came_back(actor: User, case: Case) -> list[HeldReply]:
    """One's own replies that could not leave in the last while; their words are a draft again."""
    lately = timezone.now() - LATELY
    mine = HeldReply.objects.filter(user=actor, case=case, state__in=("cancelled", "refused"))
    return list(mine.filter(settled_at__gte=lately).order_by("-settled_at"))


def mine(actor: User, ref: uuid.UUID | str) -> HeldReply:
    """One's own reply that is still on its way. Raises HeldReply.DoesNotExist."""
    require(actor, "cases.work")
    waiting = HeldReply.objects.filter(user=actor, state__in=HeldReply.WAITING)
    found: HeldReply = waiting.select_related("case").get(ref=ref)
    return found


def undo(actor: User, *, held: HeldReply) -> HeldReply:
    """Take a reply back; its words are a draft again. HeldReply.DoesNotExist where it has left."""
    with transaction.atomic():
        kept = _locked(actor, held)
        _settle(kept, "undone")
        _back_to_draft(kept)
    return kept


def change(actor: User, *, held: HeldReply, body: str, at: datetime, anyway: bool) -> HeldReply:
    """Other words, or another time, for a reply that is to leave later."""
    _refuse_odd_time(at, timezone.now())
    with transaction.atomic():
        kept = _locked(actor, held)
        thread = _meant_for(actor, kept)
        _refuse_unfit(actor, thread, body, kept.client_id, kept.attachments, kept.made_from)
        kept.body, kept.release_at, kept.anyway, kept.state = body, at, anyway, "scheduled"
        kept.save(update_fields=["body", "release_at", "anyway", "state"])
        transaction.on_commit(lambda: _announce(kept))
    return kept


def send_now(actor: User, *, held: HeldReply) -> HeldReply:
    """Let a reply leave at once."""
    kept = mine(actor, held.ref)
    HeldReply.objects.filter(pk=kept.pk, state__in=HeldReply.WAITING).update(release_at=timezone.now())
    release(kept.pk, asked=True)
    kept.refresh_from_db()
    return kept


def _locked(actor: User, held: HeldReply) -> HeldReply:
    require(actor, "cases.work")
    rows = HeldReply.objects.select_related("case")
    kept: HeldReply = belongings.held(rows.filter(pk=held.pk, user=actor, state__in=HeldReply.WAITING))
    return kept


# --- leaving -----------------------------------------------------------------------------------------
def due() -> list[int]:
    """Replies whose moment has come."""
    waiting = HeldReply.objects.filter(state__in=HeldReply.WAITING, release_at__lte=timezone.now())
    return list(waiting.order_by("release_at").values_list("pk", flat=True)[:AT_ONCE])


def release(held_id: int, *, asked: bool = False) -> bool:
    """Send one reply that is due, with its author's rights as they are now. Whether it went out.

    ``asked``: its author wants it out, whatever was said since.
    """
    with transaction.atomic():
        held = _due(held_id)
        if held is None:
            return False
        if held.state == "scheduled" and not (asked or held.anyway) and _customer_wrote(held):
            _cancel(held)
            return False
        return _send(held)


def _due(held_id: int) -> HeldReply | None:
    """Under lock, if its moment has come; the case it was written on and that of its thread before it, as a merge
    takes them. One that went into another case meanwhile waits for the sweep.
    """
    rows = HeldReply.objects.filter(pk=held_id, state__in=HeldReply.WAITING, release_at__lte=timezone.now())
    stands = rows.values_list("case", "conversation__case").first()
    if stands is None:
        return None
    cases.locked_together(sorted({case for case in stands if case}))
    found = rows.select_for_update(no_key=True, of=("self",)).select_related("user", "case")
    held: HeldReply | None = found.filter(case=stands[0]).first()
    return held


def _send(held: HeldReply) -> bool:
    try:
        with transaction.atomic():
            _say(held)
    except Refused as refused:
        if not refused.permanent:
            HeldReply.objects.filter(pk=held.pk).update(release_at=timezone.now() + timedelta(seconds=15))
            return False
        return _refuse(held, refused.code)
    except PermissionDenied:
        return _refuse(held, "forbidden")
    except ValidationError:
        return _refuse(held, "invalid")
    _settle(held, "sent")
    return True


def _say(held: HeldReply) -> None:
    author = User.objects.get(pk=held.user_id)
    if author.realm != STAFF_REALM or not allowed(author, "cases.work", held.case):
        raise PermissionDenied("cases.work")
    case = kin.kept(held.case)
    files = tuple(uuid.UUID(ref) for ref in held.attachments)
    said: dict[str, Any] = {"client_id": held.client_id, "attachments": files, "made_from": held.made_from}
    if held.through_portal:
        fitness.through_portal(author, case=case, body=held.body, **said)
        return
    thread = _open_thread(author, case, held)
    conversations.reply(author, conversation=thread, body=held.body, **said)


def _open_thread(author: User, case: Case, held: HeldReply) -> Conversation:
    """Where it was written to; where that has ended, where the case is spoken of now."""
    kept = held.conversation
    if kept is not None and not (kept.channel == "chat" and kept.state == "closed"):
        return kept
    return _thread_of(author, case)


def _refuse(held: HeldReply, code: str) -> bool:
    held.refused_for = code
    _settle(held, "refused")
    _back_to_draft(held)
    return False


def _customer_wrote(held: HeldReply) -> bool:
    case_id = held.conversation.case_id if held.conversation else held.case_id
    said = Message.objects.filter(conversation__case=case_id, author_role__in=CUSTOMERS, pk__gt=held.seen)
    return said.filter(sent_at__gt=held.made_at).exists()


def customer_wrote(case_id: int) -> int:
    """Hold back what was to leave later on a case whose customer has just written. How many were."""
    with transaction.atomic():
        rows = HeldReply.objects.select_for_update(of=("self",), skip_locked=True)
        here = Q(conversation__case=case_id) | Q(conversation=None, case=case_id)
        waiting = list(rows.filter(here, state="scheduled", anyway=False))
        for held in waiting:
            _cancel(held)
    return len(waiting)


def _cancel(held: HeldReply) -> None:
    _settle(held, "cancelled")
    _back_to_draft(held)


def _settle(held: HeldReply, state: str) -> None:
    held.state, held.settled_at = state, timezone.now()
    held.save(update_fields=["state", "settled_at", "refused_for"])
    transaction.on_commit(lambda: live.case_changed(held.case_id, "changed"))


def _back_to_draft(held: HeldReply) -> None:
    """Never lose a word nor a file: before what was begun meanwhile, if anything was. A note stays one."""
    case = kin.kept(held.case)
    writer = _writer(held, case)
    begun = workspace.draft_of(writer, case)
    files = list(dict.fromkeys([*held.attachments, *(begun.attachments if begun else [])]))
    if begun is None or is_blank(begun.body):
        kept: dict[str, Any] = {"body": held.body, "seen": held.seen, "made_from": held.made_from}
        workspace.keep_draft(writer, case, kind="reply", files=files, **kept)
        return
    body = f"{held.body}\n\n{begun.body}"
    workspace.keep_draft(writer, case, kind=begun.kind, body=body, seen=held.seen, files=files)


def _writer(held: HeldReply, case: Case) -> User:
    """Who goes on with it: its author; whoever has the case, or leads there, where the author works here no more.

    They find words that they never wrote, so they are told.
    """
    author: User = User.objects.get(pk=held.user_id)
    if allowed(author, "cases.work", case):
        return author
    asked = [*([case.owner_id] if case.owner_id else []), *clock_alarms.leads_of(case)]
    people = User.objects.in_bulk(asked)
    found: User = next((people[pk] for pk in asked if allowed(people[pk], "cases.work", case)), author)
    telling.tell([found.pk], case_id=case.pk, kind="unsent", by=author.pk)
    return found
