"""Where a chain of escalation would reach nobody: said when it is saved, before anybody needs it."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from cases import paging, rota
from cases.models import EscalationPolicy, PolicyStep, Rota
from cases.rota import Plan, Stretch
from cases.rota_warnings import in_words
from portal.models import User

MOST_NAMED = 3
NEEDS_ROTA = {"on_duty": 1, "all_on_duty": 1, "backup": 2}  # how many people have to be on duty


def weak_points(policy: EscalationPolicy) -> list[str]:
    """What is wrong with each step in words; empty where every step reaches somebody."""
    steps = list(policy.steps.all())
    plan = rota.plan(policy.rota) if policy.rota else None
    found = [_("It has no step: every supervisor would be paged.")] if not steps else []
    for step in steps:
        if words := _weakness(step, plan):
            found.append(_("Step %(place)s: %(words)s") % {"place": step.place, "words": words})
    if not User.objects.holding(["supervisor"]).exists():
        found.append(_("There is no active supervisor, who is paged where nobody is on duty."))
    return found


def _weakness(step: PolicyStep, plan: Plan | None) -> str:
    if step.who in NEEDS_ROTA:
        return _off_duty(plan, NEEDS_ROTA[step.who]) if plan else _("no rota says who is on duty.")
    if paging.whom(step, None, timezone.now()):
        return ""
    return _("nobody of these can acknowledge a page.")


def _off_duty(plan: Plan, wanted: int) -> str:
    now = timezone.now()
    end = now + timedelta(days=plan.rota.warn_days)
    thin = [stretch for stretch in plan.stretches(now, end) if len(stretch.people) < wanted]
    gaps = rota.gaps_ahead(plan) if wanted == 1 else thin
    if not gaps:
        return ""
    named = named_gaps(plan.rota, gaps)
    return (_("nobody is on duty: %(gaps)s") if wanted == 1 else _("nobody stands behind: %(gaps)s")) % {
        "gaps": named
    }


def named_gaps(of: Rota, gaps: list[Stretch]) -> str:
    """The first few gaps in words, and how many more there are."""
    words = [in_words(gap, of.time_zone) for gap in gaps[:MOST_NAMED]]
    if len(gaps) > MOST_NAMED:
        words.append(_("and %(count)s more") % {"count": len(gaps) - MOST_NAMED})
    return "; ".join(words)
