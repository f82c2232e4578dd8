"""Words kept ready are versioned: each save stays, with who made it. The one writer of them.

``CHECKS`` is the registry: a subject adds what must be true of its words before they are saved.
"""

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.forms.models import model_to_dict
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Team, WordsVersion
from cases.models.words import Words
from portal.access import require

NOT_CONTENT = ("id", "used", "version")
CHECKS: dict[type[Words], Callable[[Any], None]] = {}


def check(words: Words) -> None:
    """Raise ValidationError, by field, for words that can't be used as they are."""
    CHECKS[type(words)](words)


def keep(actor: Any, words: Words, *, permission: str = "canned.manage") -> Words:
    """Save new or changed words as their next version."""
    require(actor, permission)
    check(words)
    with transaction.atomic():
        last = _last(words) if words.pk else None
        content = _content(words)
        if last is not None and last.content == content:
            return words
        words.version = last.number + 1 if last else 1
        words.save()
        _add_version(actor, words, _content(words))
    return words


def _last(words: Words) -> WordsVersion | None:
    type(words)._default_manager.select_for_update(of=("self",)).get(pk=words.pk)
    newest: WordsVersion | None = versions(words).first()
    return newest


def versions(words: Words) -> Any:
    """Every version of some words, the newest first."""
    return WordsVersion.objects.filter(what=_what(words), of=words.pk).order_by("-number")


def _what(words: Words) -> str:
    return str(words._meta.model_name)


def _content(words: Words) -> dict[str, Any]:
    names = [field.name for field in words._meta.concrete_fields if field.name not in NOT_CONTENT]
    return model_to_dict(words, fields=names)


def _add_version(actor: Any, words: Words, content: dict[str, Any]) -> None:
    saved_by = actor if actor.pk else None
    WordsVersion.objects.create(
        what=_what(words), of=words.pk, number=words.version, content=content, saved_by=saved_by
    )


# --- what several subjects ask -----------------------------------------------------------------------
def refuse(**wrong: Any) -> None:
    """Raise ValidationError with those of the texts that are not None, each at its field."""
    if found := {name: text for name, text in wrong.items() if text}:
        raise ValidationError(found)


def channels_wrong(channels: Any) -> Any:
    known = dict(Case._meta.get_field("channel").flatchoices)
    if not isinstance(channels, list) or any(channel not in known for channel in channels):
        return _("Channels are a list out of: %(known)s.") % {"known": ", ".join(known)}
    return None


def fits(words: Any, *, channel: str, teams: set[int]) -> bool:
    """Whether words are for this channel and for one of these teams. Their teams are prefetched."""
    if words.channels and channel not in words.channels:
        return False
    wanted = {team.pk for team in words.teams.all()}
    return not wanted or bool(wanted & teams)


def teams_of(actor: Any, case: Case | None = None) -> set[int]:
    """The teams whose words an actor may use on a case: their own, and the case's."""
    mine: Iterable[int] = Team.objects.filter(members=actor.pk).values_list("pk", flat=True)
    return {*mine, *([case.team_id] if case is not None and case.team_id else [])}


def in_language(found: Iterable[Any], wanted: str, name: str) -> list[Any]:
    """Of words in several languages those in ``wanted``, English where there are none. ``name``: their code."""
    rows = list(found)
    spoken = {getattr(row, name) for row in rows if row.language == wanted}
    return [row for row in rows if row.language == wanted or getattr(row, name) not in spoken]


def language_of(case: Case) -> str:
    """What the case's customer reads."""
    return str(case.patient.language) if case.patient else "en"
