"""Who hears that a clock runs out or has: the owner of the case, and those who lead its team."""

from collections.abc import Iterable

from cases import telling
from cases.models import Case, ClockEvent, Team
from portal.access import FLOOR, System
from portal.models import User

TIME = System("clocks")


def ring(alarms: Iterable[ClockEvent]) -> None:
    """Leave word of warnings and breaches; a breach is an event of its case too, in the transaction of the clock."""
    alarms = list(alarms)
    if not alarms:
        return
    cases = {case.pk: case for case in Case.objects.filter(pk__in={alarm.case_id for alarm in alarms})}
    leads = _leads({case.team_id for case in cases.values() if case.team_id})
    for alarm in alarms:
        case = cases[alarm.case_id]
        owner = [case.owner_id] if case.owner_id else []
        telling.tell([*owner, *leads.get(case.team_id, leads[None])], case_id=case.pk, kind="clock")
        if alarm.kind == "breached":
            _note(case, alarm, alarm.kind)


def ring_uncounted(alarms: list[ClockEvent]) -> None:
    """A calendar that never opens is the fault of those who keep it: all leads and supervisors hear of it."""
    if not alarms:
        return
    floor = _leads(set())[None]
    cases = {case.pk: case for case in Case.objects.filter(pk__in={alarm.case_id for alarm in alarms})}
    for alarm in alarms:
        telling.tell(floor, case_id=alarm.case_id, kind="clock")
        _note(cases[alarm.case_id], alarm, "uncounted")


def leads_of(case: Case) -> list[int]:
    """Ids of those who lead the team of a case; of all who lead, where it has none or nobody leads it."""
    found = _leads({case.team_id} if case.team_id else set())
    return found.get(case.team_id, found[None])


def _note(case: Case, alarm: ClockEvent, what: str) -> None:
    from cases import cases as rules  # which turn the clocks

    rules.record(TIME, case, "clock", {"clock": alarm.clock.kind, "what": what})


def _leads(teams: set[int]) -> dict[int | None, list[int]]:
    """Leads and supervisors by team; under None all of them, for cases of teams that nobody leads."""
    found: dict[int | None, list[int]] = {
        None: list(User.objects.holding(FLOOR).values_list("pk", flat=True))
    }
    led = Team.objects.filter(pk__in=teams, members__in=found[None])
    for team, lead in led.values_list("pk", "members"):
        if lead in found[None]:
            found.setdefault(team, []).append(lead)
    return found
