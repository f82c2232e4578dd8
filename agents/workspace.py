"""What an agent works with at the console: the case they open, drafts, and how the console behaves."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agents.belongings import BETWEEN
from agents.models import Draft, Preferences
from cases import kin
from cases.models import Case
from config.security import audit
from config.security.normal import is_blank
from portal.access import require
from portal.models import Document, User

LONGEST_DRAFT = 10_000


class DraftTooLong(ValueError):
    """A draft is longer than any message may be."""


def draft_of(actor: User, case: Case) -> Draft | None:
    """What ``actor`` was writing on ``case``. Nobody reads the drafts of others."""
    return Draft.objects.filter(user=actor, case=case).first()


@transaction.atomic
def save_draft(
    actor: User,
    *,
    case: Case,
    kind: str,
    body: str,
    seen: int,
    made_from: str = "",
    attachments: Iterable[uuid.UUID | str] = (),
) -> Draft | None:
    """Keep ``body`` and the files with it; where there is neither, the draft ends. On a case that was merged
    meanwhile, it is kept with the case it went into.

    ``seen``: the last message in the thread when it began. ``made_from``: the reply kept ready that it was made
    from, as ``cases.canned.fill`` names it.
    """
    files = [str(ref) for ref in attachments]
    require(actor, "cases.work", case)
    if len(body) > LONGEST_DRAFT:
        raise DraftTooLong
    if is_blank(body) and not files:
        Draft.objects.filter(user=actor, case=case).delete()
        return None
    words: dict[str, Any] = {"kind": kind, "body": body, "made_from": made_from, "files": files}
    if (into := kin.kept(case)) != case:
        return _keep_over(actor, case, into, seen=seen, **words)
    return keep_draft(actor, case, seen=seen, **words)


def _keep_over(user: User, case: Case, into: Case, *, body: str, files: list[str], **words: Any) -> Draft:
    """From a page left open after a merge: what came over before is written on, what else is there stays."""
    here, there = draft_of(user, case), draft_of(user, into)
    if there is None or (here is None and body.startswith(there.body)):
        return keep_draft(user, into, body=body, files=files, **words)
    own = there.body.removesuffix(f"{BETWEEN}{here.body}") if here else there.body
    keep_draft(user, case, body=body, files=files, **words)
    there.body, there.attachments = f"{own}{BETWEEN}{body}", list(dict.fromkeys([*there.attachments, *files]))
    there.save(update_fields=["body", "attachments"])
    return there


def keep_draft(
    user: User, case: Case, *, kind: str, body: str, seen: int, made_from: str = "", files: list[str]
) -> Draft:
    """As ``save_draft``, for words that come back to their author: whole, whatever their length."""
    now = timezone.now()
    words = {"kind": kind, "body": body, "saved_at": now, "made_from": made_from, "attachments": files}
    draft, _new = Draft.objects.update_or_create(
        user=user, case=case, defaults=words, create_defaults=words | {"since_message": seen}
    )
    return draft


@transaction.atomic
def discard_draft(actor: User, *, case: Case, said: str, files: Iterable[uuid.UUID | str] = ()) -> None:
    """What was written has been sent. What was written on behind it meanwhile stays, and so do other files."""
    require(actor, "cases.work", case)
    if (into := kin.kept(case)) != case:
        _discard_over(actor, into, said)
    draft = Draft.objects.select_for_update(of=("self",)).filter(user=actor, case=case).first()
    if draft is None:
        return
    gone = {str(ref) for ref in files}
    draft.attachments = [ref for ref in draft.attachments if ref not in gone]
    draft.body = draft.body.removeprefix(said).lstrip() if said and draft.body.startswith(said) else ""
    if draft.body or draft.attachments:
        draft.made_from = ""
        draft.save(update_fields=["body", "attachments", "made_from"])
    else:
        draft.delete()


def _discard_over(user: User, into: Case, said: str) -> None:
    """What was sent from a page left open after a merge, out of the words that came over."""
    there = Draft.objects.select_for_update(of=("self",)).filter(user=user, case=into).first()
    if there is None or not said:
        return
    if there.body == said:
        there.delete()
    else:
        there.body = there.body.removesuffix(f"{BETWEEN}{said}")
        there.save(update_fields=["body"])


def files_of(actor: User, refs: Iterable[str]) -> list[dict[str, str]]:
    """Files that go with somebody's words, as the composer names them: ``id`` and ``name``."""
    wanted = list(refs)
    own = Document.objects.visible_to(actor).filter(ref__in=wanted, uploaded_by=actor) if wanted else []
    names = {str(document.ref): document.filename for document in own}
    return [{"id": ref, "name": names.get(ref) or _("File")} for ref in wanted]


def preferences_of(actor: User) -> Preferences:
    """The agent's own, or the usual ones where nothing was chosen yet."""
    return Preferences.objects.filter(user=actor).first() or Preferences(user=actor)


@transaction.atomic
def save_preferences(actor: User, **chosen: Any) -> Preferences:
    """Keep ``shortcuts``, ``enter_sends`` and ``sounds``."""
    require(actor, "console.use")
    kept, _new = Preferences.objects.update_or_create(user=actor, defaults=chosen)
    return kept


def open_case(actor: User, number: str, what: str = "case") -> Case:
    """The case ``number``, opened for its own purpose and put on the trail, or Case.DoesNotExist."""
    require(actor, "cases.view")
    cases = Case.objects.visible_to(actor).select_related("patient", "order", "reason", "owner", "team")
    case: Case = cases.get(number=number)
    with audit.acting(purpose=purpose(case)):
        audit.read(
            [case.patient_id] if case.patient_id else [], what, objects=[case], fields=("name", "messages")
        )
    return case


def purpose(case: Case) -> str:
    """What the trail says an opening was for, as the rules of the case work name it too."""
    return f"case:{case.pk}"
