"""Playbooks in the console: begun, stepped through, handed over, and told of what a colleague did (R-CASE-2)."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cases import playbooks
from cases.models import Case, PlaybookRun
from portal.models import AccessEntry
from tests.cases.playbook_rows import in_force
from tests.cases.walks import verify
from tests.factories import CaseFactory, OrderFactory, UserFactory, patient_with_user
from tests.people import signed_in

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def agent() -> Client:
    return signed_in(UserFactory(roles=["agent"], display_name="Dana Ruiz"))


@pytest.fixture
def case() -> Case:
    patient = patient_with_user(first_name="Marisol", birth_date="1961-04-12")
    patient.refresh_from_db()
    return CaseFactory(patient=patient, order=OrderFactory(patient=patient), channel="phone")


@pytest.fixture
def run(agent: Any, case: Case) -> PlaybookRun:
    return playbooks.start(agent.user, case=case, playbook=in_force())


def picker(case: Case) -> str:
    return reverse("agents:case-playbooks", args=[case.number])


def post(agent: Client, run: PlaybookRun, verb: str, **values: Any) -> Any:
    """What the page sends, on the state of the run that stands in the database unless said otherwise."""
    run.refresh_from_db()
    address = reverse("agents:case-playbook-act", args=[run.case.number, run.ref, verb])
    return agent.post(address, {"revision": run.revision, "place": "beside"} | values)


def text_of(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_picker_offers_what_is_in_force_and_begins_it(agent: Any, case: Case) -> None:
    in_force()
    assert "Small matter" in text_of(agent.get(picker(case)))
    page = agent.post(picker(case), {"playbook": "small"})
    run = PlaybookRun.objects.get()
    assert (run.case, run.agent, run.at_step) == (case, agent.user, "hello")
    assert "Hello from" in text_of(page)
    assert "playbook-changed" in page.headers["HX-Trigger"]
    assert "Say hello" in text_of(agent.get(picker(case)))


def test_answering_goes_on_and_shows_the_next_words(agent: Any, run: PlaybookRun) -> None:
    page = post(agent, run, "answer")
    assert page.status_code == 200
    assert "Before I open anything" in text_of(page)
    run.refresh_from_db()
    assert run.path == ["hello"]


def test_words_come_in_the_patients_language(agent: Any, run: PlaybookRun) -> None:
    run.case.patient.language = "es"
    run.case.patient.save()
    address = reverse("agents:case-playbook", args=[run.case.number, run.ref])
    assert "Hola de" in text_of(agent.get(address))
    assert "Hello from" in text_of(agent.get(address, {"language": "en"}))
    words = agent.get(reverse("agents:case-playbook-words", args=[run.case.number, run.ref]))
    assert words.json()["body"].startswith("Hola de")
    assert words.json()["language"] == "es"


def test_a_verification_is_not_passed_by_pressing_next(agent: Any, run: PlaybookRun) -> None:
    """R-CASE-3: nobody goes by hand past who the caller is."""
    post(agent, run, "answer")
    page = post(agent, run, "answer")
    assert page.status_code == 422
    assert "Verify the caller first" in text_of(page)
    assert post(agent, run, "skip", reason="They sounded right").status_code == 422
    run.refresh_from_db()
    assert run.at_step == "identify"
    verify(agent.user, run, 1)
    assert post(agent, run, "answer").status_code == 200
    run.refresh_from_db()
    assert run.at_step == "questions"


def test_what_a_step_wants_is_not_called_optional(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    page = text_of(agent.get(reverse("agents:case-playbook", args=[run.case.number, run.ref])))
    labels = dict(
        re.findall(r"<(?:label|legend)[^>]*>(Where it hurts|Nights without it|Is it urgent)(.*?)</", page)
    )
    assert {label: "(optional)" in rest for label, rest in labels.items()} == {
        "Where it hurts": False,
        "Nights without it": True,
        "Is it urgent": False,
    }


def at_questions(agent: Any, run: PlaybookRun) -> None:
    post(agent, run, "answer")
    run.refresh_from_db()
    verify(agent.user, run, 1)
    post(agent, run, "answer")


def test_bad_answers_say_what_is_wrong_and_keep_what_was_typed(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    page = post(agent, run, "answer", pain="Left knee", nights="often", urgent="maybe")
    shown = text_of(page)
    assert page.status_code == 422
    assert "A number, please." in shown
    assert "Yes or no." in shown
    assert "Left knee" in shown


def test_of_two_agents_the_second_is_told_who_was_faster_and_loses_nothing(
    agent: Any, run: PlaybookRun
) -> None:
    at_questions(agent, run)
    run.refresh_from_db()
    seen = run.revision
    other = signed_in(UserFactory(roles=["agent"], display_name="Sam Okafor"))
    assert "Take over" in text_of(other.get(picker(run.case)))
    assert post(other, run, "take-over").status_code == 200
    page = post(agent, run, "answer", revision=seen, pain="Left knee", urgent="no")
    assert page.status_code == 409
    assert "Sam went on with this playbook" in text_of(page)
    run.refresh_from_db()
    assert (run.at_step, run.agent) == ("questions", other.user)
    kept = post(other, run, "answer", revision=seen, pain="Left knee", urgent="no")
    assert kept.status_code == 409
    assert "Left knee" in text_of(kept)


def test_what_is_clinical_is_hidden_in_the_history_until_it_is_open(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    page = text_of(post(agent, run, "answer", pain="Left knee", nights="3", urgent="no"))
    assert "Left knee" not in page
    assert "••••" in page
    verify(agent.user, run, 2)
    assert "Left knee" in text_of(agent.get(picker(run.case)))


def test_words_with_facts_are_closed_when_the_verification_has_ended(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    shown = text_of(post(agent, run, "answer", pain="Knee", nights="3", urgent="no"))
    assert run.case.order.number in shown
    assert "3 nights" in shown
    for row in run.case.patient.verifications.all():
        row.ended_at = row.at
        row.save()
    closed = text_of(agent.get(picker(run.case)))
    assert run.case.order.number not in closed
    assert "closed until the caller is verified" in closed


def test_a_skip_and_an_end_say_why(agent: Any, run: PlaybookRun) -> None:
    assert "Say why." in text_of(post(agent, run, "skip"))
    assert post(agent, run, "skip", reason="They knew us").status_code == 200
    shown = text_of(post(agent, run, "abandon", reason="Wrong playbook"))
    assert "Wrong playbook" in shown
    assert "They knew us" in shown
    run.refresh_from_db()
    assert run.state == "abandoned"


def test_going_back_keeps_what_was_collected(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    post(agent, run, "answer", pain="Knee", nights="3", urgent="yes")
    post(agent, run, "back")
    run.refresh_from_db()
    assert run.at_step == "questions"
    assert run.collected["nights"] == "3"
    page = post(agent, run, "answer", nights="4", urgent="no")
    assert page.status_code == 200
    run.refresh_from_db()
    assert run.collected["pain"] == "Knee"


def test_somebody_elses_case_and_run_are_not_there(agent: Any, run: PlaybookRun) -> None:
    other = CaseFactory()
    address = reverse("agents:case-playbook", args=[other.number, run.ref])
    assert agent.get(address).status_code == 404
    assert agent.get(reverse("agents:case-playbooks", args=["C-0"])).status_code == 404
    assert post(agent, run, "dance").status_code == 404
    qa = signed_in(UserFactory(roles=["qa"]))
    assert qa.get(picker(run.case)).status_code == 403


def test_a_step_costs_few_queries_and_one_entry_for_what_it_shows(agent: Any, run: PlaybookRun) -> None:
    at_questions(agent, run)
    for _again in range(4):
        post(agent, run, "back")
        post(agent, run, "answer")
    before = AccessEntry.objects.filter(kind="read").count()
    with CaptureQueriesContext(connection) as seen:
        agent.get(picker(run.case))
    writes = [q for q in seen.captured_queries if "portal_accessentry" in q["sql"] and "INSERT" in q["sql"]]
    assert AccessEntry.objects.filter(kind="read").count() - before == 1
    assert len(writes) == 1
    asked = [q for q in seen.captured_queries if q["sql"].startswith("SELECT")]
    assert len(asked) <= MOST_QUERIES, "\n".join(q["sql"][:150] + " ... " + q["sql"][-200:] for q in asked)
