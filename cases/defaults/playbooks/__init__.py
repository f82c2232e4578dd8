"""The fifteen playbooks a supplier begins with (R-CASE-2), each a file of this folder with its PLAYBOOK."""

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from cases.models import Playbook, Reason
from cases.playbook_versions import publish_ready_made


def written() -> list[dict[str, Any]]:
    """Every playbook of this folder, as ``writing.playbook`` builds it, by its code."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return sorted(
        (module.PLAYBOOK for module in modules if hasattr(module, "PLAYBOOK")), key=lambda one: one["code"]
    )


def install() -> int:
    """Add and publish those that are not there, and what is new in those that nobody has touched; how many.

    What somebody has changed stays as it is.
    """
    there = {playbook.code: playbook for playbook in Playbook.objects.all()}
    changed = [one for one in written() if one["code"] not in there or _is_behind(there[one["code"]], one)]
    for one in changed:
        playbook = there.get(one["code"]) or _added(one)
        publish_ready_made(playbook, one["content"])
    return len(changed)


def _added(one: dict[str, Any]) -> Playbook:
    playbook = Playbook.objects.create(code=one["code"], title=one["title"])
    playbook.reasons.set(Reason.objects.filter(code__in=one["reasons"]))
    return playbook


def _is_behind(playbook: Playbook, one: dict[str, Any]) -> bool:
    """Whether all there is came with the product, and the product says something else by now."""
    versions = list(playbook.versions.order_by("number"))
    if not versions or any(version.edited_by or version.state != "published" for version in versions):
        return False
    return bool(versions[-1].content != json.loads(json.dumps(one["content"])))
