"""Macros: several acts in one go through their own rules, all or nothing (R-CASE-4)."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone

from cases import cases, conversations, macros
from cases.macro_steps import ACTS
from cases.models import CannedReply, Case, CaseEvent, Macro, Message, Tag
from portal.models import RoleGrant
from tests.factories import CaseFactory, ConversationFactory, ReasonFactory, TeamFactory, UserFactory

pytestmark = pytest.mark.django_db

CLOSE = {"do": "close", "disposition": "answered", "next_step": "Nothing is left to do."}


def macro(*steps: Any, **kwargs: Any) -> Macro:
    return Macro.objects.create(code=kwargs.pop("code", "m"), name="Tidy up", steps=list(steps), **kwargs)


def case_in_hand() -> Case:
    case: Case = CaseFactory(reason=ReasonFactory(), state="open")
    ConversationFactory(case=case, patient=case.patient, channel="portal")
    return case


@pytest.fixture
def agent(db: None) -> Any:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


def test_every_step_goes_through_its_rule_and_the_macro_is_told(agent: Any) -> None:
    team, case = TeamFactory(code="billing"), case_in_hand()
    Tag.objects.create(name="vip")
    CannedReply.objects.create(shortcut="thanks", title="x", body="Thank you for {case_number}.")
    told = macros.run(
        agent,
        case=case,
        macro=macro(
            {"do": "assign", "to": "me"},
            {"do": "reply", "canned": "thanks"},
            {"do": "note", "text": "Told {agent_name}."},
            {"do": "tag", "tags": ["vip"]},
            {"do": "priority", "priority": 2},
            {"do": "wait", "on": "customer"},
            {"do": "snooze", "hours": 4},
            {"do": "transfer", "team": "billing"},
            CLOSE,
        ),
    )
    assert len(told) == 9
    case.refresh_from_db()
    assert (case.state, case.priority, case.team, case.disposition) == ("closed", 2, team, "answered")
    assert [tag.name for tag in case.tags.all()] == ["vip"]
    said = dict(Message.objects.filter(conversation__case=case).values_list("kind", "body"))
    assert said == {"reply": f"Thank you for {case.number}.", "note": "Told Dana."}
    event = CaseEvent.objects.get(case=case, kind="macro")
    assert event.detail["macro"] == "Tidy up"
    assert event.detail["did"] == told


def test_one_step_that_fails_undoes_all_and_says_which_and_why(agent: Any) -> None:
    case = case_in_hand()
    CannedReply.objects.create(shortcut="when", title="x", body="We call you {... when}.")
    broken = macro(
        {"do": "assign", "to": "me"}, {"do": "note", "text": "x"}, {"do": "reply", "canned": "when"}
    )
    with pytest.raises(macros.MacroFailed) as failed:
        macros.run(agent, case=case, macro=broken)
    assert failed.value.number == 3
    assert "{... when}" in failed.value.in_words()
    case.refresh_from_db()
    assert case.owner is None
    assert not Message.objects.filter(conversation__case=case).exists()
    assert not CaseEvent.objects.filter(case=case).exists()


def test_what_the_agent_wrote_over_a_reply_is_sent(agent: Any) -> None:
    case = case_in_hand()
    CannedReply.objects.create(shortcut="when", title="x", body="We call you {... when}.")
    macros.run(
        agent, case=case, macro=macro({"do": "reply", "canned": "when"}), texts={1: "We call you at five."}
    )
    assert Message.objects.get(conversation__case=case).body == "We call you at five."


@pytest.mark.parametrize("permission", sorted({act.permission for act in ACTS.values()}))
def test_each_step_takes_the_permission_that_the_act_takes_alone(permission: str, agent: Any) -> None:
    """Whoever lacks the permission of a step does not get round it by a macro."""
    from portal import access

    steps = {
        "cases.work": {"do": "wait", "on": "customer"},
        "cases.assign": {"do": "assign", "to": "me"},
        "cases.escalate": {"do": "escalate", "lane": "manager", "why": "asked for"},
        "playbooks.run": {"do": "playbook", "code": "return"},
    }
    case = case_in_hand()
    held = access.PERMISSIONS[permission]
    access.PERMISSIONS[permission] = held - {"agent"}
    try:
        with pytest.raises((macros.MacroFailed, PermissionDenied)):
            macros.run(agent, case=case, macro=macro(steps[permission]))
        if permission != "playbooks.run":
            [seen] = macros.ahead(agent, case=case, macro=Macro.objects.get())
            assert "may not" in seen.problem
    finally:
        access.PERMISSIONS[permission] = held
    assert not CaseEvent.objects.filter(case=case).exists()


def test_only_who_may_use_macros_runs_one(agent: Any) -> None:
    RoleGrant.objects.filter(user=agent).update(role="qa")
    for act in (macros.run, macros.ahead):
        with pytest.raises(PermissionDenied):
            act(
                type(agent).objects.get(pk=agent.pk),
                case=case_in_hand(),
                macro=macro(CLOSE, code=act.__name__),
            )


def test_looking_ahead_tells_all_and_does_nothing(agent: Any) -> None:
    case = case_in_hand()
    CannedReply.objects.create(shortcut="when", title="x", body="For {case_number}: {... when}")
    seen = macros.ahead(
        agent, case=case, macro=macro({"do": "assign", "to": "me"}, {"do": "reply", "canned": "when"}, CLOSE)
    )
    assert [one.number for one in seen] == [1, 2, 3]
    assert seen[1].text == f"For {case.number}: {{... when}}"
    assert [bool(one.problem) for one in seen] == [False, True, False]
    case.refresh_from_db()
    assert (case.owner, case.state, case.version) == (None, "open", 0)
    assert not CaseEvent.objects.filter(case=case).exists()


@pytest.mark.parametrize(
    "step",
    [{"do": "reply", "canned": "gone"}, {"do": "transfer", "team": "gone"}, {"do": "tag", "tags": ["gone"]}],
)
def test_what_went_out_of_use_is_told_when_it_runs(step: dict[str, Any], agent: Any) -> None:
    with pytest.raises(macros.MacroFailed) as failed:
        macros.run(agent, case=case_in_hand(), macro=macro(step))
    assert "gone" in failed.value.why


def test_a_case_that_moved_on_is_a_conflict(agent: Any) -> None:
    case = case_in_hand()
    cases.assign(agent, case=case, to=agent)
    with pytest.raises(cases.Conflict):
        macros.run(agent, case=case, macro=macro(CLOSE), version=0)


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_that_close_one_does_and_the_other_is_told() -> None:
    case, ends = case_in_hand(), macro(CLOSE)
    outcomes: list[Any] = []
    begin = threading.Barrier(2)

    def run() -> None:
        try:
            begin.wait()
            outcomes.append(macros.run(UserFactory(roles=["agent"]), case=case, macro=ends, version=0))
        except cases.Conflict as conflict:
            outcomes.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "list"]
    assert CaseEvent.objects.filter(case=case, kind="macro").count() == 1


# --- keeping and choosing ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([], "one at least"),
        ({"do": "note"}, "list of steps"),
        ([{"do": "explode"}], "Step 1: do must be one of"),
        ([{"do": "note"}], "note needs text"),
        ([{"do": "note", "text": 5}], "text must be a text"),
        ([{"do": "note", "text": "x", "loud": True}], "takes no loud"),
        ([{"do": "priority", "priority": 9}], "priority must be one of"),
        ([{"do": "priority", "priority": True}], "whole number"),
        ([{"do": "snooze", "hours": 0}], "between 1 and"),
        ([{"do": "tag", "tags": []}], "must be a list"),
        ([{"do": "tag", "tags": ["nope"]}], "No such tag: nope"),
        ([{"do": "transfer", "team": "nope"}], "no team nope"),
        ([{"do": "reply", "canned": "nope"}], "nope"),
        ([{"do": "escalate", "lane": "clinical", "why": "x"}], "lane must be one of"),
        ([CLOSE, {"do": "note", "text": "x"}], "by the last step"),
        ([{"do": "note", "text": "x"}] * 13, "at most 12"),
    ],
)
def test_a_macro_that_could_not_run_is_not_kept(steps: Any, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        macros.keep(UserFactory(roles=["lead"]), Macro(code="m", name="m", steps=steps))
    assert says in " ".join(refused.value.message_dict["steps"])
    assert not Macro.objects.exists()


def test_offered_are_those_of_channel_and_team_and_search_finds_by_name(agent: Any) -> None:
    macro(CLOSE, code="a", what_for="Says goodbye")
    macro(CLOSE, code="b", channels=["sms"])
    macro(CLOSE, code="c").teams.add(TeamFactory())
    macro(CLOSE, code="d", active=False)
    case = case_in_hand()
    assert [one.code for one in macros.offered(agent, case)] == ["a"]
    assert [one.code for one in macros.offered(agent, case, query="GOODBYE")] == ["a"]
    assert macros.offered(agent, case, query="nothing") == []
    for code in ("b", "c", "d"):
        with pytest.raises(PermissionDenied):
            macros.run(agent, case=case, macro=Macro.objects.get(code=code))


def test_a_reply_goes_where_the_customer_spoke_last(agent: Any) -> None:
    """As what is written in the composer does: not into the thread that merely began later."""
    case, now = CaseFactory(reason=ReasonFactory(), state="open"), timezone.now()
    asked = ConversationFactory(
        case=case,
        patient=case.patient,
        channel="portal",
        started_at=now - timedelta(days=3),
        last_message_at=now,
    )
    later = now - timedelta(days=1)
    ConversationFactory(
        case=case, patient=case.patient, channel="email", started_at=later, last_message_at=later
    )
    CannedReply.objects.create(shortcut="soon", title="x", body="We look into {case_number}.")
    macros.run(agent, case=case, macro=macro({"do": "reply", "canned": "soon"}))
    assert Message.objects.get(author_role="agent").conversation == asked


def test_a_live_chat_comes_before_what_was_written_since() -> None:
    case, now = CaseFactory(), timezone.now()
    chat = ConversationFactory(
        case=case, channel="chat", state="open", started_at=now - timedelta(days=1), last_message_at=now
    )
    ConversationFactory(
        case=case, channel="email", started_at=now, last_message_at=now + timedelta(minutes=5)
    )
    assert conversations.thread_of(case) == chat
