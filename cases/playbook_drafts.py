"""Parts of a draft put together and taken apart: each gives new content and leaves the old as it was."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.text import slugify
from django.utils.translation import gettext as _

Raw = Mapping[str, Any]


def with_header(raw: Raw, header: Raw, fields: Sequence[Raw], escalation: Sequence[Raw]) -> dict[str, Any]:
    """What stands above the steps."""
    return {**raw, **header, "fields": list(fields), "escalation": list(escalation)}


def step_of(raw: Raw, code: str) -> dict[str, Any] | None:
    return next((dict(step) for step in raw.get("steps", []) if step["code"] == code), None)


def with_step(raw: Raw, step: Raw) -> dict[str, Any]:
    """The step in the place of the one of its code, or at the end. The first step of all is where one begins."""
    steps = list(raw.get("steps", []))
    places = [place for place, one in enumerate(steps) if one["code"] == step["code"]]
    if places:
        steps[places[0]] = dict(step)
    else:
        steps.append(dict(step))
    return {**raw, "steps": steps, "first": raw.get("first") or steps[0]["code"]}


def new_code(raw: Raw, title: str) -> str:
    """A code for a new step, made of its title, that no other has."""
    begin = slugify(title).replace("-", "_")[:30] or "step"
    taken = {step["code"] for step in raw.get("steps", [])}
    tries = [begin, *(f"{begin}_{number}" for number in range(2, len(taken) + 3))]
    return next(code for code in tries if code not in taken)


def moved(raw: Raw, code: str, by: int) -> dict[str, Any]:
    """The step one place up (-1) or down (1), as far as there is one."""
    steps = list(raw.get("steps", []))
    place = _place(steps, code)
    to = min(max(place + by, 0), len(steps) - 1)
    steps.insert(to, steps.pop(place))
    return {**raw, "steps": steps}


def without_step(raw: Raw, code: str) -> dict[str, Any]:
    """Without a step that nothing leads to any more."""
    steps = list(raw.get("steps", []))
    place = _place(steps, code)
    leading = [step["title"] for step in steps if code in _ways(step) and step["code"] != code]
    if leading or raw.get("first") == code:
        words = _("Other steps lead here; change them first: %(titles)s.")
        raise ValidationError(words % {"titles": ", ".join(leading) or _("the beginning")})
    del steps[place]
    return {**raw, "steps": steps}


def _place(steps: list[Any], code: str) -> int:
    found = [place for place, step in enumerate(steps) if step["code"] == code]
    if not found:
        raise ValidationError(_("There is no such step."))
    return found[0]


def _ways(step: Raw) -> set[str]:
    return {step.get("next", ""), step.get("failed", ""), *(one["then"] for one in step.get("branches", []))}
