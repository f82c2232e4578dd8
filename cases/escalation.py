"""Handing a case up: who asked and why, who took it on, and what became of it. The only writer of escalations.

An escalation and its first pages are one transaction. It is never told the customer: no page, frame, copy or
notice of theirs reads these rows.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import belongings, calendars, cases, paging, telling
from cases.cases import Conflict
from cases.models import Case, Clock, Escalation, EscalationPolicy, Page
from cases.models.escalation import LANES, TIERS
from cases.people import shown_name
from config.business_day import zone_in_force
from config.security.normal import is_blank
from config.security.redaction import redact
from portal.access import System, allowed, require
from portal.models import User
from portal.npi import npi_ok

CLIMBER = System("forgotten cases")
LANE_NAMES = dict(LANES)
NEWS_TRAVELS = timedelta(minutes=2)
LOOKED_BACK = timedelta(hours=6)
PATIENCE = timedelta(minutes=15)


class NoPolicy(ValidationError):
    """No active policy says whom this lane calls."""


def escalate(
    actor: Any,
    *,
    case: Case,
    lane: str,
    why: str,
    symptoms: str = "",
    clinician: str = "",
    tier: int | None = None,
) -> Escalation:
    """Hand a case up a lane (specialist, clinical, manager) and page whom its policy names.

    A clinical one that runs already is told of other symptoms, and pages anew. Raises ValidationError in words:
    nothing said, a clinical one without symptoms, one that runs already and heard nothing new.
    """
    require(actor, "cases.escalate", case)
    _refuse_half_said(lane, why, symptoms, tier)
    clinician = clinician_id(clinician)
    with transaction.atomic():
        case = cases.raise_tier(actor, case=case, tier=tier or TIERS[lane])
        running = Escalation.objects.live().filter(case=case, lane=lane).first()
        if running is not None:
            return _grown_worse(actor, _locked(running), why, symptoms, clinician)
        escalation = _open(actor, case, policy_for(lane, case), tier or TIERS[lane], redact(why.strip()).text)
        escalation.symptoms, escalation.clinician = redact(symptoms.strip()).text, clinician
        escalation.save()
        cases.record(actor, case, "escalated", {"to": str(LANE_NAMES[lane]), "tier": escalation.tier})
        telling.tell([case.owner_id] if case.owner_id else [], case_id=case.pk, kind="escalated", by=actor.pk)
        paging.begin(escalation)
    return escalation


def _refuse_half_said(lane: str, why: str, symptoms: str, tier: int | None) -> None:
    wrong: dict[str, Any] = {}
    if lane not in TIERS:
        wrong["lane"] = _("Choose who is called.")
    if tier not in (None, 2, 3):
        wrong["lane"] = _("A case is handed up to tier 2 or 3.")
    if is_blank(why):
        wrong["why"] = _("Say why.")
    if lane == "clinical" and is_blank(symptoms):
        wrong["symptoms"] = _("Write down the symptoms: whoever is called decides by them.")
    if wrong:
        raise ValidationError(wrong)


def clinician_id(said: str) -> str:
    """An NPI, or ``staff-<number>`` of one of ours by their id. Raises ValidationError in words."""
    said = said.strip()
    if not said or npi_ok(said):
        return said
    if said.isdecimal():
        raise ValidationError({"clinician": _("This is not an NPI: its check digit does not fit.")})
    ours = User.objects.filter(ref=said, realm="staff").first() if len(said) == 36 else None
    if ours is None or not is_clinician(ours):
        raise ValidationError({"clinician": _("Give an NPI of ten digits, or choose one of our clinicians.")})
    return f"staff-{ours.pk}"


def policy_for(lane: str, case: Case) -> EscalationPolicy:
    """The lane's policy for the family of the case's reason, or its general one."""
    policy = _policy(lane, case)
    if policy is None:
        raise NoPolicy(
            {"lane": _("Nobody is named for this yet. A supervisor sets up the escalation policy.")}
        )
    return policy


def _policy(lane: str, case: Case) -> EscalationPolicy | None:
    family = case.reason.family if case.reason else ""
    found = EscalationPolicy.objects.filter(lane=lane, active=True, family__in={"", family})
    return found.order_by("-family").first()


def _grown_worse(actor: Any, held: Escalation, why: str, symptoms: str, clinician: str) -> Escalation:
    """What is felt now stands below what was felt before, and whoever has it is called again."""
    said = redact(symptoms.strip()).text
    if not is_news(held, symptoms):
        at = _time(held.opened_at)
        raise ValidationError({"lane": _("This has been escalated there already, at %(at)s.") % {"at": at}})
    at = _time(timezone.now())
    held.symptoms, held.why = f"{held.symptoms}\n{at} {said}", f"{held.why}\n{at} {redact(why.strip()).text}"
    held.clinician = held.clinician or clinician
    had = held.acknowledged_by_id
    held.state, held.acknowledged_by, held.acknowledged_at, held.acknowledged_through = (
        "paging",
        None,
        None,
        "",
    )
    held.save()
    cases.record(actor, held.case, "escalated", {"to": _("other symptoms"), "tier": held.tier})
    telling.tell(
        [held.case.owner_id] if held.case.owner_id else [],
        case_id=held.case_id,
        kind="escalated",
        by=actor.pk,
    )
    paging.call_back(held, had)
    return held


def is_news(escalation: Escalation, symptoms: str) -> bool:
    """Whether whoever is called by a clinical escalation has not been told of these symptoms."""
    said = redact(symptoms.strip()).text
    return escalation.lane == "clinical" and not is_blank(said) and said not in escalation.symptoms


def _time(moment: datetime) -> str:
    return moment.astimezone(zone_in_force()).strftime("%H:%M")


def _open(actor: Any, case: Case, policy: EscalationPolicy, tier: int, why: str) -> Escalation:
    now = timezone.now()
    person = actor if isinstance(actor, User) else None
    return Escalation(
        case=case,
        policy=policy,
        lane=policy.lane,
        tier=tier,
        why=why,
        opened_by=person,
        opened_by_name="" if person else getattr(actor, "name", "")[:40],
        opened_at=now,
        acknowledge_by=_after(policy, now, policy.acknowledge_minutes),
        due_at=_after(policy, now, policy.resolve_minutes),
    )


def _after(policy: EscalationPolicy, start: datetime, minutes: int) -> datetime:
    if policy.around_the_clock:
        return start + timedelta(minutes=minutes)
    return calendars.add(calendars.supplier(), start, minutes)


# --- taken on, ended -----------------------------------------------------------------------------------
def acknowledge(
    actor: Any,
    *,
    escalation: Escalation,
    through: str = "console",
    page: Page | None = None,
    take_over: bool = False,
) -> Escalation:
    """Take an escalation on: the paging stops. Conflict names whoever was faster; twice is once.

    Of a clinical one only a clinician is the clinician on record. Anybody else's answer settles their own pages,
    and clinicians are called on (it stays ``paging``), unless they take it over in their own name.
    """
    require(actor, "pages.acknowledge", escalation)
    with transaction.atomic():
        held = _locked(escalation)
        if not _may_take(actor, held):
            raise PermissionDenied("pages.acknowledge")
        if held.state == "acknowledged" and held.acknowledged_by_id == actor.pk:
            return held
        _refuse_taken(held)
        if not take_over and wants_clinician(held) and not is_clinician(actor):
            if paging.heard(held, by=actor, through=through, page=page):
                cases.record(actor, held.case, "acknowledged", {"to": str(LANE_NAMES[held.lane])})
            return held
        now = timezone.now()
        held.state, held.acknowledged_by, held.acknowledged_at = "acknowledged", actor, now
        held.acknowledged_through, held.next_step_at = through, None
        if held.lane == "clinical" and not held.clinician and is_clinician(actor):
            held.clinician = f"staff-{actor.pk}"
        held.save()
        paging.stop(held, by=actor, through=through, page=page)
        cases.record(actor, held.case, "acknowledged", {"to": str(LANE_NAMES[held.lane])})
    return held


def wants_clinician(escalation: Escalation) -> bool:
    """Whether it calls clinicians and nobody has taken it on. Once somebody had, anybody's answer to the call that
    its time is over will do."""
    return escalation.lane == "clinical" and escalation.acknowledged_by_id is None


def is_clinician(user: User) -> bool:
    return "clinician" in user.role_names()


def _may_take(actor: Any, escalation: Escalation) -> bool:
    """Whoever was paged, and whoever runs the floor."""
    return allowed(actor, "floor.manage") or escalation.pages.filter(person_id=actor.pk).exists()


def _refuse_taken(escalation: Escalation) -> None:
    if escalation.state == "paging":
        return
    by = escalation.acknowledged_by or escalation.ended_by
    at = escalation.ended_at or escalation.acknowledged_at or escalation.opened_at
    raise Conflict(shown_name(by) if by else "", escalation.state, at)


def resolve(actor: Any, *, escalation: Escalation, outcome: str) -> Escalation:
    """Done: what was decided stays on record."""
    return _end(actor, escalation, "resolved", outcome, _("Say what was decided."))


def stand_down(actor: Any, *, escalation: Escalation, outcome: str) -> Escalation:
    """Not needed after all, and why."""
    return _end(actor, escalation, "stood_down", outcome, _("Say why it is not needed."))


def _end(actor: Any, escalation: Escalation, state: str, outcome: str, missing: str) -> Escalation:
    require(actor, "cases.escalate", escalation)
    if is_blank(outcome):
        raise ValidationError({"outcome": missing})
    with transaction.atomic():
        held = _locked(escalation)
        if held.state not in Escalation.LIVE:
            _refuse_taken(held)
        if not _may_end(actor, held):
            raise PermissionDenied("cases.escalate")
        held.state, held.ended_at, held.next_step_at = state, timezone.now(), None
        held.ended_by = actor if isinstance(actor, User) else None
        held.outcome = redact(outcome.strip()).text
        held.save()
        paging.stop(held)
        cases.record(actor, held.case, "escalated", {"to": str(held.get_state_display())})
    return held


def _may_end(actor: Any, escalation: Escalation) -> bool:
    """Whoever asked, took it on or was paged, the floor, and the system."""
    theirs = {escalation.opened_by_id, escalation.acknowledged_by_id}
    return isinstance(actor, System) or actor.pk in theirs or _may_take(actor, escalation)


def _locked(escalation: Escalation) -> Escalation:
    """Without joins: what stands beside a row that was waited for would be as it was before the wait."""
    held: Escalation = Escalation.objects.select_for_update(no_key=True).get(pk=escalation.pk)
    return held


# --- climbing by itself --------------------------------------------------------------------------------
def climb(case_id: int, *, clock: str) -> Escalation | None:
    """A clock of the case ran out: one tier up, where the policy there climbs on this kind. Twice is once.

    Where no policy names anybody for the next tier, the one above it is asked; whom a manager was done with
    goes to a manager again when another promise passes.
    """
    case = Case.objects.select_related("reason").filter(pk=case_id).exclude(state="closed").first()
    if case is None or _just_ran_out(case, clock):
        return None
    lane = _above(case)
    if not lane or (case.tier >= TIERS["manager"] and _has_gone_up(case, clock)):
        return None
    return _by_itself(case, lane, _("A promised time has passed without an answer."), clock)


def broken(case_id: int, *, why: str) -> Escalation | None:
    """A promise that no clock measures was not kept: up, as ``climb`` goes; nothing where nobody is named there."""
    case = Case.objects.select_related("reason").filter(pk=case_id).exclude(state="closed").first()
    lane = _above(case) if case else ""
    return _by_itself(case, lane, why) if case and lane else None


def _above(case: Case) -> str:
    """The next lane up for which a policy names somebody, if there is one."""
    above = ["specialist", "manager"] if case.tier < TIERS["specialist"] else ["manager"]
    return next((lane for lane in above if _policy(lane, case)), "")


def _just_ran_out(case: Case, clock: str) -> bool:
    """A promise of seconds that passed a moment ago: late, and its lead was told, but not forgotten yet."""
    just = Q(breached_at__gt=timezone.now() - PATIENCE, within__lt=PATIENCE)
    return Clock.objects.filter(just, case=case, kind=clock, state="running").exists()


def _has_gone_up(case: Case, clock: str) -> bool:
    """Whether a manager was called since this clock ran out."""
    ran_out = Clock.objects.filter(case=case, kind=clock).aggregate(last=Max("breached_at"))["last"]
    called = case.escalations.filter(lane="manager")
    return ran_out is not None and called.filter(opened_at__gte=ran_out).exists()


def forgotten() -> list[tuple[int, str]]:
    """Cases and the kind of the clock that ran out on them, which have not gone up since: what a node that
    died with the news in hand left behind, and promises of seconds by now long passed."""
    taken = EscalationPolicy.objects.filter(active=True).values_list("climbs_on", flat=True)
    kinds = {kind for climbs_on in taken for kind in climbs_on}
    now = timezone.now()
    late = Clock.objects.filter(breached_at__range=(now - LOOKED_BACK, now - NEWS_TRAVELS), state="running")
    late = late.exclude(breached_at__gt=now - PATIENCE, within__lt=PATIENCE)
    since = Escalation.objects.filter(case=OuterRef("case"), opened_at__gte=OuterRef("breached_at"))
    with_manager = Escalation.objects.live().filter(case=OuterRef("case"), lane="manager")
    left = late.filter(kind__in=kinds).exclude(Exists(since)).exclude(Exists(with_manager))
    return list(left.order_by("breached_at").values_list("case", "kind")[: paging.AT_ONCE])


def _by_itself(case: Case, lane: str, why: str, clock: str = "") -> Escalation | None:
    if Escalation.objects.live().filter(case=case, lane=lane).exists():
        return None
    try:
        if clock and clock not in policy_for(lane, case).climbs_on:
            return None
        return escalate(CLIMBER, case=case, lane=lane, why=why)
    except ValidationError:
        return None  # no policy names anybody, or a colleague was faster


def running_out() -> list[int]:
    """Escalations whose own time is over and was not acted upon yet."""
    over = Escalation.objects.live().filter(due_at__lte=timezone.now(), overdue_at=None)
    return list(over.order_by("due_at").values_list("pk", flat=True)[: paging.AT_ONCE])


def run_out(escalation_id: int) -> bool:
    """The time of an escalation is over: it goes on to the manager, and there to every supervisor.

    A clinical one calls the supervisors itself, whoever has it and whatever else a manager has of the case, and
    then its whole chain, until somebody acknowledges it anew.
    """
    with transaction.atomic():
        rows = Escalation.objects.live().select_related("case__reason", "policy").filter(overdue_at=None)
        try:
            escalation = belongings.held(rows.filter(pk=escalation_id, due_at__lte=timezone.now()))
        except Escalation.DoesNotExist:
            return False
        escalation.overdue_at = timezone.now()
        escalation.save(update_fields=["overdue_at"])
        cases.record(CLIMBER, escalation.case, "escalated", {"to": _("time is over")})
        up = None
        if escalation.lane != "manager":
            up = _by_itself(escalation.case, "manager", _("An escalation was not resolved in time."))
        if escalation.lane == "clinical":
            paging.call_anew(escalation, paging.supervisors())
        elif up is None:
            paging.call_once(escalation, paging.supervisors())
    return True


def case_closed(case_id: int) -> int:
    """What a closed case no longer needs is stood down; a clinical page goes on until a clinician has it."""
    left = Escalation.objects.live().filter(case_id=case_id)
    ended = left.exclude(lane="clinical", state="paging", acknowledged_by=None)
    for escalation in ended:
        stand_down(CLIMBER, escalation=escalation, outcome=_("The case was closed."))
    return len(ended)
