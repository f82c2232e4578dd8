"""Reminding those who keep the register of complaints whose days run out, once a day by mail.

A complaint on a case has its clocks, which warn; one without a case has its dates alone.
"""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.models import Complaint
from config.business_day import business_day
from config.integrations import mail
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal.access import FLOOR, PERMISSIONS
from portal.models import User

FROM_HOUR = 8
AHEAD = timedelta(days=2)
KEPT = 2 * 24 * 3600
MOST_NAMED = 20


def remind() -> int:
    """Mail whoever took a complaint down, and all leads and supervisors; how many mails went out.

    Nobody hears twice on one day; what could not go is tried again with the next run.
    """
    if timezone.now().astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).hour < FROM_HOUR:
        return 0
    today = business_day()
    if not (due := waiting(today)):
        return 0
    floor = set(User.objects.holding(FLOOR).values_list("pk", flat=True))
    told = [
        (person, _of(person, due, floor)) for person in User.objects.holding(PERMISSIONS["complaints.work"])
    ]
    return sum(_tell(person, theirs, today) for person, theirs in told if theirs)


def waiting(today: date) -> list[Complaint]:
    """Complaints without a case of which a date comes within two days or has passed, the nearest first."""
    soon = today + AHEAD
    near = Q(state="received", acknowledge_by__lte=soon) | Q(state="acknowledged", answer_by__lte=soon)
    rows = Complaint.objects.filter(near, case=None).only(
        "number", "state", "acknowledge_by", "answer_by", "taken_by"
    )
    return list(rows.order_by("acknowledge_by", "pk"))


def _of(person: User, due: list[Complaint], floor: set[int]) -> list[Complaint]:
    return [one for one in due if person.pk in floor or one.taken_by_id == person.pk]


def _tell(person: User, due: list[Complaint], today: date) -> bool:
    mark = f"complaints-{today}-{person.ref}"
    if not cache.add(mark, 1, KEPT):
        return False
    try:
        mail.send(person.email, *_letter(due, today), key=mark)
    except (PartnerDown, PartnerRefuses):
        cache.delete(mark)
        return False
    return True


def _letter(due: list[Complaint], today: date) -> tuple[str, str]:
    """Numbers and dates: what was complained of and by whom takes signing in."""
    lines = [_line(one, today) for one in due[:MOST_NAMED]]
    if len(due) > MOST_NAMED:
        lines.append(_("and %(count)s more") % {"count": len(due) - MOST_NAMED})
    link = settings.PUBLIC_URL + reverse("agents:complaints")
    return _("Complaints whose days run out"), "\n".join([*lines, "", link])


def _line(one: Complaint, today: date) -> str:
    by = one.acknowledge_by if one.state == "received" else one.answer_by
    words = {
        ("received", False): _("%(number)s: acknowledge by %(day)s"),
        ("received", True): _("%(number)s: not acknowledged by %(day)s"),
        ("acknowledged", False): _("%(number)s: answer by %(day)s"),
        ("acknowledged", True): _("%(number)s: not answered by %(day)s"),
    }
    return words[one.state, by < today] % {"number": one.number, "day": by.isoformat()}
