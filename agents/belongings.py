"""What of the desk goes with a case that is merged: drafts, replies on their way, threads with third parties."""

from typing import Any
from uuid import UUID

from agents.models import Draft, HeldReply, SideConversation
from cases.belongings import BELONGINGS, Belonging, rows
from cases.models import Case
from cases.moving import WITH_THREADS

BETWEEN = "\n\n"


def over(case: Case, into: Case) -> dict[str, list[int]]:
    """Drafts go over; one whose writer has another there already is added to that one, and stays as well."""
    both = Draft.objects.filter(case__in=[case, into]).select_for_update(of=("self",)).order_by("pk")
    drafts = list(both)
    writing = {draft.user_id: draft for draft in drafts if draft.case_id == into.pk}
    moved, added = [], []
    for draft in [draft for draft in drafts if draft.case_id == case.pk]:
        there = writing.get(draft.user_id)
        if there is None:
            draft.case = into
            draft.save(update_fields=["case"])
            moved.append(draft.pk)
        else:
            there.body = f"{there.body}{BETWEEN}{draft.body}"
            there.attachments = list(dict.fromkeys([*there.attachments, *draft.attachments]))
            there.save(update_fields=["body", "attachments"])
            added.append(draft.pk)
    return {"moved": moved, "added": added}


def back(case: Case, into: Case, kept: Any) -> None:
    """Bring back what is still there; a draft sent or given up meanwhile is gone."""
    writing = set(Draft.objects.filter(case=case).values_list("user_id", flat=True))
    Draft.objects.filter(pk__in=kept["moved"], case=into).exclude(user__in=writing).update(case=case)
    for draft in Draft.objects.filter(pk__in=kept["added"], case=case):
        there = Draft.objects.filter(case=into, user=draft.user_id).first()
        if there is not None and there.body.endswith(f"{BETWEEN}{draft.body}"):
            there.body = there.body.removesuffix(f"{BETWEEN}{draft.body}")
            there.attachments = [ref for ref in there.attachments if ref not in draft.attachments]
            there.save(update_fields=["body", "attachments"])


def replies_along(refs: list[str], to: Case) -> None:
    """A reply goes where the conversation is that it was written for."""
    HeldReply.objects.filter(conversation__in=[UUID(ref) for ref in refs]).update(case=to)


WITH_THREADS.append(replies_along)
BELONGINGS.extend(
    [
        rows("held replies", HeldReply),
        Belonging("drafts", over, back),
        rows("side conversations", SideConversation),
    ]
)
