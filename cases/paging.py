"""Paging: one step of the chain after the other until somebody acknowledges, then from its head again.

Pages are rows written with the escalation, so that none is forgotten, and sent by tasks: claimed under a
lease, so that a doubled run sends once; under the row's own key, so that the company knows it again. They say
a case's number and its lane, and nothing else.
"""

import contextlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from cases import calendars, cases, live, rota
from cases.models import Escalation, Page, PagingContact, PolicyStep
from cases.people import shown_name
from config.integrations import mail, sms, telephony
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal.access import PERMISSIONS, System
from portal.models import User

log = structlog.get_logger(__name__)

PAGER = System("paging")
AT_ONCE = 50
LEASE = timedelta(minutes=2)
TRY_AGAIN = timedelta(minutes=1)
MOST_TRIES = 3
OUT_OF_TURN = (
    0  # the step of pages that are no step of the chain: the time is over, or the symptoms are worse
)
STAND_IN_WAIT = timedelta(minutes=10)
EVERY_CHANNEL = ("console", "sms", "call", "email")


# --- the chain -----------------------------------------------------------------------------------------
def begin(escalation: Escalation) -> None:
    """The first step, within the caller's transaction."""
    _take_step_in_hours(escalation, timezone.now())


def due_steps() -> list[int]:
    """Escalations nobody acknowledged within the time of their last step."""
    waiting = Escalation.objects.filter(state="paging", next_step_at__lte=timezone.now())
    return list(waiting.order_by("next_step_at").values_list("pk", flat=True)[:AT_ONCE])


def advance(escalation_id: int) -> bool:
    """Go on to the next step, if it is due; a second run finds nothing to do."""
    with transaction.atomic():
        rows = Escalation.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
        waiting = rows.select_related("policy__rota", "case").filter(state="paging")
        escalation = waiting.filter(pk=escalation_id, next_step_at__lte=timezone.now()).first()
        if escalation is None:
            return False
        _take_step_in_hours(escalation, timezone.now())
    return True


def _take_step_in_hours(escalation: Escalation, now: datetime) -> None:
    """Where a policy pages in business hours alone, the next step waits for them."""
    opens = now if escalation.policy.around_the_clock else calendars.next_opening(calendars.supplier(), now)
    if opens > now:
        escalation.next_step_at = opens
        escalation.save(update_fields=["next_step_at"])
    else:
        _take_step(escalation, now)


def _take_step(escalation: Escalation, now: datetime) -> None:
    steps = list(escalation.policy.steps.all())
    again = escalation.step >= len(steps) > 0
    if again:
        escalation.round, escalation.step = escalation.round + 1, 0
    step = steps[escalation.step] if steps else None
    people = whom(step, escalation.policy.rota, now) if step else []
    escalation.step += 1
    pages = _planned(escalation, people, step, now) if step else []
    if again:
        pages += _planned(escalation, list(User.objects.holding(["lead", "supervisor"])), step, now)
    if not people:
        pages += _nobody_there(escalation, step, now)
    _write(escalation, pages)
    escalation.next_step_at = now + (timedelta(minutes=step.wait_minutes) if step else STAND_IN_WAIT)
    escalation.save()


def whom(step: PolicyStep, of_rota: Any, at: datetime) -> list[User]:
    """Whom a step pages at a moment; empty where nobody is there."""
    if step.who == "person":
        able = User.objects.holding(PERMISSIONS["pages.acknowledge"])
        return list(able.filter(pk=step.person_id)) if step.person_id else []
    if step.who == "leads":
        return list(User.objects.holding(["lead"]))
    if step.who == "supervisors":
        return list(User.objects.holding(["supervisor"]))
    on_duty = rota.on_duty(of_rota, at) if of_rota else []
    return {"on_duty": on_duty[:1], "backup": on_duty[1:2]}.get(step.who, on_duty)


def _nobody_there(escalation: Escalation, step: PolicyStep | None, now: datetime) -> list[Page]:
    """A link of the chain is empty: every supervisor is paged over every channel, and it is on record."""
    escalation.unstaffed_at = escalation.unstaffed_at or now
    cases.record(PAGER, escalation.case, "paged", {"to": _("nobody is on duty")})
    return _planned(escalation, supervisors(), step, now, as_stand_in=True)


def _planned(
    escalation: Escalation,
    people: Iterable[User],
    step: PolicyStep | None,
    now: datetime,
    *,
    as_stand_in: bool = False,
) -> list[Page]:
    """The pages of a step: the console at once, the other channels one after the other."""
    channels = EVERY_CHANNEL if as_stand_in or step is None else tuple(step.channels)
    between = timedelta(minutes=0 if as_stand_in or step is None else step.between_minutes)
    aloud = [channel for channel in channels if channel != "console"]
    return [
        Page(
            escalation=escalation,
            person=person,
            channel=channel,
            step=escalation.step,
            round=escalation.round,
            as_stand_in=as_stand_in,
            due_at=now + between * (aloud.index(channel) if channel in aloud else 0),
        )
        for person in people
        for channel in channels
    ]


def _write(escalation: Escalation, pages: list[Page]) -> None:
    """Keep the pages, one for a person and channel, and have those that are due sent after the commit."""
    once = list({(page.person_id, page.channel): page for page in reversed(pages)}.values())
    if not once:
        return
    written = Page.objects.bulk_create(reversed(once))
    names = dict.fromkeys(shown_name(page.person) for page in written)
    by = dict.fromkeys(str(page.get_channel_display()) for page in written)
    cases.record(PAGER, escalation.case, "paged", {"to": ", ".join(names), "by": ", ".join(by)})
    now = timezone.now()
    soon([page.pk for page in written if page.due_at <= now])


def call_once(escalation: Escalation, people: Iterable[User]) -> None:
    """Call these over every channel, whoever has it."""
    escalation.round, escalation.step = escalation.round + 1, OUT_OF_TURN
    escalation.save(update_fields=["round", "step"])
    _write(escalation, _planned(escalation, people, None, timezone.now()))


def call_anew(escalation: Escalation, people: Iterable[User]) -> None:
    """Call these at once, and then the chain from its head, until somebody acknowledges it (again)."""
    soonest = timezone.now() + STAND_IN_WAIT
    escalation.state, escalation.next_step_at = "paging", min(escalation.next_step_at or soonest, soonest)
    escalation.save(update_fields=["state", "next_step_at"])
    call_once(escalation, people)


def call_back(escalation: Escalation, had: int | None) -> None:
    """Call whoever ``had`` it (an id) at once and the chain after them; the chain at once where that is nobody."""
    people = User.objects.holding(PERMISSIONS["pages.acknowledge"]).filter(pk__in=[had] if had else [])
    if people:
        call_anew(escalation, people)
    else:
        escalation.round, escalation.step = escalation.round + 1, 0
        begin(escalation)


def supervisors() -> list[User]:
    """Who is called where nobody else is there: the supervisors, or the leads where there is none of them."""
    found = list(User.objects.holding(["supervisor"])) or list(User.objects.holding(["lead"]))
    if not found:
        log.error("There is no supervisor and no lead to page.")
    return found


def stop(escalation: Escalation, *, by: Any = None, through: str = "", page: Page | None = None) -> None:
    """Nobody else is called. What answered is marked: the page named, else the person's own on that way."""
    escalation.pages.filter(state="due").update(state="skipped", settled_at=timezone.now())
    if by is not None:
        heard(escalation, by=by, through=through, page=page)


def heard(escalation: Escalation, *, by: Any, through: str, page: Page | None = None) -> int:
    """One of those who are called has answered: what waits for them is not sent. How many pages that settles."""
    now = timezone.now()
    theirs = escalation.pages.filter(person=by)
    skipped = theirs.filter(state="due").exclude(pk=page.pk if page else None)
    answered = theirs.filter(pk=page.pk) if page is not None else theirs.filter(channel=through)
    marked: int = answered.exclude(state__in=["failed", "acknowledged"]).update(
        state="acknowledged", acknowledged_at=now, settled_at=now
    )
    return marked + skipped.update(state="skipped", settled_at=now)


# --- one page ------------------------------------------------------------------------------------------
def soon(page_ids: list[int]) -> None:
    """Send after the commit; where no task can be handed over, the sweep finds them."""
    transaction.on_commit(lambda: _hand_over(page_ids))


def _hand_over(page_ids: list[int]) -> None:
    from cases.tasks import send_page  # the tasks import this rule

    for pk in page_ids:
        with contextlib.suppress(OperationalError):
            send_page.apply_async([pk], retry=False)


def due_pages() -> list[int]:
    """Pages whose time has come, and those whose sender was lost."""
    waiting = Page.objects.filter(state__in=["due", "sending"], due_at__lte=timezone.now())
    return list(waiting.order_by("due_at").values_list("pk", flat=True)[:AT_ONCE])


def send(page_id: int) -> bool:
    """Send one page that is due; a second run finds it taken. Whether it went out."""
    page = _claim(page_id)
    if page is None:
        return False
    try:
        provider_id = _deliver(page)
    except _NoAddress:
        return _settle(page, fault="no_address")
    except PartnerRefuses:
        return _settle(page, fault="refused")
    except PartnerDown:
        return _settle(page, fault="down", again=page.tries < MOST_TRIES)
    return _settle(page, provider_id=provider_id)


class _NoAddress(Exception):
    """The person can't be reached this way."""


def _claim(page_id: int) -> Page | None:
    """The page under a lease: who is lost with it in hand gives it back by time."""
    with transaction.atomic():
        rows = Page.objects.select_for_update(skip_locked=True, of=("self",)).select_related(
            "escalation__case", "person"
        )
        now = timezone.now()
        page: Page | None = rows.filter(pk=page_id, state__in=["due", "sending"], due_at__lte=now).first()
        if page is None:
            return None
        page.state = "sending" if _is_wanted(page) else "skipped"
        page.tries, page.due_at = page.tries + 1, now + LEASE
        page.save(update_fields=["state", "tries", "due_at"])
    return page if page.state == "sending" else None


def _is_wanted(page: Page) -> bool:
    """While nobody has it; that its time ran out is told whoever has it."""
    state = page.escalation.state
    return state == "paging" or (page.step == OUT_OF_TURN and state == "acknowledged")


def _deliver(page: Page) -> str:
    """The company's id of what was sent."""
    match page.channel:
        case "console":
            live.case_changed(page.escalation.case_id, "paged")
            return ""
        case "email":
            return mail.send(_email(page.person), *_in_a_letter(page), key=str(page.ref))
        case "sms":
            return sms.send(_phone(page.person), _in_a_text(page), key=str(page.ref))
    return telephony.call(
        _phone(page.person),
        _address("cases:voice", page),
        _address("cases:voice-status", page),
        key=str(page.ref),
    )


def _email(person: User) -> str:
    if not person.email:
        raise _NoAddress
    return str(person.email)


def _phone(person: User) -> str:
    contact = PagingContact.objects.filter(user=person).first()
    if contact is None or not contact.phone:
        raise _NoAddress
    return str(contact.phone)


def _settle(page: Page, *, provider_id: str = "", fault: str = "", again: bool = False) -> bool:
    """Keep how it went. A page that failed brings the person's next channel forward."""
    with transaction.atomic():
        held: Page = Page.objects.select_for_update().get(pk=page.pk)
        now = timezone.now()
        held.provider_id, held.fault = provider_id or held.provider_id, fault
        held.sent_at = held.sent_at if fault else now
        if held.state == "sending":
            held.state = "due" if again else "failed" if fault else "sent"
            held.settled_at = None if again else now
            held.due_at = now + TRY_AGAIN
        held.save()
        if fault:
            _bring_forward(held, now)
    return not fault


def _bring_forward(page: Page, now: datetime) -> None:
    """The next channel of the same person now; where none is left for anybody, the next step now."""
    step = Page.objects.filter(escalation=page.escalation_id, round=page.round, step=page.step)
    following = (
        step.filter(person=page.person_id, state="due", due_at__gt=now, tries=0).order_by("due_at").first()
    )
    if following is not None:
        Page.objects.filter(pk=following.pk).update(due_at=now)
        soon([following.pk])
    elif not step.exclude(channel="console").exclude(state__in=["failed", "skipped"]).exists():
        Escalation.objects.filter(pk=page.escalation_id, state="paging").update(next_step_at=now)


def call_ended(page: Page, *, outcome: str) -> None:
    """The telephone company tells how a call ended. One that nobody took brings the next channel forward."""
    if outcome not in telephony.UNANSWERED:
        return
    with transaction.atomic():
        held: Page = Page.objects.select_for_update().get(pk=page.pk)
        if held.state != "sent":
            return
        held.state, held.fault, held.settled_at = "failed", "unanswered", timezone.now()
        held.save()
        _bring_forward(held, timezone.now())


# --- in words --------------------------------------------------------------------------------------------
def in_short(page: Page) -> str:
    """A case's number and its lane: all that a page may say."""
    escalation = page.escalation
    return _("Case %(number)s needs you (%(lane)s).") % {
        "number": escalation.case.number,
        "lane": escalation.get_lane_display(),
    }


def _in_a_text(page: Page) -> str:
    link = _address("agents:page", page)
    return f"{settings.SUPPLIER_NAME}: {in_short(page)} " + _("Sign in to acknowledge: %(link)s") % {
        "link": link
    }


def _in_a_letter(page: Page) -> tuple[str, str]:
    return in_short(page), _in_a_text(page)


def _address(name: str, page: Page) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=[page.ref])}"
