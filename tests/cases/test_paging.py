"""Paging until somebody has it: steps, channels, doubled runs, partners that are down, and calls (R-SLA-2)."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from cases import calendars, chain_check, duty, paging
from cases import escalation as rules
from cases.models import Calendar, Page, PagingContact
from cases.tasks import climb_escalations, send_page
from config.integrations import breaker, mail, sms
from config.integrations.breaker import PartnerDown, PartnerRefuses
from portal.models import RoleGrant, User
from tests.cases.rotas import Companies, clinical_desk, clinician, layer, open_case, paged, policy, rota
from tests.factories import PatientFactory, UserFactory

pytestmark = pytest.mark.django_db
NIGHT = "2026-03-03T09:00Z"  # three in the morning in Chicago
CLINICAL = {"lane": "clinical", "why": "Short of breath", "symptoms": "Blue lips"}


@pytest.fixture
def companies(monkeypatch):
    return Companies(monkeypatch)


@pytest.fixture
def night():
    with time_machine.travel(NIGHT, tick=False) as clock:
        yield clock


def escalated(case=None, **values):
    return rules.escalate(UserFactory(roles=["agent"]), case=case or open_case(), **(CLINICAL | values))


def minutes(clock, number):
    clock.shift(timedelta(minutes=number))
    return climb_escalations()


def names(made, step, round=1):
    pages = made.pages.filter(step=step, round=round, channel="console")
    return [page.person.display_name for page in pages.order_by("pk")]


# --- the chain -----------------------------------------------------------------------------------------
def test_nobody_answers_so_the_next_is_called_and_then_the_floor(night, companies):
    clinical_desk()
    UserFactory(roles=["lead"], display_name="Lee Lead")
    UserFactory(roles=["supervisor"], display_name="Sam Super")
    made = escalated()
    for _ in range(3):
        minutes(night, 10)
    made.refresh_from_db()
    assert names(made, 1) == ["Cleo Clinic"]
    assert names(made, 2) == ["Dana Second"]
    assert names(made, 1, round=2) == ["Cleo Clinic", "Lee Lead", "Sam Super"]
    assert names(made, 2, round=2) == ["Dana Second"]
    assert (made.round, made.step, made.state) == (2, 2, "paging")
    assert made.case.events.filter(kind="paged").count() == 4


def test_it_goes_on_until_somebody_has_it(night, companies):
    _first, second, _policy = clinical_desk()
    made = escalated()
    for _ in range(7):
        minutes(night, 10)
    made.refresh_from_db()
    assert made.round == 4
    rules.acknowledge(second, escalation=made)
    sent = len(companies.sent)
    for _ in range(3):
        minutes(night, 10)
    assert len(companies.sent) == sent


def test_before_its_time_no_step_is_taken(night, companies):
    clinical_desk()
    made = escalated()
    minutes(night, 9)
    assert made.pages.filter(step=2).count() == 0


def test_channels_of_a_step_follow_each_other(night, companies):
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["console", "sms", "call", "email"], "between_minutes": 2})
    escalated()
    seen = []
    for wait in (0, 2, 2):
        minutes(night, wait)
        seen.append(list(companies.channels))
    assert seen == [["sms"], ["sms", "call"], ["sms", "call", "email"]]


def test_a_chain_with_nobody_on_duty_pages_every_supervisor_and_says_so(night, companies):
    policy("clinical", rota())
    bosses = {clinician(f"Boss {n}", roles=["supervisor"]) for n in (1, 2)}
    made = escalated()
    climb_escalations()
    assert made.unstaffed_at == timezone.now()
    assert {page.person for page in made.pages.all()} == bosses
    assert made.pages.filter(as_stand_in=True).count() == 8
    assert sorted(companies.channels) == ["call", "call", "email", "email", "sms", "sms"]
    told = [event.detail.get("to") for event in made.case.events.filter(kind="paged")]
    assert "nobody is on duty" in told


def test_a_gap_at_three_in_the_morning_is_no_gap_in_the_paging(night, companies):
    from tests.cases.rotas import serves

    of = rota()
    serves(layer(of, clinician("Late")), "04:00", "03:00")
    policy("clinical", of, {"who": "on_duty"})
    boss = clinician("Boss", roles=["supervisor"])
    assert {page.person for page in escalated().pages.all()} == {boss}


def test_without_any_supervisor_it_is_tried_again(night, companies):
    of = rota()
    policy("clinical", of)
    made = escalated()
    assert made.pages.count() == 0
    layer(of, clinician("Late to the desk"))
    minutes(night, 10)
    minutes(night, 10)
    assert names(made, 1, round=2) == ["Late to the desk"]


def test_a_policy_without_steps_pages_the_supervisors(night, companies):
    made_policy = policy("clinical", None)
    made_policy.steps.all().delete()
    boss = clinician("Boss", roles=["supervisor"])
    assert {page.person for page in escalated().pages.all()} == {boss}


@pytest.mark.parametrize("gone", ["role over", "role of somebody who is not paged", "account closed"])
def test_a_person_named_who_can_not_acknowledge_is_stood_in_for_and_said(night, companies, gone):
    named, boss = clinician("Gone"), clinician("Sam Super", roles=["supervisor"])
    made_policy = policy("clinical", None, {"who": "person", "person": named})
    assert chain_check.weak_points(made_policy) == []
    if gone == "role over":
        RoleGrant.objects.filter(user=named).update(expires_at=timezone.now() - timedelta(days=1))
    elif gone == "account closed":
        User.objects.filter(pk=named.pk).update(is_active=False)
    else:
        RoleGrant.objects.filter(user=named).update(role="warehouse")
    made = escalated()
    assert {page.person for page in made.pages.all()} == {boss}
    assert made.unstaffed_at is not None
    assert chain_check.weak_points(made_policy) == ["Step 1: nobody of these can acknowledge a page."]


# --- one page ------------------------------------------------------------------------------------------
def test_a_page_says_a_number_and_a_lane_and_nothing_else(night, companies):
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["sms", "email"], "between_minutes": 0})
    patient = PatientFactory(first_name="Quarrington", last_name="Vexley")
    made = escalated(open_case(patient=patient, subject="Wheezing"))
    climb_escalations()
    for _channel, _to, text in companies.sent:
        assert made.case.number in text
        assert "Clinical" in text
        assert "/console/pages/" in text
        assert not any(word in text for word in ("Quarrington", "Vexley", "Wheezing", "breath", "lips"))


def test_what_breaks_in_one_escalation_keeps_nobody_else_from_being_called(night, companies, monkeypatch):
    clinical_desk()
    broken, sound = escalated(), escalated()
    advance = paging.advance

    def breaks(pk):
        if pk == broken.pk:
            raise RuntimeError("What stands there can't be read.")
        return advance(pk)

    monkeypatch.setattr(paging, "advance", breaks)
    with pytest.raises(RuntimeError):
        minutes(night, 10)
    assert names(sound, 2) == ["Dana Second"]
    assert sound.pages.filter(step=2, channel="sms", state="sent").exists()


def test_a_doubled_run_sends_once(night, companies):
    clinical_desk()
    made = escalated()
    climb_escalations()
    climb_escalations()
    page = made.pages.get(channel="sms")
    assert send_page(page.pk) is False
    assert companies.channels == ["sms"]
    page.refresh_from_db()
    assert (page.state, page.provider_id, page.sent_at) == ("sent", "sms-1", timezone.now())


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_once(monkeypatch):
    companies, inside, go = Companies(monkeypatch), threading.Event(), threading.Event()
    slow = sms.send

    def wait(*args, **kwargs):
        inside.set()
        go.wait(10)
        return slow(*args, **kwargs)

    monkeypatch.setattr(sms, "send", wait)
    clinical_desk()
    page = escalated().pages.get(channel="sms")

    def send():
        try:
            return paging.send(page.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other:
        first = other.submit(send)
        inside.wait(10)
        assert paging.send(page.pk) is False
        go.set()
        assert first.result(10) is True
    assert companies.channels == ["sms"]


@pytest.mark.parametrize("channel", ["sms", "call", "email"])
def test_a_lost_worker_s_page_is_sent_again_under_the_same_key(channel, night, companies):
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["console", channel]})
    page = escalated().pages.get(channel=channel)
    Page.objects.filter(pk=page.pk).update(state="sending", due_at=timezone.now() + paging.LEASE)
    assert paging.send(page.pk) is False
    night.shift(paging.LEASE)
    assert paging.send(page.pk) is True
    assert companies.keys == [str(page.ref)]


def test_an_acknowledged_escalation_sends_no_page_that_was_waiting(night, companies):
    first, *_ = clinical_desk()
    made = escalated()
    page = made.pages.get(channel="sms")
    rules.acknowledge(first, escalation=made)
    assert paging.send(page.pk) is False
    assert companies.sent == []


def test_a_company_that_is_down_brings_the_next_channel_forward(night, companies):
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["sms", "call"], "between_minutes": 5})
    companies.wrong["sms"] = PartnerDown("sms")
    made = escalated()
    climb_escalations()
    climb_escalations()
    assert companies.channels == ["call"]
    companies.wrong.clear()
    minutes(night, 1)
    assert companies.channels == ["call", "sms"]
    assert paged(made)[0] == ("Cleo", "sms", "sent")


def test_past_the_breaker_the_next_channel_does_not_wait(monkeypatch, settings, valkey):
    """Real calls to a company that is gone: five fail, and from then on nobody waits for it."""
    breaker.breaker.cache_clear()
    settings.SMS_URL = settings.VOICE_URL = "http://127.0.0.1:9"
    letters = []
    monkeypatch.setattr(mail, "send", lambda to, *_, **_key: letters.append(to) or "id")
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["sms", "email"], "between_minutes": 30})
    for count in (1, 2, 3):
        made = escalated()
        climb_escalations()
        climb_escalations()
        page = made.pages.get(channel="sms")
        assert (page.fault, page.tries, len(letters)) == ("down", 1, count)
    assert breaker.breaker("sms").current_state == "open"
    breaker.breaker.cache_clear()


def test_who_can_not_be_reached_at_all_is_passed_over_at_once(night, companies):
    first, _second, _policy = clinical_desk()
    PagingContact.objects.filter(user=first).delete()
    made = escalated()
    climb_escalations()
    climb_escalations()
    climb_escalations()
    page = made.pages.get(person=first, channel="sms")
    assert (page.state, page.fault) == ("failed", "no_address")
    assert names(made, 2) == ["Dana Second"]
    assert companies.channels == ["sms"]


def test_a_number_that_is_refused_is_not_tried_again(night, companies):
    clinical_desk()
    companies.wrong["sms"] = PartnerRefuses("sms", 400)
    made = escalated()
    climb_escalations()
    page = made.pages.get(step=1, channel="sms")
    assert (page.state, page.fault, page.tries) == ("failed", "refused", 1)


def test_a_company_that_stays_down_is_given_up(night, companies):
    of = rota()
    layer(of, clinician("Cleo"))
    policy("clinical", of, {"channels": ["sms"], "wait_minutes": 60})
    companies.wrong["sms"] = PartnerDown("sms")
    made = escalated()
    for _ in range(paging.MOST_TRIES + 1):
        minutes(night, 2)
    page = made.pages.filter(step=1, round=1).get()
    assert (page.state, page.fault, page.tries) == ("failed", "down", paging.MOST_TRIES)


# --- where one is paged ----------------------------------------------------------------------------------
def test_numbers_are_kept_sealed_and_in_one_spelling():
    user = UserFactory(roles=["clinician"])
    assert duty.keep_contact(user, phone="(512) 555-0143").phone == "+15125550143"
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM cases_pagingcontact")
        assert "5550143" not in cursor.fetchone()[0]
    with pytest.raises(ValidationError, match="area code"):
        duty.keep_contact(user, phone="123")
    assert duty.keep_contact(user, phone="").phone == ""


# --- business hours --------------------------------------------------------------------------------------
def test_a_chain_of_business_hours_wakes_nobody_at_three(companies):
    """Sunday at three in the morning: the first page goes out when we open."""
    Calendar.objects.all().delete()
    of = rota("billing")
    layer(of, clinician("Bea", roles=["billing"]))
    policy("specialist", of, around_the_clock=False)
    with time_machine.travel("2026-03-01T09:00Z", tick=False) as clock:
        made = escalated(lane="specialist", symptoms="")
        climb_escalations()
        assert (made.pages.count(), companies.sent) == (0, [])
        clock.move_to(made.next_step_at)
        assert calendars.is_open(calendars.supplier(), made.next_step_at)
        climb_escalations()
        climb_escalations()
    assert companies.channels == ["sms"]


# --- on commit -------------------------------------------------------------------------------------------
def test_pages_are_handed_to_a_worker_once_they_are_kept(monkeypatch, django_capture_on_commit_callbacks):
    handed = []
    monkeypatch.setattr(send_page, "apply_async", lambda args, **_: handed.extend(args))
    clinical_desk()
    with django_capture_on_commit_callbacks(execute=True):
        made = escalated()
        assert handed == []
    assert handed == list(made.pages.order_by("pk").values_list("pk", flat=True))


def test_what_a_worker_is_handed_is_an_id_alone(monkeypatch, django_capture_on_commit_callbacks):
    handed = []
    monkeypatch.setattr(send_page, "apply_async", lambda *args, **kwargs: handed.append((args, kwargs)))
    clinical_desk()
    with django_capture_on_commit_callbacks(execute=True):
        escalated()
    assert all(len(args) == 1 and isinstance(args[0][0], int) for args, _ in handed)
    assert {str(kwargs) for _, kwargs in handed} == {"{'retry': False}"}
