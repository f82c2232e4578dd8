"""Words from those who run the floor to everybody at the desk."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agents.models import Announcement, AnnouncementSeen
from config.security.normal import is_blank
from portal.access import DESK, require
from portal.models import User


def announce(
    actor: Any,
    *,
    title: str,
    body: str = "",
    level: str = "info",
    roles: Iterable[str] = (),
    since: datetime | None = None,
    until: datetime,
) -> Announcement:
    """Tell the desk something from ``since`` until ``until``. Raises ValidationError."""
    require(actor, "announcements.manage")
    begins = since or timezone.now()
    wrong: dict[str, Any] = {}
    if is_blank(title):
        wrong["title"] = _("Say it in a few words.")
    if until <= max(begins, timezone.now()):
        wrong["until"] = _("It must end in the future, after it begins.")
    if unknown := set(roles) - DESK:
        wrong["roles"] = _("Nobody at the desk is: %(roles)s.") % {"roles": ", ".join(sorted(unknown))}
    if wrong:
        raise ValidationError(wrong)
    return Announcement.objects.create(
        title=title.strip(), body=body.strip(), level=level, roles=sorted(set(roles)),
        since=begins, until=until, by=actor if actor.pk else None,
    )  # fmt: skip


def withdraw(actor: Any, *, announcement: Announcement) -> None:
    """Take it back: nobody sees it any more."""
    require(actor, "announcements.manage")
    Announcement.objects.filter(pk=announcement.pk, withdrawn_at=None).update(withdrawn_at=timezone.now())


def for_(actor: User) -> list[Announcement]:
    """What ``actor`` should read and has not yet, the most pressing first. One query."""
    require(actor, "console.use")
    now = timezone.now()
    mine = Q(roles=[]) | Q(roles__overlap=sorted(actor.role_names()))
    rows = Announcement.objects.filter(mine, since__lte=now, until__gt=now, withdrawn_at=None)
    unread = rows.exclude(seen__user=actor).order_by("-since")[:5]
    order = {"urgent": 0, "warn": 1, "info": 2}
    return sorted(unread, key=lambda one: order[one.level])


def seen(actor: User, *, announcement: Announcement) -> None:
    """They have read it."""
    require(actor, "console.use")
    AnnouncementSeen.objects.get_or_create(announcement=announcement, user=actor)


def board(actor: User) -> list[tuple[Announcement, int]]:
    """The latest announcements with how many have read each, for those who made them."""
    require(actor, "announcements.manage")
    rows = Announcement.objects.select_related("by").annotate(readers=Count("seen"))
    return [(row, row.readers) for row in rows.order_by("-since")[:50]]
