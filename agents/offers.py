"""What is held out to an agent: made, accepted, declined, run out, or taken back because the case went elsewhere.

An offer changes nothing of its case until it is accepted. Of two who want the same case the second hears who
was faster.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from agents import floor, presence
from agents.models import AgentPresence, Offer
from agents.signals import offer_answered
from cases import cases, conversations, frames, gate, live
from cases.cases import Conflict
from cases.drafts import Refused
from cases.models import Case, Conversation, Team
from cases.people import shown_name
from portal.access import System, require
from portal.models import User

ROUTING = System("routing")
AT_ONCE = 200
MOST = 1000


class Gone(Exception):
    """The offer is no longer open; ``state`` says what became of it."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


def offer(
    actor: Any,
    *,
    case: Case,
    to: User,
    until: datetime,
    giver: User | None = None,
    kind: str = "placed",
    conversation: Conversation | None = None,
    summary: str = "",
    why: dict[str, Any] | None = None,
) -> Offer:
    """Hold a case out to somebody. ``giver`` has it until it is accepted. Conflict where it is held out already."""
    require(actor, "cases.work", case)
    require(to, "cases.work")
    try:
        with transaction.atomic():
            made = Offer.objects.create(
                case=case, conversation=conversation, agent=to, giver=giver, kind=kind,
                summary=summary, why=why or {}, expires_at=until,
            )  # fmt: skip
    except IntegrityError:
        raise _held_out(case) from None
    AgentPresence.objects.filter(user=to).update(last_given_at=timezone.now())
    cases.record(actor, case, "offered", {"to": shown_name(to)} | ({"why": why} if why else {}))
    _tell(made, "open")
    return made


def _held_out(case: Case) -> Conflict:
    open_one = Offer.objects.select_related("agent").filter(case=case, state="open").first()
    name = shown_name(open_one.agent) if open_one else ""
    return Conflict(name, "offered", open_one.made_at if open_one else timezone.now())


# --- answers -----------------------------------------------------------------------------------------
def of(actor: User) -> list[Offer]:
    """What is held out to ``actor`` now, the oldest first."""
    require(actor, "cases.work")
    mine = Offer.objects.visible_to(actor).filter(agent=actor, state="open")
    return list(mine.select_related("case__reason", "case__patient", "giver").order_by("made_at", "pk"))


def accept(actor: Any, *, offer: Offer, unasked: bool = False) -> Offer:
    """Take what is held out to one. Gone, NoRoom; Conflict where somebody else has the case by now.

    ``unasked``: nobody said yes for themselves, so it is theirs only while they are online.
    """
    require(actor, "cases.work", offer.case)
    try:
        with transaction.atomic():
            found = _locked(actor, offer)
            if found.state == "accepted":
                return found
            _require_open(found)
            if unasked:
                presence.require_online(found.agent)
            _take(found)
            return _answered(found, "accepted")
    except Conflict:
        withdraw(Offer.objects.filter(pk=offer.pk))
        raise


def decline(actor: Any, *, offer: Offer, reason: str) -> Offer:
    """Say no, and why; it is offered on, or goes back to whoever handed it on."""
    require(actor, "cases.work", offer.case)
    if reason not in dict(Offer.REASONS):
        raise ValidationError({"reason": _("Say why you can't take it.")})
    with transaction.atomic():
        found = _locked(actor, offer)
        _require_open(found)
        found.declined_for = reason
        return _passed_on(found, "declined")


def run_out(now: datetime | None = None) -> int:
    """Pass on what was not answered in time. How many; doing it twice does no harm."""
    due = Offer.objects.filter(state="open", expires_at__lte=now or timezone.now()).order_by("expires_at")
    return _each_locked(due, lambda found: _passed_on(found, "timed_out"))


def pass_on(agent_id: int) -> int:
    """Somebody left the desk: what was held out to them goes on."""
    return _each_locked(
        Offer.objects.filter(state="open", agent=agent_id), lambda found: _passed_on(found, "timed_out")
    )


def withdraw(offers: QuerySet[Offer]) -> int:
    """Take back what is still open of these, as the cases went elsewhere."""
    return _each_locked(offers.filter(state="open"), lambda found: _answered(found, "withdrawn"))


def settle(case_id: int | None = None) -> int:
    """Take back offers whose case is closed, or went to somebody who has no part in the offer."""
    held = Offer.objects.filter(state="open").select_related("case", "conversation")
    held = held if case_id is None else held.filter(case=case_id)
    return withdraw(Offer.objects.filter(pk__in=[each.pk for each in held[:MOST] if _is_stale(each)]))


def _is_stale(offer: Offer) -> bool:
    case = offer.case
    if case.state == "closed" or case.merged_into_id is not None:
        return True
    if offer.kind != "placed":
        return not _is_still_given(offer, case)
    if offer.conversation is not None:
        return offer.conversation.state != "queued"
    return case.owner_id is not None


def _is_still_given(offer: Offer, case: Case) -> bool:
    """Whether the giver has the case, or its chat, or nobody has it."""
    serves = offer.conversation is not None and offer.conversation.agent_id == offer.giver_id
    return serves or case.owner_id in (None, offer.giver_id)


# --- handing on --------------------------------------------------------------------------------------
def hand_over(
    actor: User,
    *,
    case: Case,
    to: User | None = None,
    team: Team | None = None,
    note: str = "",
    version: int | None = None,
) -> Offer | None:
    """Hand a case on with a summary. Whoever is at the desk is asked first and has the case once they accept;
    a team, or somebody who is not there, has it at once (None is returned). So has whoever is given the case
    of a third person by those who may assign it: there it is a decision, and not one's own work that would wait for
    an answer.
    """
    require(actor, "cases.work", case)
    if to is None or team is not None or _is_anothers(actor, case) or not presence.is_at_the_desk(to):
        _refuse_to_the_absent(case, to)
        cases.transfer(actor, case=case, to=to, team=team, note=note, version=version)
        return None
    if to.pk == actor.pk:
        raise ValidationError({"to": _("This case would stay where it is.")})
    with transaction.atomic():
        held = cases.locked(case, version)
        gate.refuse_handing_on(actor, held, to)
        if note:
            conversations.note(actor, conversation=conversations.thread_of(held), body=note)
        until = timezone.now() + timedelta(seconds=floor.rules().transfer_within)
        return offer(
            actor,
            case=held,
            to=to,
            giver=actor,
            kind="transfer",
            conversation=_chat(held),
            summary=note,
            until=until,
        )


def _is_anothers(actor: User, case: Case) -> bool:
    return case.owner_id not in (None, actor.pk)


def _refuse_to_the_absent(case: Case, to: User | None) -> None:
    if to is not None and _chat(case) is not None and not presence.is_at_the_desk(to):
        raise ValidationError(
            {"to": _("%(name)s is not at the desk, and a live chat can't wait.") % {"name": shown_name(to)}}
        )


def _chat(case: Case) -> Conversation | None:
    """The live chat of a case that somebody serves or that waits in the line."""
    return (
        case.conversations.filter(channel="chat").exclude(state__in=("closed", "bot")).order_by("pk").first()
    )


# --- underneath --------------------------------------------------------------------------------------
def _locked(actor: Any, offer: Offer) -> Offer:
    """The offer under lock, for whom it was made or for routing. DoesNotExist for anybody else."""
    mine = Offer.objects.all() if isinstance(actor, System) else Offer.objects.filter(agent=actor)
    rows = mine.select_related("case", "conversation", "agent", "giver")
    found: Offer = rows.select_for_update(of=("self",), no_key=True).get(pk=offer.pk)
    return found


def _require_open(offer: Offer) -> None:
    if offer.state != "open":
        raise Gone(offer.state)


def _each_locked(offers: QuerySet[Offer], act: Any) -> int:
    """One transaction each; what another process has in hand is left to it."""
    done = 0
    for pk in offers.values_list("pk", flat=True)[:AT_ONCE]:
        with transaction.atomic():
            rows = Offer.objects.filter(pk=pk, state="open").select_related(
                "case", "conversation", "agent", "giver"
            )
            found = rows.select_for_update(of=("self",), no_key=True, skip_locked=True).first()
            if found is not None:
                act(found)
                done += 1
    return done


def _take(offer: Offer) -> None:
    """Put the case into the agent's hands. Conflict where others have it."""
    agent = offer.agent
    if offer.kind == "placed" and offer.conversation is not None:
        try:
            presence.accept_chat(agent, conversation=offer.conversation)
        except Refused:
            raise Gone("withdrawn") from None
        return
    case = cases.locked(offer.case)
    if case.state == "closed":
        raise Gone("withdrawn")
    if offer.kind == "placed":
        _refuse_taken(case, agent)
        cases.assign(agent, case=case, to=agent)
    else:
        _take_over(offer, case)


def _refuse_taken(case: Case, agent: User) -> None:
    if case.owner is not None and case.owner_id != agent.pk:
        raise Conflict(shown_name(case.owner), "assigned", timezone.now())


def _take_over(offer: Offer, case: Case) -> None:
    """With its live chat, whose customer is told who helps them from here."""
    agent = offer.agent
    if not _is_still_given(offer, case):
        _refuse_taken(case, agent)
    _require_room(agent, case)
    if case.owner_id in (None, agent.pk, offer.giver_id):
        cases.transfer(agent, case=case, to=agent)
    elif offer.conversation is not None:
        conversations.hand_on(agent, conversation=offer.conversation, to=agent)


def _require_room(agent: User, case: Case) -> None:
    chat = _chat(case)
    if chat is not None and chat.agent_id != agent.pk:
        presence.require_room(agent)


def _answered(offer: Offer, state: str) -> Offer:
    offer.state, offer.answered_at = state, timezone.now()
    offer.save(update_fields=["state", "answered_at", "declined_for"])
    _tell(offer, state)
    return offer


def _passed_on(offer: Offer, state: str) -> Offer:
    """Nobody took it: it waits again, or stays with who would have handed it on, if they are there."""
    who = shown_name(offer.agent)
    detail = {"by": who, "answer": state, "for": offer.declined_for}
    cases.record(offer.agent if state == "declined" else ROUTING, offer.case, "offered", detail)
    stays = offer.kind == "transfer" and offer.giver is not None and presence.is_at_the_desk(offer.giver)
    if offer.kind != "placed" and not stays:
        put_back(cases.locked(offer.case), offer.giver_id)
    return _answered(offer, state)


def put_back(case: Case, holder: int | None) -> None:
    """Into the line of its team, with its chat, where ``holder`` still has them. The case is locked."""
    for conversation in presence.served_by([holder]).filter(case=case):
        conversations.release(ROUTING, conversation=conversation)
    if case.owner_id is not None and case.owner_id == holder:
        cases.release(ROUTING, case=case)


def _tell(offer: Offer, state: str) -> None:
    """To the consoles of both, and to whoever places what waits."""
    frame: frames.Frame = {"type": "offer", "offer": str(offer.pk), "state": state}
    told = {offer.agent_id: frame | {"mine": True}}
    if offer.giver_id is not None and state != "open":
        told[offer.giver_id] = frame | {"mine": False, "number": offer.case.number}

    def tell() -> None:
        for user, one in told.items():
            live.tell(user, one)
        offer_answered.send_robust(None, offer_id=offer.pk, state=state)

    transaction.on_commit(tell)
