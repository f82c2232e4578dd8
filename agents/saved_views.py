"""Lists that agents make for themselves: filters under a name, with a letter of their own."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from agents.models import SavedView
from agents.queue import VIEWS, Cases, View
from cases.models import Case
from portal.access import allowed, require
from portal.models import User

MOST = 30
NAME = "saved-"
OPEN_STATES = ("new", "open", "waiting")
FILTERS = ("reason", "team", "priority", "tag", "channel", "state", "owner", "order")
COLUMNS = {"reason": "reason__code", "team": "team__code", "tag": "tags__name"}


def views_of(actor: User) -> dict[str, View]:
    """Every list in the rail of ``actor``: the house's, then their own and the shared ones. Readers have none."""
    if not allowed(actor, "console.use"):
        return dict(VIEWS)
    theirs = SavedView.objects.filter(Q(owner=actor) | Q(shared=True)).select_related("owner")
    return VIEWS | {view.code: view for view in map(_as_view, theirs.order_by("name", "pk")[:MOST])}


def _as_view(saved: SavedView) -> View:
    return View(
        f"{NAME}{saved.pk}",
        saved.key,
        saved.name,
        "users" if saved.shared else "bookmark",
        _("No open case fits this list now."),
        lambda cases, actor: narrowed(cases, actor, saved.filters),
        by_breach=True,
        saved=saved,
    )


def narrowed(cases: Cases, actor: User, filters: dict[str, Any]) -> Cases:
    """Open cases that fit all filters; of several values of one filter, any."""
    cases = cases.filter(~Q(state="closed"))
    for name in FILTERS:
        if values := filters.get(name):
            cases = _by_owner(cases, actor, values) if name == "owner" else _by(cases, name, values)
    return cases


def _by(cases: Cases, name: str, values: Any) -> Cases:
    if name == "order":
        return cases.filter(order__number=values)
    if name == "tag":
        return cases.filter(pk__in=Case.objects.filter(tags__name__in=values).values("pk"))
    column = COLUMNS.get(name, name)
    return cases.filter(**({column: values[0]} if len(values) == 1 else {f"{column}__in": values}))


def _by_owner(cases: Cases, actor: User, owner: str) -> Cases:
    if owner == "none":
        return cases.filter(owner=None)
    return cases.filter(owner=actor) if owner == "me" else cases.filter(owner__ref=owner)


def keep(actor: User, *, view: SavedView | None = None, filters: dict[str, Any], **said: Any) -> SavedView:
    """Make a list, or change one of one's own: ``name``, ``key``, ``sort``, ``shared`` and its filters."""
    require(actor, "console.use")
    kept = view or SavedView(owner=actor)
    if kept.owner_id != actor.pk:
        raise PermissionDenied("console.use")
    if said.get("shared") and not kept.shared:
        require(actor, "floor.manage")
    with transaction.atomic():
        _refuse_taken(actor, kept, said)
        for name, value in said.items():
            setattr(kept, name, value)
        kept.filters = {name: filters[name] for name in FILTERS if filters.get(name)}
        kept.save()
    return kept


def _refuse_taken(actor: User, kept: SavedView, said: dict[str, Any]) -> None:
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    others = SavedView.objects.filter(owner=actor).exclude(pk=kept.pk)
    wrong: dict[str, str] = {}
    if others.filter(name=said["name"]).exists():
        wrong["name"] = _("You have a list of this name.")
    if (key := said.get("key", "")) and (owner := taken_by(key, others)):
        wrong["key"] = _("The letter opens “%(name)s” already.") % {"name": owner}
    if kept.pk is None and others.count() >= MOST:
        wrong["name"] = _("You have %(count)d lists. Delete one first.") % {"count": MOST}
    if wrong:
        raise ValidationError(wrong)


def taken_by(key: str, others: Iterable[SavedView]) -> str:
    """The name of the list that a letter opens; "" where it is free."""
    names = {view.key: str(view.label) for view in VIEWS.values()}
    names |= {view.key: view.name for view in others}
    return names.get(key, "")


def drop(actor: User, *, view: SavedView) -> None:
    """Away with a list of one's own; leads may take away what is shared."""
    require(actor, "console.use")
    if view.owner_id != actor.pk and not (view.shared and allowed(actor, "floor.manage")):
        raise PermissionDenied("console.use")
    view.delete()
