"""Rotas, chains and the people in them, as small as a test needs them."""

from datetime import date, time
from typing import Any

from django.utils import timezone

from cases.models import (
    Case,
    Escalation,
    EscalationPolicy,
    Page,
    PagingContact,
    PolicyStep,
    Rota,
    RotaLayer,
    RotaMember,
    RotaRestriction,
)
from config.integrations import mail, sms, telephony
from portal.models import User
from tests.factories import CaseFactory, UserFactory

CHICAGO = "America/Chicago"


def clinician(name: str = "Cleo Clinic", **kwargs: Any) -> User:
    """Somebody who may be paged, with a number of their own."""
    user: User = UserFactory(roles=kwargs.pop("roles", ["clinician"]), display_name=name, **kwargs)
    PagingContact.objects.create(user=user, phone=f"+1512555{user.pk % 10_000:04d}")
    return user


def rota(code: str = "clinical", zone: str = CHICAGO) -> Rota:
    return Rota.objects.create(code=code, name=code.title(), time_zone=zone)


def layer(of: Rota, *people: User, **values: Any) -> RotaLayer:
    """A layer whose people hand over each week on Mondays at eight, unless said otherwise."""
    usual = {"name": "First", "begins_on": date(2026, 1, 5), "hand_over_at": time(8), "turn_days": 7}
    made = RotaLayer.objects.create(rota=of, **(usual | values))
    for place, person in enumerate(people, 1):
        RotaMember.objects.create(layer=made, user=person, place=place)
    return made


def serves(of: RotaLayer, start: str, end: str, weekday: int | None = None) -> RotaRestriction:
    return RotaRestriction.objects.create(
        layer=of, weekday=weekday, from_time=time.fromisoformat(start), until_time=time.fromisoformat(end)
    )


def policy(lane: str = "clinical", of: Rota | None = None, *steps: dict[str, Any], **values: Any) -> Any:
    """A chain: by default whoever is on duty by text, then whoever stands behind them, ten minutes each."""
    made = EscalationPolicy.objects.create(
        code=values.pop("code", f"{lane}-{values.get('family', '')}"),
        name=lane.title(),
        lane=lane,
        rota=of,
        **values,
    )
    chain = steps or ({"who": "on_duty"}, {"who": "backup"})
    for place, step in enumerate(chain, 1):
        PolicyStep.objects.create(policy=made, place=place, **({"channels": ["console", "sms"]} | step))
    return made


def clinical_desk() -> tuple[User, User, EscalationPolicy]:
    """Two clinicians, one behind the other, and the chain that calls them."""
    first, second = clinician("Cleo Clinic"), clinician("Dana Second")
    of = rota()
    layer(of, first)
    layer(of, second, name="Second", rank=2)
    return first, second, policy("clinical", of)


def open_case(**kwargs: Any) -> Case:
    case: Case = CaseFactory(state="open", **kwargs)
    return case


def busy_night(case: Case, rows: int) -> None:
    """A rota of so many layers with so many people, and as many escalations of one case, each with pages."""
    of = rota(f"night-{case.pk}")
    for rank in range(1, rows + 1):
        serves(layer(of, *(UserFactory(roles=["clinician"]) for _ in range(2)), rank=rank), "20:00", "03:00")
    chain = policy("manager", of, code=f"night-{case.pk}", active=False)
    now = timezone.now()
    for _ in range(rows):
        ended: dict[str, Any] = {"state": "resolved", "ended_at": now, "acknowledge_by": now, "due_at": now}
        made = Escalation.objects.create(
            case=case, policy=chain, lane="manager", tier=3, why="Night", **ended
        )
        for channel in ("console", "sms"):
            person = UserFactory(roles=["clinician"])
            Page.objects.create(escalation=made, person=person, channel=channel, step=1)


def paged(escalation: Escalation) -> list[tuple[str, str, str]]:
    """Who was paged how and how it stands, in order."""
    return [(page.person.display_name, page.channel, page.state) for page in escalation.pages.order_by("pk")]


class Companies:
    """What went out over each channel, and which of them are down."""

    def __init__(self, patch) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.wrong: dict[str, Exception] = {}
        patch.setattr(sms, "send", lambda to, text, key="": self._take("sms", to, text, key))
        patch.setattr(
            mail, "send", lambda to, subject, text, key="": self._take("email", to, f"{subject} {text}", key)
        )
        patch.setattr(telephony, "call", lambda to, url, status, key="": self._take("call", to, url, key))

    def _take(self, channel, to, text, key):
        if channel in self.wrong:
            raise self.wrong[channel]
        self.sent.append((channel, to, text))
        self.keys = [*getattr(self, "keys", []), key]
        return f"{channel}-{len(self.sent)}"

    @property
    def channels(self) -> list[str]:
        return [channel for channel, *_ in self.sent]
