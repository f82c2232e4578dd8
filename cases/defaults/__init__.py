"""What a supplier begins with here; see the command install_defaults."""

from collections.abc import Callable

from cases.defaults import clocks, escalation, playbooks, reasons, words

INSTALL: dict[str, Callable[[], int]] = {
    "teams, reasons and tags": reasons.install,
    "calendars and SLA policies": clocks.install,
    "rotas and escalation policies": escalation.install,
    "playbooks": playbooks.install,
    "words and survey": words.install,
}
