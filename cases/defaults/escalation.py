"""The rotas and chains a supplier begins with. Who is on them, its own people are told to say."""

from dataclasses import dataclass

from cases.models import EscalationPolicy, PolicyStep, Rota

ALOUD = ["console", "sms", "call", "email"]
QUIETLY = ["console", "email"]
FORGOTTEN = ["first_response", "next_response", "acknowledgement", "resolution"]

ROTAS = {
    "clinical": ("Clinical on call", True),
    "billing": ("Billing specialists", False),
}


@dataclass(frozen=True)
class Chain:
    """A policy. ``steps`` are who is called, by what, and the minutes before the next."""

    name: str
    lane: str
    steps: tuple[tuple[str, list[str], int], ...]
    family: str = ""
    rota: str = ""
    acknowledge_minutes: int = 60
    resolve_minutes: int = 240
    around_the_clock: bool = False
    climbs_on: tuple[str, ...] = ()


CHAINS = {
    "clinical": Chain(
        "Clinical, within the hour",
        "clinical",
        (("on_duty", ALOUD, 10), ("backup", ALOUD, 10), ("leads", ALOUD, 10)),
        rota="clinical",
        acknowledge_minutes=30,
        resolve_minutes=60,
        around_the_clock=True,
    ),
    "specialist": Chain(
        "Specialist",
        "specialist",
        (("leads", QUIETLY, 30), ("supervisors", QUIETLY, 30)),
        climbs_on=tuple(FORGOTTEN),
    ),
    "billing-specialist": Chain(
        "Billing specialist",
        "specialist",
        (("on_duty", QUIETLY, 30), ("backup", QUIETLY, 30), ("leads", QUIETLY, 30)),
        family="billing",
        rota="billing",
        climbs_on=tuple(FORGOTTEN),
    ),
    "clinical-specialist": Chain(
        "Clinical specialist",
        "specialist",
        (("on_duty", QUIETLY, 30), ("backup", QUIETLY, 30), ("leads", QUIETLY, 30)),
        family="clinical",
        rota="clinical",
        climbs_on=tuple(FORGOTTEN),
    ),
    "manager": Chain(
        "Manager",
        "manager",
        (("supervisors", QUIETLY, 60), ("supervisors", ALOUD, 60)),
        acknowledge_minutes=120,
        resolve_minutes=24 * 60,
        around_the_clock=True,
        climbs_on=tuple(FORGOTTEN),
    ),
}


def install() -> int:
    """Add what is missing; how many rows that were."""
    rotas = [
        Rota.objects.get_or_create(code=code, defaults={"name": name, "around_the_clock": always})
        for code, (name, always) in ROTAS.items()
    ]
    known = {rota.code: rota for rota, _new in rotas}
    return sum(new for _rota, new in rotas) + sum(_add(code, chain, known) for code, chain in CHAINS.items())


def _add(code: str, chain: Chain, rotas: dict[str, Rota]) -> int:
    """A chain with its steps, where neither it nor another of its lane and family is there."""
    named = EscalationPolicy.objects.filter(code=code).exists()
    if named or EscalationPolicy.objects.filter(lane=chain.lane, family=chain.family, active=True).exists():
        return 0
    policy = EscalationPolicy.objects.create(
        code=code,
        name=chain.name,
        lane=chain.lane,
        family=chain.family,
        rota=rotas.get(chain.rota),
        acknowledge_minutes=chain.acknowledge_minutes,
        resolve_minutes=chain.resolve_minutes,
        around_the_clock=chain.around_the_clock,
        climbs_on=list(chain.climbs_on),
    )
    for place, (who, channels, wait) in enumerate(chain.steps, 1):
        PolicyStep.objects.create(
            policy=policy, place=place, who=who, channels=channels, wait_minutes=wait, between_minutes=2
        )
    return 1 + len(chain.steps)
