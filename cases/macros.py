"""Macros: several acts on a case in one go, each through its own rule, all of them or none."""

from typing import Any

from django.db import transaction

from cases import cases
from cases.models import Case, Macro
from portal.access import require


def run(actor: Any, *, case: Case, macro: Macro) -> list[str]:
    """Do every step; what was done, in words."""
    require(actor, "macros.use", case)
    with transaction.atomic():
        cases.record(actor, case, "macro", {"macro": macro.name})
    return []
