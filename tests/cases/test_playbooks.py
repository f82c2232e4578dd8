"""Playbooks: what may not be published, and how a run goes on whoever works it (R-CASE-2, R-CASE-3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cases import playbook_checks, playbook_showing, playbook_values, playbooks
from cases.cases import Conflict
from cases.models import Case, PlaybookRun
from cases.playbook_content import Field
from portal.verification import NotVerified
from tests.cases.playbook_rows import in_force, small
from tests.cases.walks import verify
from tests.factories import CaseFactory, OrderFactory, ReasonFactory, UserFactory, patient_with_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Any:
    return UserFactory(roles=["agent"], display_name="Dana Ruiz")


@pytest.fixture
def case() -> Case:
    patient = patient_with_user(first_name="Marisol")
    patient.refresh_from_db()
    return CaseFactory(patient=patient, order=OrderFactory(patient=patient), channel="phone")


@pytest.fixture
def run(agent: Any, case: Case) -> PlaybookRun:
    return playbooks.start(agent, case=case, playbook=in_force())


def changed(code: str, **values: Any) -> list[str]:
    """What is wrong once the small playbook's step ``code`` is changed so."""
    content = small()
    content["steps"] = [step | values if step["code"] == code else step for step in content["steps"]]
    return [str(problem) for problem in playbook_checks.of(content)]


def on(agent: Any, run: PlaybookRun, **values: str) -> PlaybookRun:
    return playbooks.answer(agent, run=run, revision=run.revision, values=values)


# --- what can't be published -------------------------------------------------------------------------
def test_a_sound_one_has_no_problems() -> None:
    assert playbook_checks.of(small()) == []


@pytest.mark.parametrize(
    ("code", "values", "words"),
    [
        ("hurry", {"next": ""}, "hurry: is a dead end"),
        ("hurry", {"next": "hurry"}, "hurry: is part of a loop without an exit"),
        ("questions", {"branches": []}, "hurry: is never reached"),
        ("questions", {"fields": ["shoe_size"]}, "asks for “shoe_size”, which is no field"),
        ("hello", {"scripts": {"any": {"en": "Hi {nobody}", "es": "Hola"}}}, "names {nobody}"),
        ("hello", {"scripts": {"any": {"en": "Hi"}}}, "its words for any are missing in Spanish"),
        ("hello", {"scripts": {"any": {"en": "{order_number}", "es": "{order_number}"}}}, "not verified"),
        ("hurry", {"action": "fly_there"}, "the action “fly_there” is not registered"),
        ("hurry", {"next": "nowhere"}, "leads to “nowhere”, which does not exist"),
        ("hurry", {"level": 2}, "is for callers verified to level 2, and others come to it"),
        ("identify", {"failed": ""}, "where to go when it fails"),
        ("hurry", {"kind": "escalate", "scripts": {}, "lane": ""}, "says no lane"),
        (
            "hurry",
            {"scripts": {"any": {"en": "a", "es": "b"}, "sms": {"en": "CPAP", "es": "c"}}},
            "sms may not hold",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_step(code: str, values: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in changed(code, **values)), changed(code, **values)


@pytest.mark.parametrize("value", ["", "soon", "-", "1.2.3"])
def test_a_branch_by_a_value_that_can_not_be_is_named(value: str) -> None:
    wrong = [{"when": [{"field": "urgent", "test": "equals", "value": value}], "then": "hurry"}]
    assert any("is no value of" in problem for problem in changed("questions", branches=wrong))


def with_field(field: dict[str, Any], value: str = "") -> list[str]:
    """What is wrong once ``urgent`` is this field, and ``value`` what the way on is decided by."""
    content = small()
    content["fields"] = [{"name": "urgent", "label": "How urgent?"} | field]
    test = {"field": "urgent", "test": "older_than", "value": value} if value else {}
    when = [test or {"field": "urgent", "test": "known", "value": ""}]
    for step in content["steps"]:
        if step["code"] == "questions":
            step["branches"] = [{"when": when, "then": "hurry"}]
    return [str(problem) for problem in playbook_checks.of(content)]


@pytest.mark.parametrize(
    ("kind", "limit", "fits"),
    [
        ("number", "1200.5", True),
        ("number", "nan", False),
        ("money", "inf", False),
        ("money", "soon", False),
        ("date", "today+30", True),
        ("date", "today+99999999999", False),
        ("date", "today+9999999", False),
        ("text", "3", False),
    ],
)
def test_a_limit_that_can_not_be_kept_is_named(kind: str, limit: str, fits: bool) -> None:
    for place in ("least", "most"):
        wrong = with_field({"type": kind, place: limit})
        assert any("limits that are not of its type" in problem for problem in wrong) != fits


@pytest.mark.parametrize(("days", "fits"), [("30", True), ("99999999999", False), ("9" * 5000, False)])
def test_days_that_nobody_can_count_are_named(days: str, fits: bool) -> None:
    wrong = with_field({"type": "date"}, days)
    assert any("is no value of" in problem for problem in wrong) != fits


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["steps", "fields", "code", "kind", "title", "scripts", "any", "name", "label", "when"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON)
def test_nothing_that_is_imported_breaks_the_checks(raw: Any) -> None:
    assert playbook_checks.of(raw)


# --- what is typed -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        (Field("n", "N", "number", least="1"), " 1,200.50 ", "1200.5"),
        (Field("m", "M", "money"), "$1,200.5", "1200.50"),
        (Field("p", "P", "phone"), "(512) 555-0143", "+15125550143"),
        (Field("d", "D", "date"), "2026-03-01", "2026-03-01"),
        (Field("t", "T", required=False), "  ", ""),
        (Field("y", "Y", "yesno"), "yes", "yes"),
    ],
)
def test_values_are_kept_in_one_spelling(case: Case, field: Field, typed: str, kept: str) -> None:
    assert playbook_values.clean(field, typed, case) == kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        (Field("n", "N", "number", most="9"), "10"),
        (Field("n", "N", "number"), "NaN"),
        (Field("m", "M", "money"), "-3"),
        (Field("m", "M", "money"), "1.234"),
        (Field("d", "D", "date", most="today"), "2999-01-01"),
        (Field("d", "D", "date"), "yesterday"),
        (Field("c", "C", "choice", choices=(("a", "A"),)), "b"),
        (Field("o", "O", "order"), "SO-0"),
        (Field("p", "P", "phone"), "123"),
        (Field("t", "T"), ""),
    ],
)
def test_what_is_no_answer_is_refused(case: Case, field: Field, typed: str) -> None:
    with pytest.raises(ValidationError):
        playbook_values.clean(field, typed, case)


def test_an_order_of_somebody_else_is_no_answer(case: Case) -> None:
    other = OrderFactory()
    with pytest.raises(ValidationError):
        playbook_values.clean(Field("o", "O", "order"), other.number, case)
    assert (
        playbook_values.clean(Field("o", "O", "order"), case.order.number.lower(), case) == case.order.number
    )


# --- a run -------------------------------------------------------------------------------------------
def test_what_is_collected_is_sealed(agent: Any, run: PlaybookRun) -> None:
    run = on(agent, run)
    verify(agent, run, 1)
    on(agent, on(agent, run), pain="Left knee", urgent="no")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT collected FROM cases_playbookrun UNION ALL SELECT values FROM cases_playbooksteptaken"
        )
        stored = " ".join(str(row[0]) for row in cursor.fetchall())
    assert "knee" not in stored
    assert PlaybookRun.objects.get(pk=run.pk).collected["pain"] == "Left knee"


def test_a_verification_is_passed_by_standing_alone_and_again_when_that_ends(
    agent: Any, run: PlaybookRun
) -> None:
    run = on(agent, run)
    with pytest.raises(NotVerified):
        on(agent, run)
    with pytest.raises(ValidationError):
        playbooks.skip(agent, run=run, revision=run.revision, reason="They sounded right")
    verify(agent, run, 1)
    run = on(agent, on(agent, run), pain="Knee", urgent="no")
    with time_machine.travel(timezone.now() + timedelta(days=2)), pytest.raises(NotVerified):
        on(agent, run)


def test_a_guest_whom_nobody_knows_goes_the_other_way(agent: Any) -> None:
    guest = CaseFactory(patient=None, order=None, guest_name="Sam")
    run = on(agent, playbooks.start(agent, case=guest, playbook=in_force()))
    with pytest.raises(NotVerified):
        on(agent, run)
    run = playbooks.answer(agent, run=run, revision=run.revision, failed=True)
    assert run.at_step == "not_verified"


def test_only_a_verification_can_fail(agent: Any, run: PlaybookRun) -> None:
    with pytest.raises(ValidationError):
        playbooks.answer(agent, run=run, revision=run.revision, failed=True)


def test_starting_again_goes_on_with_the_run_there_is(agent: Any, run: PlaybookRun) -> None:
    assert playbooks.start(agent, case=run.case, playbook=run.playbook) == run
    assert PlaybookRun.objects.count() == 1


def test_a_colleague_takes_it_over_and_the_first_is_told(agent: Any, run: PlaybookRun) -> None:
    other = UserFactory(roles=["agent"], display_name="Sam Okafor")
    with pytest.raises(ValidationError, match="take it over"):
        on(other, run)
    playbooks.take_over(other, run=run, revision=run.revision)
    with pytest.raises(Conflict) as told:
        on(agent, run)
    assert told.value.by == "Sam"


def test_going_back_does_not_do_twice_what_was_set_going(agent: Any, case: Case) -> None:
    ReasonFactory(family="billing")
    content = small()
    content["steps"] = [
        step | {"action": "review_bill"} if step["code"] == "hello" else step for step in content["steps"]
    ]
    run = playbooks.start(agent, case=case, playbook=in_force(steps=content["steps"]))
    run = on(agent, run)
    run = on(agent, playbooks.back(agent, run=run, revision=run.revision))
    assert case.children.count() == 1
    (child,) = case.children.all()
    assert (
        child.number
        in playbook_showing.show(agent, playbooks.back(agent, run=run, revision=run.revision)).acted
    )


def test_a_skip_of_a_required_step_is_flagged(agent: Any, run: PlaybookRun) -> None:
    run = on(agent, run)
    run = playbooks.answer(agent, run=run, revision=run.revision, failed=True)
    run = playbooks.skip(agent, run=run, revision=run.revision, reason="They hung up")
    taken = {one.title: one for one in playbook_showing.show(agent, run).taken}
    assert taken["Help without opening the record"].flagged
    assert taken["Help without opening the record"].reason == "They hung up"


def test_an_ended_run_stays_as_it_ended(agent: Any, run: PlaybookRun) -> None:
    run = playbooks.abandon(agent, run=run, revision=run.revision, reason="Wrong one")
    with pytest.raises(ValidationError, match="has ended"):
        on(agent, run)
    assert list(run.case.events.values_list("kind", flat=True)).count("playbook") == 2


def test_it_is_for_the_desk(run: PlaybookRun) -> None:
    with pytest.raises(PermissionDenied):
        playbooks.start(UserFactory(roles=["qa"]), case=run.case, playbook=run.playbook)
    assert not PlaybookRun.objects.visible_to(run.case.patient.user).exists()


# --- two at once -------------------------------------------------------------------------------------
def at_once(*acts: Any) -> list[Any]:
    """What each of ``acts`` gave or raised, all begun together."""
    ready = Barrier(len(acts))

    def one(act: Any) -> Any:
        try:
            ready.wait()
            return act()
        except (Conflict, ValidationError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_once_one_goes_on_and_one_is_told(agent: Any, case: Case) -> None:
    run = playbooks.start(agent, case=case, playbook=in_force())
    came = at_once(*[lambda: on(agent, run)] * 2)
    assert sorted(type(one).__name__ for one in came) == ["Conflict", "PlaybookRun"]
    run.refresh_from_db()
    assert (run.at_step, run.path, run.taken.count()) == ("identify", ["hello"], 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_starts_at_once_there_is_one_run(agent: Any, case: Case) -> None:
    playbook = in_force()
    came = at_once(*[lambda: playbooks.start(agent, case=case, playbook=playbook)] * 3)
    assert {one.pk for one in came} == {PlaybookRun.objects.get().pk}
