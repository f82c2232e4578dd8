"""How a playbook comes into force: drafted, submitted, published by somebody who did not write it.

A published version never changes: the next draft begins as its copy. Nothing with a problem is submitted or
published. The only writer of versions.
"""

import difflib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import playbook_checks
from cases.cases import Conflict
from cases.models import Playbook, PlaybookVersion
from cases.people import shown_name
from config.security.normal import is_blank
from portal.access import System, require
from portal.models import User

READY_MADE = System("what a supplier begins with")
LONGEST_JSON = 400_000


def draft(actor: Any, *, playbook: Playbook) -> PlaybookVersion:
    """The draft to write on: the one there is, else a copy of the newest version."""
    require(actor, "playbooks.edit")
    with transaction.atomic():
        held = _held(playbook)
        there = held.versions.filter(state__in=["draft", "review"]).first()
        if there is not None:
            return cast(PlaybookVersion, there)
        newest = held.versions.order_by("-number").first()
        return _new(held, newest.content if newest else {"steps": [], "fields": []}, actor)


def write(
    actor: Any,
    *,
    version: PlaybookVersion,
    revision: int,
    content: Mapping[str, Any],
    note: str | None = None,
) -> PlaybookVersion:
    """Keep what was written on a draft. It may still have problems; its shape must be sound."""
    require(actor, "playbooks.edit")
    with transaction.atomic():
        held = _locked(version, revision, "draft")
        if len(json.dumps(content)) > LONGEST_JSON:
            raise ValidationError(_("This is too long for a playbook."))
        if shape := playbook_checks.shape(content):
            raise ValidationError([str(problem) for problem in shape])
        held.content = dict(content)
        held.note = held.note if note is None else note
        held.edited_by = sorted({*held.edited_by, *_ids(actor)})
        return _save(held)


def submit(actor: Any, *, version: PlaybookVersion, revision: int, note: str) -> PlaybookVersion:
    """Ask for a draft to be published."""
    require(actor, "playbooks.edit")
    with transaction.atomic():
        held = _locked(version, revision, "draft")
        _refuse_problems(held)
        if is_blank(note):
            raise ValidationError({"note": _("Say in a sentence what is new.")})
        held.state, held.note = "review", note.strip()
        held.submitted_by, held.submitted_at = _person(actor), timezone.now()
        return _save(held)


def send_back(actor: Any, *, version: PlaybookVersion, revision: int) -> PlaybookVersion:
    """To be written on again."""
    require(actor, "playbooks.edit")
    with transaction.atomic():
        held = _locked(version, revision, "review")
        held.state = "draft"
        return _save(held)


def publish(
    actor: Any, *, version: PlaybookVersion, revision: int, effective_from: datetime | None = None
) -> PlaybookVersion:
    """Put a version in force, now or from a moment to come. Whoever wrote on it or submitted it can't."""
    require(actor, "playbooks.publish")
    with transaction.atomic():
        held = _locked(version, revision, "review")
        if actor.pk is not None and actor.pk in {*held.edited_by, held.made_by_id, held.submitted_by_id}:
            raise ValidationError(_("You wrote on this version: somebody else must publish it."))
        _refuse_problems(held)
        return _put_in_force(held, actor, effective_from)


def withdraw(actor: Any, *, version: PlaybookVersion, revision: int) -> PlaybookVersion:
    """Take a published version out of force; the one before it holds again. Runs that began with it go on."""
    require(actor, "playbooks.publish")
    with transaction.atomic():
        held = _locked(version, revision, "published")
        held.state = "withdrawn"
        return _save(held)


def publish_ready_made(playbook: Playbook, content: Mapping[str, Any]) -> PlaybookVersion:
    """A version of a playbook as it comes with the product."""
    with transaction.atomic():
        version = _new(playbook, content, READY_MADE)
        version.note = _("As it comes with the product.")
        _refuse_problems(version)
        return _put_in_force(version, READY_MADE, None)


def read_json(text: str) -> dict[str, Any]:
    """A version's content from a file. ValidationError says at which line it is no JSON."""
    try:
        found = json.loads(text)
    except ValueError as error:
        place = getattr(error, "lineno", 1)
        raise ValidationError(_("This is no JSON: look at line %(line)d.") % {"line": place}) from None
    if not isinstance(found, dict):
        raise ValidationError(_("A playbook is a JSON object."))
    return found


def differences(old: PlaybookVersion, new: PlaybookVersion) -> list[str]:
    """Lines of ``new`` against ``old``, as ``diff`` marks them."""
    return list(
        difflib.unified_diff(_lines(old), _lines(new), f"v{old.number}", f"v{new.number}", lineterm="", n=2)
    )


# --- underneath --------------------------------------------------------------------------------------
def _lines(version: PlaybookVersion) -> list[str]:
    return json.dumps(version.content, indent=1, ensure_ascii=False).splitlines()


def _held(playbook: Playbook) -> Playbook:
    return cast(Playbook, Playbook.objects.select_for_update().get(pk=playbook.pk))


def _new(playbook: Playbook, content: Mapping[str, Any], actor: Any) -> PlaybookVersion:
    last = playbook.versions.aggregate(last=Max("number"))["last"] or 0
    return PlaybookVersion.objects.create(
        playbook=playbook,
        number=last + 1,
        content=dict(content),
        made_by=_person(actor),
        edited_by=_ids(actor),
    )


def _locked(version: PlaybookVersion, revision: int, state: str) -> PlaybookVersion:
    rows = PlaybookVersion.objects.select_related("playbook").select_for_update(of=("self",))
    held: PlaybookVersion = rows.get(pk=version.pk)
    if held.revision != revision:
        last = User.objects.filter(pk__in=held.edited_by[-1:]).first()
        raise Conflict(shown_name(last) if last else "", "playbook", held.made_at)
    if held.state != state:
        now = held.get_state_display().lower()
        raise ValidationError(_("This version is %(state)s: that can't be done with it.") % {"state": now})
    return held


def _refuse_problems(version: PlaybookVersion) -> None:
    if problems := playbook_checks.of(version.content):
        raise ValidationError([str(problem) for problem in problems])


def _put_in_force(version: PlaybookVersion, actor: Any, effective_from: datetime | None) -> PlaybookVersion:
    now = timezone.now()
    if effective_from is not None and effective_from < now:
        raise ValidationError({"effective_from": _("This moment has passed.")})
    version.state, version.effective_from = "published", effective_from or now
    version.published_by, version.published_at = _person(actor), now
    return _save(version)


def _save(version: PlaybookVersion) -> PlaybookVersion:
    version.revision += 1
    version.save()
    return version


def _person(actor: Any) -> User | None:
    return actor if isinstance(actor, User) else None


def _ids(actor: Any) -> list[int]:
    return [actor.pk] if isinstance(actor, User) else []
