"""What is asked of a reply of ours at the moment it is stored, beyond what a message of anybody must be.

By e-mail and text message goes only what R-SHIP-3 lets out; the rest is offered a way through the portal. What
was made from a reply kept ready must have become this customer's own (R-CASE-4).
"""

import uuid
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from cases import canned, kin, outside, wording
from cases.drafts import Draft, Refused, Stored
from cases.models import CannedReply, Case, Conversation
from portal.access import require
from portal.models import User


class Unfit(Refused):
    """A text that may not leave the house. ``kinds`` says what was found in it (keys of outside.KINDS)."""

    def __init__(self, kinds: list[str]) -> None:
        words = _("This channel is not private, and the text holds %(what)s.")
        super().__init__("invalid", words % {"what": outside.in_words(kinds)})
        self.kinds = kinds


def check(draft: Draft, *, channel: str, case_id: int | None) -> None:
    """Raise Refused for a reply of staff that may not go out as it is."""
    if draft.kind != "reply" or not draft.author.is_staff:
        return
    if channel not in outside.CHANNELS and draft.made_from is None:
        return
    case = Case.objects.select_related("patient", "order", "reason").filter(pk=case_id).first()
    if channel in outside.CHANNELS and (kinds := _unfit(draft, case)):
        raise Unfit(kinds)
    if draft.made_from is not None:
        _require_personal(draft, case, draft.made_from[0])


def _unfit(draft: Draft, case: Case | None) -> list[str]:
    return [*outside.found_in(draft.body, case), *(["attachment"] if draft.attachments else [])]


def _require_personal(draft: Draft, case: Case | None, reply_id: int) -> None:
    reply = CannedReply.objects.filter(pk=reply_id).first()
    if reply is None:
        raise Refused("invalid", _("The reply this was made from is not there."))
    author = User.objects.get(pk=draft.author.user_id)
    if case is not None and (words := canned.impersonal(author, case, reply, draft.body)):
        raise Refused("invalid", words)


def may_go_through_portal(case: Case) -> bool:
    """Whether the case's patient can read a message in the portal."""
    return case.patient is not None and case.patient.user_id is not None


def through_portal(
    actor: Any,
    *,
    case: Case,
    body: str,
    client_id: uuid.UUID | None = None,
    made_from: str = "",
    attachments: Iterable[uuid.UUID] = (),
) -> Stored:
    """Say it in the portal instead; by e-mail the customer is told that a message waits, and not what.

    Raises ValidationError where the customer can't read there.
    """
    from cases import cases, conversations  # the thread is written by its own rules, which ask this module

    require(actor, "cases.work", case)
    said = {"body": body, "client_id": client_id, "made_from": made_from, "attachments": attachments}
    with transaction.atomic():
        held = cases.locked(kin.kept(case))  # sent twice at once, the second finds the thread of the first
        thread = portal_thread(held)
        if thread._state.adding:
            thread.save()
        return conversations.reply(actor, conversation=thread, **said)


def portal_thread(case: Case) -> Conversation:
    """The case's thread in the portal; one that is not stored yet where it has none. Of a case that was merged
    meanwhile, that of the case it went into.

    Raises ValidationError where the customer can't read there.
    """
    case = kin.kept(case)
    if not may_go_through_portal(case):
        raise ValidationError(_("This customer has no sign-in to the portal yet."))
    open_ones = case.conversations.filter(channel="portal").exclude(state="closed")
    found: Conversation | None = open_ones.order_by("-started_at").first()
    return found or Conversation(
        channel="portal",
        case=case,
        patient=case.patient,
        customer=case.patient.user if case.patient else None,
        subject=case.subject,
        language=wording.language_of(case),
    )
