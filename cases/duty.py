"""What is shown of escalations and duty: beside a case, to whoever is being paged, and on the rota board."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _

from cases import escalation as rules
from cases import rota
from cases.models import Case, Escalation, Page, PagingContact, Rota
from cases.rota import Plan, Stretch
from config.security import normal
from config.security.normal import is_blank
from portal.access import allowed, require
from portal.models import User

TURNS_SHOWN = timedelta(days=7)
SOON = timedelta(hours=24)
FEWEST_DIGITS, MOST_DIGITS = 8, 15


@dataclass(frozen=True)
class Step:
    """One step of a chain as it went: when it began, and each page of it."""

    number: int
    round: int
    at: datetime
    pages: list[Page]

    @property
    def unstaffed(self) -> bool:
        return any(page.as_stand_in for page in self.pages)


@dataclass(frozen=True)
class Shown:
    """An escalation with its steps. ``clinician`` is an NPI or a name; ``mine`` where the reader is paged;
    ``takes_over`` where clinicians are called and the reader, who is none, may take it over by name."""

    escalation: Escalation
    steps: list[Step]
    clinician: str
    mine: bool
    takes_over: bool


def of_case(actor: User, case: Case) -> list[Shown]:
    """A case's escalations, the newest first, each with every page named and timed."""
    pages = Page.objects.select_related("person").order_by("round", "step", "pk")
    rows = Escalation.objects.visible_to(actor).filter(case=case)
    found = rows.select_related("opened_by", "acknowledged_by", "ended_by", "policy")
    return [_shown(actor, escalation) for escalation in found.prefetch_related(Prefetch("pages", pages))]


def _shown(actor: User, escalation: Escalation) -> Shown:
    pages = list(escalation.pages.all())
    mine = any(page.person_id == actor.pk for page in pages)
    takes_over = takes_over_by_name(actor, escalation) and (mine or allowed(actor, "floor.manage"))
    return Shown(escalation, _steps(pages), _clinician(escalation, pages), mine, takes_over)


def takes_over_by_name(actor: User, escalation: Escalation) -> bool:
    """Whether an answer of theirs ends nothing unless they take it over: clinicians are called, and they are none."""
    waits = escalation.state == "paging" and rules.wants_clinician(escalation)
    return waits and not rules.is_clinician(actor)


def _steps(pages: list[Page]) -> list[Step]:
    cut = groupby(pages, key=lambda page: (page.round, page.step))
    return [
        Step(step, number, min(page.due_at for page in held), held)
        for (number, step), group in cut
        if (held := list(group))
    ]


def _clinician(escalation: Escalation, pages: list[Page]) -> str:
    """An NPI as it is; one of ours by name where they are among the people already read."""
    said = escalation.clinician
    if not said.startswith("staff-"):
        return _("NPI %(npi)s") % {"npi": said} if said else ""
    known = [escalation.acknowledged_by, escalation.opened_by, *(page.person for page in pages)]
    named = {user.pk: user.display_name for user in known if user is not None}
    number = int(said.removeprefix("staff-"))
    return named.get(number) or _("staff id %(id)s") % {"id": number}


def calling(actor: User) -> list[Page]:
    """What ``actor`` is being paged for now and has not answered since, one page a case's escalation."""
    require(actor, "console.use")
    mine = Page.objects.filter(person=actor, escalation__state="paging").exclude(state="skipped")
    found = list(mine.select_related("escalation__case").order_by("escalation_id", "pk"))
    answered = {page.escalation_id: _place(page) for page in found if page.state == "acknowledged"}
    waiting = [page for page in found if _place(page) > answered.get(page.escalation_id, (0, 0))]
    return list({page.escalation_id: page for page in waiting}.values())


def _place(page: Page) -> tuple[int, int]:
    return page.round, page.step


# --- the board -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Board:
    """A rota as it stands: who is on now and until when, the turns to come, and when nobody is on duty."""

    rota: Rota
    now: Stretch
    turns: list[Stretch]
    gaps: list[Stretch]

    @property
    def next_hand_over(self) -> datetime | None:
        """None where the same people stay for all of the time that is looked at."""
        return self.now.end if self.turns else None


def boards(actor: User) -> list[Board]:
    """Every rota in use."""
    require(actor, "console.use")
    return [_board(plan) for plan in rota.plans(Rota.objects.filter(active=True))]


def _board(plan: Plan) -> Board:
    now = timezone.now()
    cut = plan.stretches(now, now + TURNS_SHOWN)
    return Board(
        plan.rota,
        cut[0],
        cut[1:],
        rota.gaps_ahead(plan, now),
    )


def gaps_soon() -> list[tuple[Rota, Stretch]]:
    """The first gap of each rota that comes within a day."""
    now = timezone.now()
    found = []
    for plan in rota.plans(Rota.objects.filter(active=True)):
        found += [(plan.rota, gap) for gap in plan.gaps(now, now + SOON)[:1]]
    return found


# --- where somebody is paged -----------------------------------------------------------------------------
def contact_of(actor: User) -> PagingContact:
    return PagingContact.objects.filter(user=actor).first() or PagingContact(user=actor)


def keep_contact(actor: User, *, phone: str) -> PagingContact:
    """The number one is paged at; an empty one takes it back. Raises ValidationError in words."""
    require(actor, "pages.acknowledge")
    kept, _new = PagingContact.objects.update_or_create(user=actor, defaults={"phone": _dialled(phone)})
    return kept


def _dialled(phone: str) -> str:
    """A number in E.164 form."""
    if is_blank(phone):
        return ""
    number = normal.phone(phone)
    if not number.startswith("+") or not FEWEST_DIGITS <= len(number) - 1 <= MOST_DIGITS:
        raise ValidationError({"phone": _("Give a phone number with its area code.")})
    return number
