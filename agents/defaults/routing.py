"""The skills, weights and ways of routing a supplier begins with. Teams pull until somebody chooses otherwise."""

from decimal import Decimal

from django.utils.translation import gettext_noop as _

from agents.models import ChannelLoad, RoutingRules, Skill, SkillDemand, TeamRouting
from cases.models import Team

SKILLS = {
    "billing": _("Billing and insurance"),
    "clinical": _("Clinical triage"),
    "spanish": _("Spanish"),
    "oxygen": _("Oxygen"),
    "pap": _("Sleep therapy"),
    "mobility": _("Beds and mobility"),
    "nebulizer": _("Nebulizers"),
    "breast_pump": _("Breast pumps"),
}
# skill, level, what asks for it, minutes until less is enough, and what is enough then
DEMANDS = [
    ("clinical", 2, {"family": "clinical"}, None, None),
    ("billing", 1, {"family": "billing"}, 30, None),
    ("spanish", 1, {"language": "es", "channel": "phone"}, 5, None),
    ("spanish", 1, {"language": "es", "channel": "chat"}, 5, None),
    ("oxygen", 1, {"product_line": "oxygen", "family": "warranty"}, 10, "clinical"),
    ("pap", 1, {"product_line": "cpap", "family": "warranty"}, 10, None),
    ("mobility", 1, {"product_line": "mobility", "family": "warranty"}, 10, None),
]
# channel, what one contact weighs, how much of it somebody carries at once
LOADS = [
    ("phone", "3", "3"),
    ("chat", "1", "3"),
    ("sms", "0.5", "3"),
    ("portal", "0.25", "5"),
    ("email", "0.25", "5"),
]


def install() -> int:
    """Add what is missing; rows that somebody changed stay as they are."""
    _rules, fresh = RoutingRules.objects.get_or_create(pk=1)
    return int(fresh) + _skills() + _demands() + _loads() + _teams()


def _skills() -> int:
    return sum(
        Skill.objects.get_or_create(code=code, defaults={"name": name})[1] for code, name in SKILLS.items()
    )


def _demands() -> int:
    """All or none: a demand has no name of its own by which one that was taken away could be told."""
    if SkillDemand.objects.exists():
        return 0
    skills = {skill.code: skill for skill in Skill.objects.all()}
    for code, level, named, minutes, wider in DEMANDS:
        SkillDemand.objects.create(
            skill=skills[code],
            level=level,
            wider_after=minutes,
            wider_skill=skills[wider] if wider else None,
            **named,
        )
    return len(DEMANDS)


def _loads() -> int:
    rows = {channel: (Decimal(cost), Decimal(capacity)) for channel, cost, capacity in LOADS}
    return sum(
        ChannelLoad.objects.get_or_create(channel=channel, defaults={"cost": cost, "capacity": capacity})[1]
        for channel, (cost, capacity) in rows.items()
    )


def _teams() -> int:
    return sum(TeamRouting.objects.get_or_create(team=team)[1] for team in [None, *Team.objects.all()])
