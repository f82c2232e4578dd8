"""One or two questions after a closed case: by consent, once, on the way the patient chose (R-KPI-1, R-CHAT-8)."""

import contextlib
import threading
from datetime import date, timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from cases import cases, conversations, survey_sending, surveys
from cases.cases import Conflict
from cases.defaults import words
from cases.models import (
    Case,
    Message,
    Survey,
    SurveyAnswer,
    SurveyInvitation,
    WordsVersion,
)
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal import consent
from portal.access import System
from portal.models import Patient
from tests.factories import (
    CaseFactory,
    ConversationFactory,
    ReasonFactory,
    UserFactory,
    patient_with_user,
)

pytestmark = pytest.mark.django_db
DESK = System("test desk")


@pytest.fixture
def survey(db: None) -> Survey:
    return in_force()


def in_force(**kwargs: Any) -> Survey:
    words = {"question": "How was it?", "question_es": "¿Qué tal?", "low_label": "bad", "low_label_es": "mal"}
    words |= {"high_label": "good", "high_label_es": "bien", "code": "csat"}
    found: Survey = surveys.keep(UserFactory(roles=["supervisor"]), Survey(**words, **kwargs))
    return found


def patient_who(channel: str = "email", granted: bool | None = True, **kwargs: Any) -> Patient:
    patient = patient_with_user()
    Patient.objects.filter(pk=patient.pk).update(preferred_channel=channel, **kwargs)
    patient.refresh_from_db()
    if granted is not None and channel != "portal":
        for answer in (True, granted):
            consent.choose(patient.user, patient=patient, choices={(channel, "surveys"): answer})
    return patient


def closed(patient: Patient | None, disposition: str = "answered", **kwargs: Any) -> Case:
    case = CaseFactory(patient=patient, reason=ReasonFactory(), **kwargs)
    return cases.close(DESK, case=case, disposition=disposition, next_step="None.")


def sent_by(case: Case, later: timedelta = timedelta(hours=2)) -> SurveyInvitation:
    """What became of the invitation once its time had come."""
    with time_machine.travel(timezone.now() + later, tick=False):
        for pk in survey_sending.due():
            survey_sending.send(pk)
    return SurveyInvitation.objects.get(case=case)


def link_token() -> str:
    return str(mail.outbox[-1].body).split("?token=")[1].split()[0]


# --- whom and when -------------------------------------------------------------------------------------
def test_it_is_asked_when_the_delay_is_over_and_once(survey: Survey) -> None:
    case = closed(patient_who())
    assert survey_sending.due() == []
    asked = sent_by(case)
    assert (asked.state, asked.way) == ("sent", "email")
    assert not survey_sending.send(asked.pk)
    [letter] = mail.outbox
    assert case.number not in letter.subject + str(letter.body)
    assert asked.token_digest
    assert link_token() not in str(vars(asked))


def test_without_a_survey_in_force_nobody_is_asked() -> None:
    closed(patient_who())
    assert not SurveyInvitation.objects.exists()


@pytest.mark.parametrize(
    ("patient", "why"),
    [
        ({"granted": False}, "no_consent"),
        ({"granted": None}, ""),
        ({"channel": "sms"}, ""),
        ({"channel": "portal"}, ""),
    ],
)
def test_who_refuses_is_not_asked_and_who_said_nothing_is_asked_in_the_portal(
    survey: Survey, patient: dict[str, Any], why: str, monkeypatch: Any
) -> None:
    texts: list[Any] = []
    monkeypatch.setattr("config.integrations.sms.send", lambda *args, **kwargs: texts.append((args, kwargs)))
    asked = sent_by(closed(patient_who(**patient)))
    assert asked.why == why
    expected = {"sms": "sms"}.get(patient.get("channel", ""), "portal")
    assert asked.way == expected
    assert asked.state == ("skipped" if why else "sent")
    assert mail.outbox == []
    if texts:
        [(_to, words), key] = texts[0]
        assert "STOP" in words
        assert key == {"key": f"survey-{asked.ref}"}


def test_consent_withdrawn_between_close_and_sending_holds(survey: Survey) -> None:
    patient = patient_who()
    case = closed(patient)
    consent.choose(patient.user, patient=patient, choices={("email", "surveys"): False})
    asked = sent_by(case)
    assert (asked.state, asked.why) == ("skipped", "no_consent")
    assert mail.outbox == []


def test_a_case_opened_again_is_asked_about_after_its_next_close(survey: Survey) -> None:
    case = closed(patient_who())
    cases.reopen(DESK, case=case)
    asked = sent_by(case)
    assert (asked.state, asked.why) == ("skipped", "reopened")
    cases.close(DESK, case=case, disposition="answered", next_step="None.")
    assert sent_by(case).state == "sent"
    cases.reopen(DESK, case=case)
    cases.close(DESK, case=case, disposition="answered", next_step="None.")
    sent_by(case)
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("disposition", ["abuse", "duplicate"])
def test_abuse_and_duplicates_are_not_asked_about(survey: Survey, disposition: str) -> None:
    closed(patient_who(), disposition)
    assert not SurveyInvitation.objects.exists()


def test_the_dead_are_not_asked_not_even_who_died_since(survey: Survey) -> None:
    closed(patient_who(deceased_on=date(2026, 1, 1)))
    assert not SurveyInvitation.objects.exists()
    patient = patient_who()
    case = closed(patient)
    Patient.objects.filter(pk=patient.pk).update(deceased_on=date(2026, 1, 1))
    assert sent_by(case).why == "not_asked_of"


def test_a_merged_case_is_not_asked_about(survey: Survey) -> None:
    patient = patient_who()
    case = closed(patient)
    Case.objects.filter(pk=case.pk).update(merged_into=CaseFactory(patient=patient))
    assert sent_by(case).why == "not_asked_of"


def test_a_patient_is_asked_once_in_so_many_days(survey: Survey) -> None:
    patient = patient_who()
    first, second = closed(patient), closed(patient)
    assert sent_by(first).state == "sent"
    assert sent_by(second).why == "quiet"
    with time_machine.travel(timezone.now() + timedelta(days=survey.quiet_days + 1), tick=False):
        assert sent_by(closed(patient)).state == "sent"


def test_as_it_comes_every_closed_case_is_asked_about() -> None:
    """R-KPI-1: quiet days are a supervisor's to set."""
    words.install()
    patient = patient_who()
    assert [sent_by(closed(patient)).state for _case in range(2)] == ["sent", "sent"]


def test_it_is_asked_in_the_patients_language(survey: Survey) -> None:
    sent_by(closed(patient_who(language="es")))
    assert mail.outbox[0].subject == "¿Cómo lo hicimos?"


def test_a_partner_that_is_down_is_tried_again_and_one_that_refuses_is_not(
    survey: Survey, monkeypatch: Any
) -> None:
    case = closed(patient_who())

    def down(*_args: Any) -> None:
        raise PartnerDown("mail")

    monkeypatch.setattr("config.integrations.mail.send", down)
    asked = sent_by(case)
    assert (asked.state, asked.sent_at, asked.token_digest) == ("due", None, None)

    def refuses(*_args: Any) -> None:
        raise PartnerRefuses("mail", 550)

    monkeypatch.setattr("config.integrations.mail.send", refuses)
    assert sent_by(case, timedelta(days=1)).state == "failed"


@pytest.mark.django_db(transaction=True)
def test_two_closes_at_once_and_two_senders_at_once_ask_once() -> None:
    in_force(delay_minutes=0)
    case = CaseFactory(patient=patient_who(), reason=ReasonFactory())

    def close() -> None:
        with contextlib.suppress(Conflict):
            cases.close(DESK, case=case, disposition="answered", next_step="None.", version=0)

    _both(close)
    [pk] = SurveyInvitation.objects.filter(case=case).values_list("pk", flat=True)
    _both(lambda: survey_sending.send(pk))
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_cases_of_one_patient_sent_at_once_ask_once() -> None:
    in_force(delay_minutes=0)
    patient = patient_who()
    first, second = closed(patient), closed(patient)
    pks = list(SurveyInvitation.objects.values_list("pk", flat=True))
    turns = iter(pks)
    _both(lambda: survey_sending.send(next(turns)))
    states = sorted(SurveyInvitation.objects.filter(case__in=[first, second]).values_list("state", flat=True))
    assert states == ["sent", "skipped"]


def _both(act: Any) -> None:
    begin = threading.Barrier(2)

    def run() -> None:
        try:
            begin.wait()
            act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- in a chat -----------------------------------------------------------------------------------------
def chat(**kwargs: Any) -> Any:
    case = CaseFactory(patient=kwargs.pop("patient", None), channel="chat", reason=ReasonFactory())
    kwargs = {"state": "open", "accepted_at": timezone.now(), "agent": UserFactory(roles=["agent"])} | kwargs
    return ConversationFactory(case=case, patient=case.patient, channel="chat", customer=None, **kwargs)


def test_a_chat_asks_in_itself_at_its_end_and_its_case_not_again(survey: Survey) -> None:
    talk = chat()
    conversations.end(DESK, conversation=talk)
    asked = SurveyInvitation.objects.get(case=talk.case)
    assert (asked.way, asked.state, asked.agent) == ("chat", "sent", talk.agent)
    carried = Message.objects.get(conversation=talk, seq=1)
    assert carried.extra["form"]["form"] == "survey"
    assert carried.extra["form"]["fields"][0]["max"] == 5
    cases.close(DESK, case=talk.case, disposition="answered", next_step="None.")
    assert SurveyInvitation.objects.count() == 1


@pytest.mark.parametrize(
    "kwargs", [{"accepted_at": None}, {"patient": "refuses"}, {"patient": "asked lately"}]
)
def test_a_chat_asks_nobody_whom_one_does_not_ask(survey: Survey, kwargs: dict[str, Any]) -> None:
    if "patient" in kwargs:
        patient = patient_who(granted=kwargs["patient"] != "refuses")
        if kwargs["patient"] == "asked lately":
            sent_by(closed(patient), timedelta(hours=2))
        kwargs = {"patient": patient}
    talk = chat(**kwargs)
    conversations.end(DESK, conversation=talk)
    assert not SurveyInvitation.objects.filter(case=talk.case).exists()


def test_a_chat_that_ends_as_abuse_is_not_asked_about(survey: Survey) -> None:
    talk = chat()
    cases.close(DESK, case=talk.case, disposition="abuse", next_step="None.")
    assert not SurveyInvitation.objects.exists()


# --- answering -----------------------------------------------------------------------------------------
def asked_of(patient: Patient | None = None, **kwargs: Any) -> SurveyInvitation:
    return sent_by(closed(patient or patient_who(), **kwargs), timedelta(hours=2))


def test_an_answer_is_kept_with_what_identifies_taken_out(survey: Survey) -> None:
    asked = asked_of()
    given = surveys.answer(asked, score=5, comment="My SSN is 123-45-6789, thanks")
    assert (given.score, given.scale, given.redactions) == (5, 5, 1)
    assert "6789" not in SurveyAnswer.objects.get().comment
    assert SurveyInvitation.objects.get().state == "answered"


def test_a_second_answer_changes_the_first_for_an_hour(survey: Survey) -> None:
    asked = asked_of()
    surveys.answer(asked, score=1)
    assert surveys.answer(asked, score=4).changed_at is not None
    with (
        time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False),
        pytest.raises(surveys.TooLate),
    ):
        surveys.answer(asked, score=1)
    assert SurveyAnswer.objects.get().score == 4


@pytest.mark.parametrize("score", [0, 6, -1])
def test_a_score_off_the_scale_is_refused(survey: Survey, score: int) -> None:
    with pytest.raises(ValidationError):
        surveys.answer(asked_of(), score=score)


def test_after_its_time_nothing_is_taken(survey: Survey) -> None:
    asked = asked_of()
    with time_machine.travel(timezone.now() + timedelta(days=15), tick=False), pytest.raises(surveys.TooLate):
        surveys.answer(asked, score=5)


def test_tokens_forged_or_empty_open_nothing(survey: Survey) -> None:
    asked_of()
    assert surveys.by_token(link_token()) is not None
    for forged in ("", "x", link_token()[:-1], link_token() + "A"):
        assert surveys.by_token(forged) is None


# --- keeping -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"scale": 1, "low_score": 0}, "scale"),
        ({"low_score": 5}, "low_score"),
        ({"second_question": "Why?"}, "second_question_es"),
    ],
)
def test_a_survey_that_can_not_be_asked_is_not_kept(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        in_force(**wrong)
    assert list(refused.value.message_dict) == [field]


def test_wording_is_versioned_and_an_invitation_keeps_its_own(survey: Survey) -> None:
    asked = asked_of()
    survey.question = "Were you well served?"
    surveys.keep(UserFactory(roles=["coach"]), survey)
    assert (asked.version, survey.version) == (1, 2)
    assert WordsVersion.objects.get(what="survey", number=1).content["question"] == "How was it?"


def test_of_two_surveys_one_is_in_force(survey: Survey) -> None:
    with pytest.raises(ValidationError) as refused:
        in_force(**{})
    assert "active" in refused.value.message_dict


def test_a_guest_without_a_record_is_not_written_to(survey: Survey) -> None:
    closed(None, guest_name="Ana")
    assert not SurveyInvitation.objects.exists()
