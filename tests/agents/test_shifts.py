"""The shift baton: everything a leaving agent has open is handed to those who come, and nothing stays behind."""

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from agents import assignment, offers, presence, shifts
from agents.models import AgentPresence, Offer, RoutingRules, Shift
from cases import cases
from cases.models import Case, Conversation
from portal.models import User
from tests.agents.floor_people import agent_there, waiting_chat
from tests.factories import CaseFactory, ReasonFactory, UserFactory

pytestmark = pytest.mark.django_db


def on_shift(user: User, *, ends_in: float, hours: float = 8) -> Shift:
    """A shift that ends so many minutes from now."""
    end = timezone.now() + timedelta(minutes=ends_in)
    shift: Shift = Shift.objects.create(user=user, start=end - timedelta(hours=hours), end=end)
    return shift


def who_comes(**skills: int) -> User:
    user = agent_there(**skills)
    on_shift(user, ends_in=470)
    return user


def leaver(*, ends_in: float = 10) -> User:
    user = agent_there()
    on_shift(user, ends_in=ends_in)
    return user


def left_with(user: User) -> list[Case]:
    return list(shifts.open_work(user))


@pytest.mark.parametrize(
    ("minutes", "time_to_hand_over"), [(30, False), (15, True), (0, True), (-20, True), (-60 * 25, False)]
)
def test_it_is_time_a_quarter_of_an_hour_before_the_end(minutes: int, time_to_hand_over: bool) -> None:
    """R-CHAN-4: an overlap of 15-20 minutes."""
    user = leaver(ends_in=minutes + 0.5 if minutes > 15 else minutes)
    assert (shifts.ending(user) is not None) is time_to_hand_over


def test_the_overlap_is_a_figure_of_the_floor() -> None:
    RoutingRules.objects.create(pk=1, overlap_minutes=20)
    assert shifts.ending(leaver(ends_in=19)) is not None


def test_those_who_come_are_on_duty_at_the_end_and_stay_beyond_it() -> None:
    user, coming = leaver(), who_comes()
    on_shift(agent_there(), ends_in=5)
    on_shift(UserFactory(roles=["warehouse"]), ends_in=400)
    closed = who_comes()
    User.objects.filter(pk=closed.pk).update(is_active=False)
    baton = shifts.baton(user)
    assert baton.receivers == [coming]


def test_all_open_work_is_listed_with_a_summary_and_a_receiver() -> None:
    user, coming = leaver(), who_comes()
    mine = [CaseFactory(owner=user, state=state) for state in ("open", "waiting")]
    asleep = CaseFactory(owner=user, state="open", snoozed_until=timezone.now() + timedelta(days=1))
    CaseFactory(owner=user, state="closed", closed_at=timezone.now(), disposition="answered")
    CaseFactory(owner=agent_there(), state="open")
    pieces = shifts.baton(user).pieces
    assert [piece.case for piece in pieces] == [*mine, asleep]
    assert {piece.to for piece in pieces} == {coming}
    assert all(piece.summary for piece in pieces)


def test_the_ones_who_come_share_by_skill_and_load() -> None:
    from agents.models import Skill, SkillDemand

    user, billing, other = leaver(), who_comes(billing=2), who_comes()
    SkillDemand.objects.create(skill=Skill.objects.get(code="billing"), family="billing")
    dispute = CaseFactory(owner=user, state="open", reason=ReasonFactory(family="billing"))
    plain = CaseFactory(owner=user, state="open")
    chosen = {piece.case: piece.to for piece in shifts.baton(user).pieces}
    assert chosen == {dispute: billing, plain: other}


def test_everything_goes_in_one_act_and_nothing_stays_behind() -> None:
    user, coming = leaver(), who_comes()
    chat = waiting_chat()
    presence.accept_chat(user, conversation=chat)
    plain = CaseFactory(owner=user, state="open")
    handed = shifts.hand_over(user, given={plain.pk: (coming, "She calls back at five.")})
    assert (handed.offered, handed.released) == (2, 0)
    assert set(Offer.objects.filter(state="open").values_list("agent", flat=True)) == {coming.pk}
    assert shifts.take_all(coming) == (2, [])
    chat.refresh_from_db()
    assert (left_with(user), chat.agent) == ([], coming)
    assert set(left_with(coming)) == {plain, chat.case}
    assert plain.conversations.get().messages.get(kind="note").body == "She calls back at five."
    assert shifts.ending(user) is None


def test_what_nobody_can_take_goes_back_into_the_line() -> None:
    user = leaver()
    chat, case = waiting_chat(), CaseFactory(owner=user, state="open")
    presence.accept_chat(user, conversation=chat)
    handed = shifts.hand_over(user, given={})
    chat.refresh_from_db()
    case.refresh_from_db()
    assert (handed.offered, handed.released) == (0, 2)
    assert (chat.state, case.owner, left_with(user)) == ("queued", None, [])


@pytest.mark.parametrize("answer", ["declined", "timed_out"])
def test_what_is_not_taken_over_goes_back_into_the_line(answer: str) -> None:
    user, coming = leaver(), who_comes()
    case = CaseFactory(owner=user, state="open")
    shifts.hand_over(user, given={})
    if answer == "declined":
        assignment.decline(coming, offer=Offer.objects.get(), reason="busy")
    else:
        Offer.objects.update(expires_at=timezone.now())
        offers.run_out()
    case.refresh_from_db()
    assert (case.owner, left_with(user)) == (None, [])


def test_what_came_in_while_the_page_stood_open_goes_too() -> None:
    user, coming = leaver(), who_comes()
    known = CaseFactory(owner=user, state="open")
    given = {piece.case.pk: (piece.to, piece.summary) for piece in shifts.baton(user).pieces}
    late = CaseFactory(owner=user, state="open")
    shifts.hand_over(user, given=given)
    assert set(Offer.objects.filter(agent=coming).values_list("case", flat=True)) == {known.pk, late.pk}


def test_a_transfer_still_under_way_is_taken_back_into_the_baton() -> None:
    user, coming, third = leaver(), who_comes(), agent_there()
    case = CaseFactory(owner=user, state="open")
    assignment.hand_over(user, case=case, to=third)
    shifts.hand_over(user, given={})
    assert Offer.objects.get(state="open").agent == coming


def test_nobody_outside_the_coming_shift_is_handed_anything() -> None:
    user, stranger = leaver(), agent_there()
    case = CaseFactory(owner=user, state="open")
    shifts.hand_over(user, given={case.pk: (stranger, "")})
    assert not Offer.objects.exists()
    case.refresh_from_db()
    assert case.owner is None


def test_all_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    user = leaver()
    who_comes()
    for _ in range(3):
        CaseFactory(owner=user, state="open")
    made, real = [], offers.offer

    def breaks(*args: object, **kwargs: object) -> Offer:
        made.append(1)
        if len(made) == 3:
            raise RuntimeError
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(offers, "offer", breaks)
    with pytest.raises(RuntimeError):
        shifts.hand_over(user, given={})
    assert not Offer.objects.exists()
    assert len(left_with(user)) == 3
    assert shifts.ending(user) is not None


def test_who_left_without_a_word_leaves_nothing_behind() -> None:
    user, coming = leaver(ends_in=-5), who_comes()
    case = CaseFactory(owner=user, state="open")
    assert shifts.sweep() == 0  # still at the desk, a little late
    AgentPresence.objects.filter(user=user).update(state="offline")
    assert (shifts.sweep(), shifts.sweep()) == (1, 0)
    assert Offer.objects.get(case=case).agent == coming


def test_who_is_on_again_keeps_their_work() -> None:
    user = leaver(ends_in=-5)
    on_shift(user, ends_in=300, hours=5.05)
    case = CaseFactory(owner=user, state="open")
    AgentPresence.objects.filter(user=user).update(state="offline")
    shifts.sweep()
    assert list(shifts.open_work(user)) == [case]


def test_a_chat_on_somebody_elses_case_goes_without_the_case() -> None:
    user, coming, owner = leaver(), who_comes(), agent_there()
    chat = waiting_chat()
    Case.objects.filter(pk=chat.case_id).update(owner=owner, state="open")
    presence.accept_chat(user, conversation=Conversation.objects.get(pk=chat.pk))
    shifts.hand_over(user, given={})
    assert shifts.take_all(coming) == (1, [])
    chat.refresh_from_db()
    assert (chat.agent, Case.objects.get(pk=chat.case_id).owner) == (coming, owner)


def test_what_cannot_be_taken_over_is_told_and_the_rest_is_taken() -> None:
    user, coming = leaver(), agent_there(chats=1)
    on_shift(coming, ends_in=470)
    for _ in range(2):
        presence.accept_chat(user, conversation=waiting_chat())
    gone = CaseFactory(owner=user, state="open")
    shifts.hand_over(user, given={})
    other = agent_there()
    cases.assign(other, case=gone, to=other)
    taken, refused = shifts.take_all(coming)
    assert (taken, len(refused)) == (1, 2)


@pytest.mark.parametrize(("start", "end"), [(10, 9), (9, 9)])
def test_a_shift_ends_after_it_starts(start: int, end: int) -> None:
    day = datetime(2026, 11, 22, tzinfo=timezone.get_current_timezone())
    shift = Shift(user=agent_there(), start=day.replace(hour=start), end=day.replace(hour=end))
    with pytest.raises(ValidationError, match="ends after it starts"):
        shift.full_clean()


def test_nobody_has_two_shifts_at_once() -> None:
    shift = on_shift(agent_there(), ends_in=60)
    other = Shift(user=shift.user, start=shift.end - timedelta(minutes=1), end=shift.end + timedelta(hours=2))
    with pytest.raises(ValidationError, match="another shift"):
        other.full_clean()
