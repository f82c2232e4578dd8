"""Who follows a case, who is named in a note with @, and what each of them has been told and not read yet."""

import re
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases import cases, telling
from cases.models import Case, Follower, Notification
from cases.people import shown_name
from portal.access import PERMISSIONS, allowed, require
from portal.models import User

NAMED = re.compile(r"@(\w)")


def follow(actor: User, *, case: Case) -> bool:
    """Hear of what becomes of a case from now on; False where one did already."""
    require(actor, "cases.work", case)
    return _add(actor, case)


def _add(user: User, case: Case) -> bool:
    _follower, new = Follower.objects.get_or_create(case=case, user=user)
    if new:
        cases.record(user, case, "followed")
    return bool(new)


def unfollow(actor: User, *, case: Case) -> bool:
    """Hear no more of a case; False where one did not follow it."""
    require(actor, "cases.work", case)
    return bool(Follower.objects.filter(case=case, user=actor).delete()[0])


def follows(actor: User, case: Case) -> bool:
    return bool(Follower.objects.filter(case=case, user=actor).exists())


def mention(actor: Any, *, case: Case, users: Iterable[User]) -> list[User]:
    """Tell colleagues that a case needs them; from then on they follow it. Gives who was told."""
    require(actor, "cases.work", case)
    named = [user for user in users if user.pk != actor.pk]
    if strangers := [shown_name(user) for user in named if not allowed(user, "console.use")]:
        raise ValidationError(
            _("%(names)s can't open cases, so nobody was told.") % {"names": ", ".join(strangers)}
        )
    if named:
        with transaction.atomic():
            _tell_named(actor, case, named)
    return named


def _tell_named(actor: Any, case: Case, named: list[User]) -> None:
    Follower.objects.bulk_create([Follower(case=case, user=user) for user in named], ignore_conflicts=True)
    telling.tell([user.pk for user in named], case_id=case.pk, kind="mentioned", by=actor.pk)
    cases.record(actor, case, "mentioned", {"to": ", ".join(shown_name(user) for user in named)})


def named_in(body: str) -> list[User]:
    """Colleagues whose full name, or whose first name if nobody else bears it, stands in ``body`` after an @."""
    if not NAMED.search(body):
        return []
    said, desk = body.casefold(), _desk()
    full = [user for user in desk if _stands(user.display_name, said)]
    taken = {shown_name(user).casefold() for user in full}
    firsts = [shown_name(user).casefold() for user in desk]
    alone = (user for user in desk if firsts.count(shown_name(user).casefold()) == 1)
    short = [
        user for user in alone if shown_name(user).casefold() not in taken and _stands(shown_name(user), said)
    ]
    return [*full, *short]


def _stands(name: str, said: str) -> bool:
    wanted = re.escape(" ".join(name.casefold().split()))
    return bool(wanted) and re.search(rf"(?<!\w)@{wanted}(?!\w)", said) is not None


def _desk() -> list[User]:
    return list(User.objects.holding(PERMISSIONS["console.use"]))


def noted(author_id: int | None, case_id: int, body: str) -> None:
    """A note has been written: whoever it names is told. What can't be told does not hold up the note."""
    author = User.objects.filter(pk=author_id).first()
    named = [user for user in named_in(body) if user.pk != author_id] if author else []
    if author and (told := [user for user in named if allowed(user, "console.use")]):
        _tell_named(author, Case.objects.get(pk=case_id), told)


# --- what one has been told --------------------------------------------------------------------------
def notifications(actor: User) -> QuerySet[Notification]:
    """The actor's own, unread ones first, the latest first among each."""
    require(actor, "console.use")
    mine: QuerySet[Notification] = Notification.objects.visible_to(actor).select_related("case", "by")
    return mine.order_by(F("read_at").desc(nulls_first=True), "-at", "-pk")


def unread(actor: User) -> int:
    require(actor, "console.use")
    return int(Notification.objects.visible_to(actor).filter(read_at=None).count())


def mark_read(actor: User, *, case: Case | None = None) -> int:
    """The actor has seen what they were told, of one case or of all. Gives how many were news."""
    require(actor, "console.use")
    mine = Notification.objects.visible_to(actor).filter(read_at=None)
    told = mine.filter(case=case) if case is not None else mine
    return int(told.update(read_at=timezone.now()))
