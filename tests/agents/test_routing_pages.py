"""The console's part in routing: offers with their answers, the next, why, what one carries, the baton."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents import assignment, presence, shifts
from agents.models import AgentCapacity, ChannelLoad, Offer, Shift
from cases import live
from cases.models import Case
from tests.agents.floor_people import agent_there, team_that, waiting_case, waiting_chat
from tests.factories import CaseFactory, PatientFactory, UserFactory
from tests.people import signed_in

pytestmark = pytest.mark.django_db


def at(name: str, *args: Any) -> str:
    return reverse(f"agents:{name}", args=args)


def events(answer: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(answer.headers["HX-Trigger"])
    return told


@pytest.fixture
def desk() -> Client:
    """An agent of a pushed team who is there."""
    client: Client = signed_in(agent_there(team_that("push")))
    return client


def offered_to(client: Any, **kwargs: Any) -> Offer:
    waiting_case(client.user.teams.get(), **kwargs)
    assignment.place_waiting()
    return Offer.objects.get(agent=client.user, state="open")


# --- offers ------------------------------------------------------------------------------------------
def test_an_offer_shows_initials_and_why_and_no_name(desk: Client) -> None:
    offered_to(desk, patient=PatientFactory(first_name="Marisol", last_name="Quintero"), priority=1)
    page = desk.get(at("offers")).content.decode()
    assert "MQ" in page
    assert "Urgent" in page
    assert "Marisol" not in page


def test_accepting_opens_the_case(desk: Client) -> None:
    made = offered_to(desk)
    answer = desk.post(at("offer-accept", made.pk))
    assert answer.status_code == 204
    assert events(answer)["offers-changed"] == {"opens": made.case.number}
    assert Case.objects.get(pk=made.case_id).owner == desk.user


def test_who_is_too_late_is_told_who_was_faster(desk: Client) -> None:
    made = offered_to(desk)
    faster = UserFactory(roles=["agent"], display_name="Dana Ruiz")
    Case.objects.filter(pk=made.case_id).update(owner=faster)
    answer = desk.post(at("offer-accept", made.pk))
    assert answer.status_code == 409
    assert events(answer)["toast"]["value"] == "Dana gave this case to somebody meanwhile."


@pytest.mark.parametrize(("state", "words"), [("timed_out", "offered on"), ("withdrawn", "somebody else")])
def test_what_is_gone_is_said_in_words(desk: Client, state: str, words: str) -> None:
    made = offered_to(desk)
    Offer.objects.filter(pk=made.pk).update(state=state)
    answer = desk.post(at("offer-accept", made.pk))
    assert answer.status_code == 409
    assert words in events(answer)["toast"]["value"]
    assert words in events(desk.post(at("offer-decline", made.pk), {"reason": "busy"}))["toast"]["value"]


def test_declining_asks_why(desk: Client) -> None:
    made = offered_to(desk)
    assert "In the middle of something else" in desk.get(at("offer-decline", made.pk)).content.decode()
    assert desk.post(at("offer-decline", made.pk), {}).status_code == 422
    assert desk.post(at("offer-decline", made.pk), {"reason": "break"}).status_code == 204
    made.refresh_from_db()
    assert (made.state, made.declined_for) == ("declined", "break")


def test_somebody_elses_offer_is_not_there(desk: Client) -> None:
    made = offered_to(desk)
    other = signed_in(agent_there())
    for name in ("offer-accept", "offer-decline"):
        assert other.post(at(name, made.pk), {"reason": "busy"}).status_code == 404


def test_both_ends_hear_of_it_with_ids_alone(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[int, dict[str, Any]]] = []
    monkeypatch.setattr(live, "tell", lambda user, frame: told.append((user, frame)))
    giver, taker = agent_there(), agent_there()
    case = CaseFactory(owner=giver, state="open")
    with django_capture_on_commit_callbacks(execute=True):
        made = assignment.hand_over(giver, case=case, to=taker, note="Marisol wants Friday.")
    assert made is not None
    with django_capture_on_commit_callbacks(execute=True):
        assignment.decline(taker, offer=made, reason="busy")
    assert told == [
        (taker.pk, {"type": "offer", "offer": str(made.pk), "state": "open", "mine": True}),
        (taker.pk, {"type": "offer", "offer": str(made.pk), "state": "declined", "mine": True}),
        (
            giver.pk,
            {
                "type": "offer",
                "offer": str(made.pk),
                "state": "declined",
                "mine": False,
                "number": case.number,
            },
        ),
    ]


# --- handing on --------------------------------------------------------------------------------------
def test_the_transfer_begins_with_the_summary_and_asks_who_is_there(desk: Client) -> None:
    case = CaseFactory(owner=desk.user, state="open", product_line="oxygen")
    taker = agent_there()
    page = desk.get(at("case-transfer", case.number)).content.decode()
    assert "Stands: Open" in page
    sent = {"version": case.version, "to": str(taker.ref), "note": "Wants Friday."}
    assert desk.post(at("case-transfer", case.number), sent).status_code == 204
    assert Offer.objects.get(agent=taker).summary == "Wants Friday."
    again = desk.post(at("case-transfer", case.number), sent | {"version": Case.objects.get().version})
    assert again.status_code == 409
    assert "has not answered yet" in again.content.decode()


# --- the next ----------------------------------------------------------------------------------------
def test_the_next_is_given_and_opened() -> None:
    client, chat = signed_in(agent_there()), waiting_chat()
    answer = client.post(at("next"))
    assert events(answer)["offers-changed"] == {"opens": chat.case.number}
    chat.refresh_from_db()
    assert chat.agent == client.user


def test_where_nothing_waits_that_is_said(desk: Client) -> None:
    answer = desk.post(at("next"))
    assert (answer.status_code, events(answer)["toast"]["value"]) == (409, "Nothing waits that you can take.")


def test_who_is_offline_is_told_to_go_online_first() -> None:
    waiting_chat()
    client = signed_in(agent_there(state="offline"))
    answer = client.post(at("next"))
    assert (answer.status_code, Offer.objects.filter(state="open").count()) == (409, 0)
    assert "Go online" in events(answer)["toast"]["value"]


# --- why ---------------------------------------------------------------------------------------------
def test_the_case_tells_who_was_asked_and_why(desk: Client) -> None:
    made = offered_to(desk, priority=1)
    assignment.decline(desk.user, offer=made, reason="skill")
    page = desk.get(at("case-why", made.case.number)).content.decode()
    for words in ("Declined", "Needs somebody else", "Urgent", "carries the least"):
        assert words in page


# --- what one carries --------------------------------------------------------------------------------
def test_an_agent_sees_and_sets_what_they_carry(desk: Client) -> None:
    ChannelLoad.objects.create(channel="portal", cost="0.5", capacity=5)
    CaseFactory(owner=desk.user, state="open", channel="portal")
    assert "In hand: 0.50 units" in desk.get(at("capacity")).content.decode()
    said = {"state": "busy", "chat_capacity": 2, "units_portal": "2.5", "units_all": ""}
    assert desk.post(at("capacity"), said).status_code == 204
    assert (presence.of(desk.user).state, presence.of(desk.user).chat_capacity) == ("busy", 2)
    assert [str(one.units) for one in AgentCapacity.objects.filter(user=desk.user)] == ["2.50"]
    assert desk.post(at("capacity"), said | {"units_portal": "-1"}).status_code == 422


# --- the baton ---------------------------------------------------------------------------------------
def shift(user: Any, start: float, end: float) -> None:
    now = timezone.now()
    Shift.objects.create(user=user, start=now + timedelta(minutes=start), end=now + timedelta(minutes=end))


@pytest.mark.parametrize(("end", "words"), [(10, "Your shift ends"), (-10, "Your shift ended")])
def test_the_end_of_a_shift_is_told_before_and_after(end: int, words: str) -> None:
    leaver = signed_in(agent_there())
    shift(leaver.user, -400, end)
    CaseFactory(owner=leaver.user, state="open")
    assert f"{words} <time" in leaver.get(at("offers")).content.decode()


def test_the_baton_is_passed_on_one_page_and_taken_on_another() -> None:
    leaver, comer = signed_in(agent_there()), signed_in(agent_there())
    shift(leaver.user, -400, 10)
    shift(comer.user, -10, 470)
    case = CaseFactory(owner=leaver.user, state="open")
    assert "1 open case to hand over" in leaver.get(at("offers")).content.decode()
    page = leaver.get(at("baton")).content.decode()
    assert case.number in page
    said = {f"to_{case.number}": str(comer.user.ref), f"words_{case.number}": "She calls at five."}
    assert "Everything is handed over" in leaver.post(at("baton"), said).content.decode()
    assert "1 case from the shift before" in comer.get(at("offers")).content.decode()
    assert "You took over 1 case." in comer.post(at("baton-take")).content.decode()
    assert list(shifts.open_work(comer.user)) == [case]
    assert not shifts.open_work(leaver.user).exists()


def test_a_receiver_of_another_shift_is_refused_and_nothing_moves() -> None:
    leaver, stranger = signed_in(agent_there()), agent_there()
    shift(leaver.user, -400, 10)
    case = CaseFactory(owner=leaver.user, state="open")
    answer = leaver.post(at("baton"), {f"to_{case.number}": str(stranger.ref)})
    assert answer.status_code == 422
    assert list(shifts.open_work(leaver.user)) == [case]


# --- what it costs -----------------------------------------------------------------------------------
def queries(client: Any, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return sum(
        not one["sql"].startswith(("SAVEPOINT", "RELEASE", 'UPDATE "portal_usersession"')) for one in captured
    )


def test_thirty_offers_and_cases_cost_what_one_does() -> None:
    client = signed_in(agent_there())
    shift(client.user, -400, 10)
    for _ in range(2):
        shift(agent_there(), -10, 470)
    counted = {"offers": set(), "baton": set()}
    for rows in (1, 29):
        for _ in range(rows):
            CaseFactory(owner=client.user, state="open")
            given = CaseFactory(owner=agent_there(), state="open")
            assignment.hand_over(given.owner, case=given, to=client.user)
        for name, seen in counted.items():
            seen.add(queries(client, at(name)))
    assert all(len(seen) == 1 for seen in counted.values())
    assert max(counted["offers"]) <= 12
