"""Playbooks worked on cases: one step at a time, by whoever has the run in hand. The only writer of runs.

A run keeps the version it began with. ``revision`` is the one its agent saw: where somebody was faster,
``Conflict`` says who, and nothing of theirs is lost. What a step asks for is kept encrypted; each step done,
skipped or gone back from is a row that tells who, when and how it was decided. Knows no page: the console,
and whoever runs a playbook later, call the same functions.
"""

from collections.abc import Mapping
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import belongings, escalation, playbook_content, playbook_values
from cases.cases import Conflict, record
from cases.models import Case, Escalation, Playbook, PlaybookRun, PlaybookStepTaken, PlaybookVersion
from cases.people import shown_name
from cases.playbook_actions import ACTIONS, Action, register
from cases.playbook_content import Branch, Content, Field, Step
from config.security.redaction import redact
from portal import verification
from portal.access import require
from portal.models import User

__all__ = ["ACTIONS", "Action", "Conflict", "register"]


# --- which ones there are ----------------------------------------------------------------------------
def in_force(playbook: Playbook) -> PlaybookVersion | None:
    """The version that new runs begin with now."""
    published = playbook.versions.filter(state="published", effective_from__lte=timezone.now())
    return published.order_by("-effective_from", "-number").first()


def offered(actor: Any, case: Case) -> list[Playbook]:
    """Playbooks that can be started, those for the case's reason first."""
    require(actor, "playbooks.run", case)
    found = Playbook.objects.filter(
        active=True, versions__state="published", versions__effective_from__lte=timezone.now()
    ).distinct()
    fitting = (
        set(found.filter(reasons=case.reason_id).values_list("pk", flat=True)) if case.reason_id else set()
    )
    return sorted(found, key=lambda playbook: (playbook.pk not in fitting, playbook.title))


def runs_of(actor: Any, case: Case) -> QuerySet[PlaybookRun]:
    """The case's runs, the newest first."""
    found = PlaybookRun.objects.visible_to(actor).filter(case=case)
    return found.select_related("playbook", "version", "agent").order_by("-started_at", "-pk")


def standing(case: Case) -> list[PlaybookRun]:
    """What runs on a case now, the newest first."""
    running = PlaybookRun.objects.filter(case=case, state="running")
    return list(running.select_related("playbook", "version", "agent").order_by("-started_at", "-pk"))


def content_of(run: PlaybookRun) -> Content:
    return playbook_content.read(run.version.content)


# --- what is done ------------------------------------------------------------------------------------
def start(actor: Any, *, case: Case, playbook: Playbook) -> PlaybookRun:
    """Begin a playbook on a case; where it runs already, that run goes on."""
    require(actor, "playbooks.run", case)
    with transaction.atomic():
        locked = Case.objects.select_for_update(no_key=True, of=("self",)).get(pk=case.pk)
        running = PlaybookRun.objects.filter(case=locked, playbook=playbook, state="running")
        if found := running.first():
            return cast(PlaybookRun, found)
        if locked.state == "closed":
            raise ValidationError(_("This case is closed: open it again first."))
        version = in_force(playbook)
        if version is None or not playbook.active:
            raise ValidationError(_("This playbook has no version in force."))
        run = PlaybookRun.objects.create(
            case=locked,
            playbook=playbook,
            version=version,
            agent=_person(actor),
            at_step=playbook_content.read(version.content).first,
        )
        record(actor, locked, "playbook", {"to": playbook.title, "what": "started"})
        return run


def answer(
    actor: Any,
    *,
    run: PlaybookRun,
    revision: int,
    values: Mapping[str, Any] | None = None,
    failed: bool = False,
) -> PlaybookRun:
    """Finish the step at hand: keep what was collected, do what it does, go on to where that leads.

    ``failed`` takes a verification step's other way. It is passed by the standing of the caller alone:
    NotVerified where that does not reach the step's level.
    """
    with transaction.atomic():
        run, content, step = _at(actor, run, revision)
        if failed:
            return _fail(actor, run, content, step)
        require_level(actor, run, step)
        asked = [content.fields[name] for name in step.fields]
        collected = playbook_values.clean_all(asked, _with_hidden(asked, values or {}, run), run.case)
        run.collected = {**run.collected, **collected}
        act(actor, run, step)
        to, branch = content.onward(step, run.collected)
        _keep(actor, run, step, "done", to=to, decision=_decided(content, branch), values=collected)
        return _go(actor, run, step, to)


def _with_hidden(asked: list[Field], values: Mapping[str, Any], run: PlaybookRun) -> dict[str, Any]:
    """What is on record and may not be shown need not be typed anew when one comes by again."""
    kept = {field.name: run.collected.get(field.name, "") for field in asked if field.phi}
    return {**values, **{name: old for name, old in kept.items() if old and not values.get(name)}}


def _fail(actor: Any, run: PlaybookRun, content: Content, step: Step) -> PlaybookRun:
    if step.kind != "verify":
        raise ValidationError(_("Only a verification can fail."))
    _keep(actor, run, step, "failed", to=step.failed)
    return _go(actor, run, step, step.failed)


def skip(actor: Any, *, run: PlaybookRun, revision: int, reason: str) -> PlaybookRun:
    """Pass over the step at hand and say why. A verification can't be passed over, nor can the end."""
    reason = _said_why(reason)
    with transaction.atomic():
        run, content, step = _at(actor, run, revision)
        if step.kind in {"verify", "close"}:
            raise ValidationError(_("This step can't be skipped."))
        to, branch = content.onward(step, run.collected)
        _keep(actor, run, step, "skipped", to=to, reason=reason, decision=_decided(content, branch))
        return _go(actor, run, step, to)


def back(actor: Any, *, run: PlaybookRun, revision: int) -> PlaybookRun:
    """To the step before. What was collected stays, and what was set going is not done again."""
    with transaction.atomic():
        run, _content, step = _at(actor, run, revision)
        if not run.path:
            raise ValidationError(_("This is the first step."))
        to = run.path[-1]
        _keep(actor, run, step, "back", to=to)
        run.path = run.path[:-1]
        return _save(run, to)


def take_over(actor: Any, *, run: PlaybookRun, revision: int) -> PlaybookRun:
    """Go on with a run that somebody else had in hand."""
    with transaction.atomic():
        run, _content, step = _at(actor, run, revision, anybodys=True)
        if run.agent_id == actor.pk:
            return run
        was = shown_name(run.agent) if run.agent else ""
        _keep(actor, run, step, "taken_over", to=step.code, decision=was)
        run.agent = actor
        record(actor, run.case, "playbook", {"to": run.playbook.title, "what": "taken over"})
        return _save(run, step.code, anew=False)


def abandon(actor: Any, *, run: PlaybookRun, revision: int, reason: str) -> PlaybookRun:
    """End a run before its end, and say why."""
    reason = _said_why(reason)
    with transaction.atomic():
        run, _content, step = _at(actor, run, revision, anybodys=True)
        _keep(actor, run, step, "abandoned", reason=reason)
        run.end_reason = reason
        return _end(actor, run, "abandoned")


def require_level(actor: Any, run: PlaybookRun, step: Step) -> None:
    """Raise NotVerified unless the caller's standing on this case reaches what ``step`` demands."""
    if level_of(actor, run) < step.level:
        raise verification.NotVerified(_("The caller is not verified for this step."))


def level_of(actor: Any, run: PlaybookRun) -> int:
    return standing_of(actor, run).level


def standing_of(actor: Any, run: PlaybookRun) -> verification.Standing:
    """Where the caller stands on the run's case; a guest nobody knows stands nowhere."""
    if run.case.patient is None:
        return verification.Standing()
    return verification.standing(actor, run.case.patient, purpose=f"case:{run.case_id}")


# --- underneath --------------------------------------------------------------------------------------
def act(actor: Any, run: PlaybookRun, step: Step) -> None:
    """Do what the step sets going, once in a run however often one comes back to it."""
    if step.code in run.acted:
        return
    if step.kind == "escalate":
        run.acted = {**run.acted, step.code: _escalate(actor, run, step)}
    elif step.action and (does := ACTIONS[step.action]).run is not None:
        run.acted = {
            **run.acted,
            step.code: does.run(actor, case=run.case, values=run.collected, told=told(run)),
        }


def told(run: PlaybookRun) -> str:
    """What a run has collected, in words: a line for each field, below the playbook's name.

    It is read on other cases, by those who verified nobody: what is PHI stays hidden, and the run is named where
    it opens by level.
    """
    fields = content_of(run).fields
    known = [(fields[name], value) for name, value in run.collected.items() if value and name in fields]
    lines = [f"{field.label}: {_open_to_all(field, value)}" for field, value in known]
    if any(field.phi for field, _value in known):
        words = _(
            "What is hidden here opens in the playbook on case %(number)s, to those who verified the caller."
        )
        lines.append(words % {"number": run.case.number})
    return "\n".join([run.playbook.title, *lines])


def _open_to_all(field: Field, value: str) -> str:
    return playbook_values.HIDDEN if field.phi else playbook_values.shown(field, value)


def _escalate(actor: Any, run: PlaybookRun, step: Step) -> str:
    made = Escalation.objects.live().filter(case=run.case, lane=step.lane).first()
    symptoms = run.collected.get("symptoms", "")
    if made is None or escalation.is_news(made, symptoms):
        made = escalation.escalate(
            actor,
            case=run.case,
            lane=step.lane,
            why=f"{run.playbook.title}: {step.title}",
            symptoms=symptoms,
            clinician=run.collected.get("clinician", ""),
        )
    return _("Escalated to %(lane)s, tier %(tier)d") % {"lane": made.get_lane_display(), "tier": made.tier}


def _at(
    actor: Any, run: PlaybookRun, revision: int, *, anybodys: bool = False
) -> tuple[PlaybookRun, Content, Step]:
    """The run under lock as its agent saw it, with the step it stands at."""
    require(actor, "playbooks.run", run)
    rows = PlaybookRun.objects.select_related("case__patient", "playbook", "version", "agent")
    fresh: PlaybookRun = belongings.held(rows.filter(pk=run.pk))
    if fresh.revision != revision:
        raise _conflict(fresh)
    if fresh.state != "running":
        raise ValidationError(_("This playbook has ended."))
    if not anybodys and fresh.agent_id not in (None, actor.pk):
        words = _("%(who)s has this playbook in hand: take it over first.")
        raise ValidationError(words % {"who": shown_name(fresh.agent)})
    content = content_of(fresh)
    return fresh, content, content.steps[fresh.at_step]


def _conflict(run: PlaybookRun) -> Conflict:
    last = run.taken.select_related("actor").order_by("-at", "-pk").first()
    if last is None:
        return Conflict("", "playbook", run.started_at)
    return Conflict(shown_name(last.actor) if last.actor else "", "playbook", last.at)


def _keep(actor: Any, run: PlaybookRun, step: Step, outcome: str, *, to: str = "", **told: Any) -> None:
    PlaybookStepTaken.objects.create(
        run=run,
        step=step.code,
        outcome=outcome,
        required=step.required,
        to_step=to,
        actor=_person(actor),
        began_at=run.step_since,
        **told,
    )


def _go(actor: Any, run: PlaybookRun, step: Step, to: str) -> PlaybookRun:
    run.path = [*run.path, step.code]
    return _save(run, to) if to else _end(actor, run, "done")


def _save(run: PlaybookRun, to: str, *, anew: bool = True) -> PlaybookRun:
    run.at_step, run.revision = to, run.revision + 1
    run.step_since = timezone.now() if anew else run.step_since
    run.save()
    return run


def _end(actor: Any, run: PlaybookRun, state: str) -> PlaybookRun:
    run.state, run.ended_at = state, timezone.now()
    record(actor, run.case, "playbook", {"to": run.playbook.title, "what": state})
    return _save(run, run.at_step, anew=False)


def _decided(content: Content, branch: Branch | None) -> str:
    if branch is None:
        return ""
    return (branch.words or playbook_content.all_of(branch.when, content.fields))[:200]


def _said_why(reason: str) -> str:
    words = redact(reason.strip()[:400]).text
    if not words:
        raise ValidationError({"reason": _("Say why.")})
    return words


def _person(actor: Any) -> User | None:
    return actor if isinstance(actor, User) else None
