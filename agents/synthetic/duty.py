"""Who of the synthetic staff is on duty: a clinical rota day and night, and one of billing by day."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from agents.synthetic.staff import add_staff, email
from cases.models import PagingContact, Rota, RotaLayer, RotaMember, RotaRestriction
from portal.access import STAFF_REALM
from portal.models import User

MORE = {"clinician": ["Noor Clinician", "Terry Clinician"], "billing": ["Bo Billing"]}
PAGED = ("clinician", "billing", "lead", "supervisor")
WEEKDAYS = range(5)


def create_duty(now: datetime) -> None:
    """The demo's own clinician is on duty first in the week of ``now``."""
    people = {
        role: [
            _of_demo(role),
            *(add_staff(f"{role}{number}", name, role) for number, name in enumerate(names, 2)),
        ]
        for role, names in MORE.items()
    }
    for number, user in enumerate(_paged(people)):
        PagingContact.objects.create(user=user, phone=f"+1512555{100 + number:04d}")
    local = now.astimezone(ZoneInfo(settings.SUPPLIER_TIME_ZONE)).date()
    monday = local - timedelta(days=local.weekday() + 7 * 12)
    clinicians = people["clinician"]
    clinical, billing = (Rota.objects.get(code=code) for code in ("clinical", "billing"))
    _layer(clinical, "First", 1, monday, clinicians)
    _layer(clinical, "Second", 2, monday, clinicians[1:] + clinicians[:1])
    by_day = _layer(billing, "By day", 1, monday, people["billing"])
    for weekday in WEEKDAYS:
        RotaRestriction.objects.create(layer=by_day, weekday=weekday, from_time=time(8), until_time=time(18))


def _of_demo(role: str) -> User:
    found = User.objects.by_email(email(role), STAFF_REALM)
    assert found is not None  # noqa: S101 - made a moment ago
    return found


def _paged(people: dict[str, list[User]]) -> list[User]:
    return [user for role in PAGED for user in people.get(role) or [_of_demo(role)]]


def _layer(rota: Rota, name: str, rank: int, begins_on: date, people: list[User]) -> RotaLayer:
    """Weeks begin on Mondays at midnight: whoever comes first has the week of the demo."""
    layer = RotaLayer.objects.create(
        rota=rota, name=name, rank=rank, begins_on=begins_on, hand_over_at=time(0), turn_days=7
    )
    for place, user in enumerate(people, 1):
        RotaMember.objects.create(layer=layer, user=user, place=place)
    return layer
