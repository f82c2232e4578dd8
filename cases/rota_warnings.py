"""Telling the leads of times in which nobody will be on duty, once a day, before they come."""

from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import rota
from cases.models import Rota, RotaWarning
from cases.rota import Plan, Stretch
from config.integrations import mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal.models import User

MOST_NAMED = 20
FROM_HOUR = 8


def tell() -> int:
    """Mail every lead and supervisor the gaps of each rota, once a day; how many mails went out.

    What could not go today is tried again with the next run; a second run sends nothing twice.
    """
    now = timezone.now().astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE))
    if now.hour < FROM_HOUR:
        return 0
    sent = 0
    for plan in rota.plans(Rota.objects.filter(active=True)):
        if gaps := rota.gaps_ahead(plan):
            for person in User.objects.holding(["lead", "supervisor"]):
                sent += _tell(person, plan, gaps, now.date())
    return sent


def _tell(person: User, plan: Plan, gaps: list[Stretch], today: date) -> bool:
    with transaction.atomic():
        RotaWarning.objects.get_or_create(rota=plan.rota, person=person, on=today)
        unsent = RotaWarning.objects.select_for_update(skip_locked=True).filter(sent_at=None)
        warning = unsent.filter(rota=plan.rota, person=person, on=today).first()
        if warning is None:
            return False
        try:
            mail.send(person.email, *_letter(plan.rota, gaps))
        except (PartnerDown, PartnerRefuses):
            return False
        warning.sent_at = timezone.now()
        warning.save(update_fields=["sent_at"])
    return True


def _letter(of: Rota, gaps: list[Stretch]) -> tuple[str, str]:
    lines = [in_words(gap, of.time_zone) for gap in gaps[:MOST_NAMED]]
    if len(gaps) > MOST_NAMED:
        lines.append(_("and %(count)s more") % {"count": len(gaps) - MOST_NAMED})
    link = settings.PUBLIC_URL + reverse("agents:rota")
    head = _("Nobody is on duty in the rota %(rota)s:") % {"rota": of.name}
    return _("Gaps in the rota %(rota)s") % {"rota": of.name}, "\n".join([head, *lines, "", link])


def in_words(gap: Stretch, zone: str) -> str:
    """``Tue 3 Mar 03:00 to Tue 3 Mar 04:00 (America/Chicago)``."""
    local = ZoneInfo(zone)
    start, end = (moment.astimezone(local).strftime("%a %-d %b %H:%M") for moment in (gap.start, gap.end))
    return _("%(start)s to %(end)s (%(zone)s)") % {"start": start, "end": end, "zone": zone}
