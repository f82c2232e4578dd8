"""How cases stand to each other: linked, and one under another."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from cases import cases
from cases.models import Case, CaseLink, Message
from portal.access import require

TREE = 1_718_511_973  # the key of the lock under which parents are given


def link(
    actor: Any, *, case: Case, other: Case, kind: str = "related", message: Message | None = None
) -> CaseLink:
    """Say that ``case`` is ``kind`` (see CaseLink.KINDS) of ``other``. Saying so again changes nothing."""
    require(actor, "cases.work", case)
    require(actor, "cases.view", other)
    if case.pk == other.pk:
        raise ValidationError(_("A case can't be linked to itself."))
    if kind not in dict(CaseLink.KINDS):
        raise ValidationError(_("Say how the cases have to do with each other."))
    with transaction.atomic():
        tie, new = CaseLink.objects.get_or_create(
            case=case, other=other, kind=kind, defaults={"message": message}
        )
        if new:
            cases.record(actor, case, "linked", {"kind": kind, "to": other.number})
            cases.record(actor, other, "linked", {"kind": kind, "from": case.number})
    made: CaseLink = tie
    return made


def unlink(actor: Any, *, tie: CaseLink) -> None:
    """Take back that two cases have to do with each other."""
    require(actor, "cases.work", tie.case)
    with transaction.atomic():
        if CaseLink.objects.filter(pk=tie.pk).delete()[0]:
            cases.record(actor, tie.case, "linked", {"kind": "taken back", "to": tie.other.number})
            cases.record(actor, tie.other, "linked", {"kind": "taken back", "from": tie.case.number})


def set_parent(actor: Any, *, case: Case, parent: Case | None, version: int | None = None) -> Case:
    """Put a case under another of the same patient or of nobody, or with None under no other."""
    require(actor, "cases.work", case)
    if parent is not None:
        require(actor, "cases.view", parent)
    with transaction.atomic():
        _alone_among_parents()
        case = cases.locked(case, version)
        if parent is not None:
            _refuse_parent(case, Case.objects.get(pk=parent.pk))
        case.parent = parent
        cases.save(case, "parent")
        cases.record(
            actor, case, "linked", {"kind": "parent", "to": parent.number if parent else str(_("no case"))}
        )
    return case


def _alone_among_parents() -> None:
    """Two who each put one case under the other's would close a ring that neither could see."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE])


def _refuse_parent(case: Case, parent: Case) -> None:
    if parent.pk == case.pk:
        raise ValidationError(_("A case can't stand under itself."))
    if parent.patient_id not in (None, case.patient_id):
        raise ValidationError(_("Case %(number)s is another patient's.") % {"number": parent.number})
    if parent.state == "closed":
        raise ValidationError(_("Case %(number)s is closed.") % {"number": parent.number})
    if case.pk in ancestors(parent):
        raise ValidationError(
            _("Case %(number)s stands under this one already: that would go round in a circle.")
            % {"number": parent.number}
        )


def ancestors(case: Case) -> list[int]:
    """Ids of the cases above, nearest first."""
    above: list[int] = []
    upper = case.parent_id
    while upper is not None and upper not in above:
        above.append(upper)
        upper = Case.objects.values_list("parent_id", flat=True).get(pk=upper)
    return above


def kept(case: Case) -> Case:
    """The case that the matter stands in now: itself, or the one it went into, over however many merges."""
    while case.merged_into is not None:
        case = case.merged_into
    return case
