"""Where a survey is answered: without sign-in by its link, in the portal by the patient, in the chat."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cases import conversations
from cases.channels.chat import TICKETS, digest
from cases.models import Conversation, Survey, SurveyAnswer, SurveyInvitation
from config.security import audit
from portal.models import AccessEntry
from tests.cases.test_surveys import DESK, asked_of, chat, in_force, link_token, patient_who
from tests.factories import caregiver_of, patient_with_user
from tests.people import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def survey(db: None) -> Survey:
    return in_force(second_question="What could be better?", second_question_es="¿Qué mejorar?")


def page(token: str) -> str:
    return f"{reverse('cases:survey')}?token={token}"


# --- by the link ---------------------------------------------------------------------------------------
def test_the_link_opens_questions_without_sign_in_and_nothing_of_the_case(survey: Survey) -> None:
    patient = patient_who()
    asked = asked_of(patient, subject="My oxygen at night")
    answer = Client().get(page(link_token()))
    html = answer.content.decode()
    assert "How was it?" in html
    assert "What could be better?" in html
    for secret in (patient.first_name, patient.last_name, patient.email, asked.case.number, "oxygen"):
        assert secret not in html
    assert "no-store" in answer["Cache-Control"]


def test_it_speaks_the_patients_language(survey: Survey) -> None:
    asked_of(patient_who(language="es"))
    html = Client().get(page(link_token())).content.decode()
    assert "¿Qué tal?" in html
    assert "¿Qué mejorar?" in html


def test_an_answer_is_taken_once_and_changed_within_the_hour(survey: Survey) -> None:
    asked_of()
    visitor, token = Client(), link_token()
    first = visitor.post(reverse("cases:survey"), {"token": token, "score": "4", "comment": "Good"})
    assert first.status_code == 200
    assert SurveyAnswer.objects.get().score == 4
    visitor.post(reverse("cases:survey"), {"token": token, "score": "2"})
    assert SurveyAnswer.objects.get().score == 2
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        late = visitor.post(reverse("cases:survey"), {"token": token, "score": "5"})
    assert late.status_code == 409
    assert "more than an hour ago" in late.content.decode()
    assert SurveyAnswer.objects.get().score == 2


@pytest.mark.parametrize("score", ["", "0", "6", "x"])
def test_a_wrong_score_is_told_and_keeps_the_comment(survey: Survey, score: str) -> None:
    asked_of()
    answer = Client().post(
        reverse("cases:survey"), {"token": link_token(), "score": score, "comment": "Keep me"}
    )
    assert answer.status_code == 422
    assert "Keep me" in answer.content.decode()
    assert not SurveyAnswer.objects.exists()


@pytest.mark.parametrize("token", ["", "forged", "x" * 5000, "a\0b"])
def test_a_forged_link_is_told_so(survey: Survey, token: str) -> None:
    asked_of()
    visitor = Client()
    assert visitor.get(reverse("cases:survey"), {"token": token}).status_code == 410
    assert visitor.post(reverse("cases:survey"), {"token": token, "score": "5"}).status_code == 410


def test_who_tries_many_links_has_to_wait_and_a_good_one_still_opens(survey: Survey) -> None:
    """R-INT-3: a limit at every edge."""
    asked_of()
    guesser, url = Client(), reverse("cases:survey")
    tried = [guesser.get(url, {"token": f"guess-{number}"}).status_code for number in range(31)]
    assert tried == [410] * 30 + [429]
    assert guesser.get(page(link_token())).status_code == 200


def test_an_expired_link_is_told_so(survey: Survey) -> None:
    asked_of()
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False):
        answer = Client().get(page(link_token()))
    assert answer.status_code == 410
    assert "over" in answer.content.decode()


def test_an_answer_is_on_the_trail_as_the_surveys(survey: Survey) -> None:
    asked = asked_of()
    Client().post(reverse("cases:survey"), {"token": link_token(), "score": "4", "comment": "Secret words"})
    entry = AccessEntry.objects.filter(subjects__contains=[asked.patient_id]).latest("pk")
    assert "Secret words" not in str(vars(entry))
    assert audit.context.get().actor_name != "survey"


# --- in the portal -------------------------------------------------------------------------------------
def test_a_patient_answers_in_their_portal(survey: Survey) -> None:
    patient = patient_who("portal")
    asked = asked_of(patient)
    browser = signed_in(patient.user)
    assert mail.outbox == []
    address = reverse("cases:survey-mine", args=[asked.ref])
    with time_machine.travel(timezone.now(), tick=False):
        assert reverse("cases:surveys") in browser.get(reverse("portal:home")).content.decode()
        assert address in browser.get(reverse("cases:surveys")).content.decode()
        assert browser.get(address).status_code == 200
        assert browser.post(address, {"score": "5"}).status_code == 200
        assert browser.get(reverse("cases:surveys")).status_code == 204
    assert SurveyAnswer.objects.get().invitation == asked


def test_nobody_answers_for_somebody_else(survey: Survey) -> None:
    patient = patient_who("portal")
    asked = asked_of(patient)
    address = reverse("cases:survey-mine", args=[asked.ref])
    for other in (patient_with_user().user, caregiver_of(patient).user):
        assert signed_in(other).get(address).status_code == 404
        assert signed_in(other).post(address, {"score": "5"}).status_code == 404
    assert Client().get(address).status_code == 302


# --- in the chat ---------------------------------------------------------------------------------------
def ended_chat() -> tuple[Conversation, str]:
    talk = chat()
    ticket = "t" * 43
    Conversation.objects.filter(pk=talk.pk).update(ticket_digest=digest(TICKETS, ticket))
    conversations.end(DESK, conversation=talk)
    return talk, ticket


def form_of(talk: Conversation, ticket: str, **values: str) -> Any:
    body = {"client_id": str(uuid.uuid4()), "form": "survey", "values": values}
    headers = {"Authorization": f"Bearer {ticket}"}
    address = reverse("cases:chat-form", args=[talk.pk])
    return Client().post(address, body, content_type="application/json", headers=headers)


def test_a_guest_answers_in_the_chat_after_its_end(survey: Survey) -> None:
    talk, ticket = ended_chat()
    told = form_of(talk, ticket, score="4", comment="Quick")
    assert (told.status_code, told.json()["ok"]) == (200, True)
    assert SurveyAnswer.objects.get().score == 4
    assert form_of(talk, ticket, score="9").json()["ok"] is False


def test_without_the_ticket_a_chats_form_is_closed(survey: Survey) -> None:
    talk, _ticket = ended_chat()
    assert form_of(talk, "f" * 43, score="1").status_code == 403
    assert not SurveyAnswer.objects.exists()


def test_other_forms_stay_closed_after_the_end(survey: Survey) -> None:
    talk, ticket = ended_chat()
    body = {"client_id": str(uuid.uuid4()), "form": "identify", "values": {"order_number": "SO-1"}}
    headers = {"Authorization": f"Bearer {ticket}"}
    address = reverse("cases:chat-form", args=[talk.pk])
    answer = Client().post(address, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "closed")


def test_invitations_of_others_are_not_seen() -> None:
    in_force()
    asked = asked_of()
    assert not SurveyInvitation.objects.visible_to(patient_with_user().user).exists()
    assert SurveyInvitation.objects.visible_to(asked.patient.user).exists()
