"""How playbooks go: by version, where people drop out, how long each step takes, what is skipped.

A run has dropped out where it was abandoned, or where nothing was done on it for IDLE. A step's time runs from
coming to it until it was answered or skipped.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.utils import timezone

from cases import playbook_content
from cases.models import Playbook, PlaybookRun, PlaybookVersion
from portal.access import require

IDLE = timedelta(days=14)
STEPS = """
    SELECT run.version_id, taken.step,
        count(*) FILTER (WHERE taken.outcome = 'done'),
        count(*) FILTER (WHERE taken.outcome = 'skipped'),
        count(*) FILTER (WHERE taken.outcome = 'skipped' AND taken.required),
        count(*) FILTER (WHERE taken.outcome = 'failed'),
        count(*) FILTER (WHERE taken.outcome = 'back'),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM taken.at - taken.began_at))
            FILTER (WHERE taken.outcome IN ('done', 'failed'))
    FROM cases_playbooksteptaken taken JOIN cases_playbookrun run ON run.id = taken.run_id
    WHERE run.playbook_id = %s GROUP BY run.version_id, taken.step
"""


@dataclass
class StepFigures:
    """``median_seconds`` is None where nobody has answered it yet; ``dropped`` are runs that ended here."""

    code: str
    title: str
    done: int = 0
    skipped: int = 0
    flagged: int = 0
    failed: int = 0
    back: int = 0
    dropped: int = 0
    median_seconds: float | None = None


@dataclass
class VersionFigures:
    version: PlaybookVersion
    started: int = 0
    done: int = 0
    abandoned: int = 0
    idle: int = 0
    steps: list[StepFigures] = field(default_factory=list)

    @property
    def dropped(self) -> int:
        return self.abandoned + self.idle

    @property
    def dropped_percent(self) -> int:
        return round(100 * self.dropped / self.started) if self.started else 0


def of(actor: Any, playbook: Playbook) -> list[VersionFigures]:
    """Each version that was ever run, the newest first."""
    require(actor, "admin.use")
    rows = {row["version"]: row for row in _runs(playbook)}
    versions = playbook.versions.filter(pk__in=rows).order_by("-number")
    steps, dropped = _steps(playbook), _dropped(playbook)
    return [_figures(version, rows[version.pk], steps, dropped) for version in versions]


def _idle() -> Q:
    return Q(state="running", step_since__lt=timezone.now() - IDLE)


def _runs(playbook: Playbook) -> Iterable[dict[str, Any]]:
    runs = PlaybookRun.objects.filter(playbook=playbook).values("version").order_by("version")
    found: Iterable[dict[str, Any]] = runs.annotate(
        started=Count("pk"),
        done=Count("pk", filter=Q(state="done")),
        abandoned=Count("pk", filter=Q(state="abandoned")),
        idle=Count("pk", filter=_idle()),
    )
    return found


def _steps(playbook: Playbook) -> dict[tuple[int, str], tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(STEPS, [playbook.pk])
        return {(row[0], row[1]): row[2:] for row in cursor.fetchall()}


def _dropped(playbook: Playbook) -> dict[tuple[int, str], int]:
    ended = PlaybookRun.objects.filter(Q(state="abandoned") | _idle(), playbook=playbook)
    rows = ended.values_list("version", "at_step").annotate(count=Count("pk")).order_by("version")
    return {(version, step): count for version, step, count in rows}


def _figures(
    version: PlaybookVersion,
    row: dict[str, Any],
    steps: dict[tuple[int, str], tuple[Any, ...]],
    dropped: dict[tuple[int, str], int],
) -> VersionFigures:
    names = ("done", "skipped", "flagged", "failed", "back", "median_seconds")
    written = playbook_content.read(version.content).steps.values()
    of_steps = [
        StepFigures(
            step.code,
            step.title,
            dropped=dropped.get((version.pk, step.code), 0),
            **dict(zip(names, steps.get((version.pk, step.code), ()), strict=False)),
        )
        for step in written
    ]
    counts = {name: row[name] for name in ("started", "done", "abandoned", "idle")}
    return VersionFigures(version, **counts, steps=of_steps)
