"""The fifteen playbooks a supplier begins with (R-CASE-2), each a file of this folder with its PLAYBOOK."""

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
    """Add and publish those that are not there; how many. What somebody has changed stays as it is."""
    there = set(Playbook.objects.values_list("code", flat=True))
    new = [one for one in written() if one["code"] not in there]
    for one in new:
        playbook = Playbook.objects.create(code=one["code"], title=one["title"])
        playbook.reasons.set(Reason.objects.filter(code__in=one["reasons"]))
        publish_ready_made(playbook, one["content"])
    return len(new)
