"""What the synthetic staff can do, and when they are on: two shifts a day that overlap by a quarter of an hour."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from agents.models import AgentSkill, Shift, Skill
from portal.models import RoleGrant

SKILLS_OF = {
    "agent": [("pap", 2), ("oxygen", 1)],
    "billing": [("billing", 3), ("pap", 1)],
    "clinician": [("clinical", 3), ("oxygen", 3), ("pap", 3)],
    "lead": [("billing", 2), ("clinical", 2), ("oxygen", 2), ("pap", 2), ("mobility", 2)],
    "intake": [("billing", 1)],
}
SPANISH_EVERY, DAYS = 3, 14
EARLY = (time(6, 45), timedelta(hours=8, minutes=30))
LATE = (time(15, 0), timedelta(hours=8, minutes=15))


def create_shifts(now: datetime) -> None:
    """Skills by role, Spanish for every third; shifts in turn, from yesterday on."""
    skills = {skill.code: skill for skill in Skill.objects.all()}
    grants = RoleGrant.objects.filter(role__in=SKILLS_OF).order_by("pk").values_list("user", "role")
    first = now.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)) - timedelta(days=1)
    for number, (user, role) in enumerate(grants):
        spanish = [("spanish", 3)] if number % SPANISH_EVERY == 0 else []
        AgentSkill.objects.bulk_create(
            AgentSkill(user_id=user, skill=skills[code], level=level)
            for code, level in SKILLS_OF[role] + spanish
        )
        begins, lasts = LATE if number % 2 else EARLY
        starts = [
            datetime.combine(first.date() + timedelta(days=day), begins, first.tzinfo) for day in range(DAYS)
        ]
        Shift.objects.bulk_create(Shift(user_id=user, start=start, end=start + lasts) for start in starts)
