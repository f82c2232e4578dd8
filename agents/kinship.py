"""What belongs to a case, as the panel beside it shows it: numbers, reasons and states of other cases."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agents.rows import first_line
from agents.workspace import purpose
from cases import hearing, repeats, steering
from cases.models import Case, CaseLink, Follower, Merge, Message, Tag
from config.security import audit
from portal.access import allowed, require
from portal.models import User

MOST = 30
SLIM = (
    "number", "state", "channel", "disposition", "closed_at", "reason__label",
    "parent", "merged_into", "follows_on", "repeat_of",
)  # fmt: skip


@dataclass(frozen=True)
class Relative:
    """Another case and what it is to this one. ``link`` is the pk by which the tie can be taken back."""

    what: Any
    case: Case
    link: int | None = None
    undo_until: datetime | None = None


@dataclass(frozen=True)
class Kin:
    """Everything the panel shows."""

    relatives: list[Relative] = field(default_factory=list)
    alike: list[Case] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    follows: bool = False
    steer_to: str = ""
    steer_words: str = ""
    may_work: bool = False


def of(actor: User, case: Case) -> Kin:
    """The relatives of ``case``, which the caller reached for the actor; on the trail as one entry."""
    require(actor, "cases.view")
    with audit.acting(purpose=purpose(case)):
        audit.read([case.patient_id] if case.patient_id else [], "case kin", objects=[case])
    to = steering.advised(case)
    tags, follows = _marks(actor, case)
    return Kin(
        relatives=[*_named(actor, case), *_linked(actor, case)],
        alike=repeats.duplicates(actor, case),
        tags=tags,
        follows=follows,
        steer_to=to,
        steer_words=steering.words(to, "en") if to else "",
        may_work=allowed(actor, "cases.work"),
    )


def _marks(actor: User, case: Case) -> tuple[list[str], bool]:
    """The names of its tags, and whether the actor follows it."""
    bears = Tag.objects.filter(cases=OuterRef("pk")).order_by("name").values("name")
    follows = Follower.objects.filter(case=OuterRef("pk"), user=actor)
    [(tags, followed)] = Case.objects.filter(pk=case.pk).values_list(ArraySubquery(bears), Exists(follows))
    return tags, followed


def _named(actor: User, case: Case) -> list[Relative]:
    """By the columns in which cases name each other, in one query."""
    up = [pk for pk in (case.parent_id, case.merged_into_id, case.follows_on_id, case.repeat_of_id) if pk]
    down = Q(parent=case) | Q(merged_into=case) | Q(follows_on=case) | Q(repeat_of=case)
    found = Case.objects.visible_to(actor).filter(Q(pk__in=up) | down).select_related("reason").only(*SLIM)
    undo = _undoable(case)
    others = found.order_by("-last_contact_at", "-pk")[:MOST]
    return [
        Relative(what, other, undo_until=undo.get(other.pk))
        for other in others
        for what in _ties(case, other)
    ]


def _ties(case: Case, other: Case) -> list[Any]:
    names = {
        _("Stands under"): case.parent_id == other.pk,
        _("Merged into"): case.merged_into_id == other.pk,
        _("Takes up"): case.follows_on_id == other.pk,
        _("Repeat of"): case.repeat_of_id == other.pk and case.follows_on_id != other.pk,
        _("Above"): other.parent_id == case.pk,
        _("Merged in"): other.merged_into_id == case.pk,
        _("Taken up by"): other.follows_on_id == case.pk,
        _("Came back as"): other.repeat_of_id == case.pk and other.follows_on_id != case.pk,
    }
    return [name for name, holds in names.items() if holds]


def _undoable(case: Case) -> dict[int, datetime]:
    """Until when each merge with this case can be undone, by the other case."""
    ties = Merge.objects.filter(Q(into=case) | Q(case=case), undone_at=None, until__gt=timezone.now())
    return {
        (merge.case_id if merge.into_id == case.pk else merge.into_id): merge.until for merge in ties[:MOST]
    }


def _linked(actor: User, case: Case) -> list[Relative]:
    ties = CaseLink.objects.visible_to(actor).filter(Q(case=case) | Q(other=case))
    found = ties.select_related("case__reason", "other__reason").order_by("-at", "-pk")[:MOST]
    return [
        Relative(tie.get_kind_display(), tie.other, tie.pk)
        if tie.case_id == case.pk
        else Relative(BACK[tie.kind], tie.case)
        for tie in found
    ]


BACK = {
    "related": _("Related to"),
    "duplicate": _("Has a duplicate in"),
    "caused": _("Led to"),
    "split": _("Split into"),
}


def mergeable(actor: User, case: Case) -> QuerySet[Case]:
    """The patient's other open cases, the likeliest doubles first."""
    others = Case.objects.visible_to(actor).filter(~Q(state="closed"), patient=case.patient_id)
    if case.patient_id is None:
        others = others.none()
    found: QuerySet[Case] = others.exclude(pk=case.pk).select_related("reason")
    return found.order_by("-last_contact_at", "-pk")


def talk(actor: User, case: Case, most: int) -> list[tuple[int, str]]:
    """What was said last on a case, shortened, by message; the caller has opened the case. Nothing where that is
    closed to them.
    """
    if not hearing.hears(actor, case):
        return []
    said = Message.objects.visible_to(actor).filter(conversation__case=case, kind="reply")
    last = said.order_by("-sent_at", "-pk")[:most]
    return [
        (message.pk, f"{message.get_author_role_display()}: {first_line(message.body, 90)}")
        for message in last
    ]
