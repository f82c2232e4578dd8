"""How often somebody may try: by account and by address, and nobody is locked out for good (A3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from config.models import Attempt
from config.security import throttle
from config.security.throttle import Limit, TooMany
from portal import sign_in
from tests import factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db
THREE = Limit("test", 3, 60)


def try_password(email, password, address="10.1.1.1", client=None):
    client = client or Client()
    return client.post("/sign-in", {"email": email, "password": password}, REMOTE_ADDR=address)


@pytest.fixture
def user():
    return factories.with_password(factories.patient_with_user().user)


def test_eleventh_wrong_password_is_refused(user):
    answers = [try_password(user.email, "wrong password here").status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2


def test_right_password_waits_too_but_not_for_good(user):
    for _ in range(10):
        try_password(user.email, "wrong password here")
    refused = try_password(user.email, PASSWORD)
    assert refused.status_code == 429
    seconds = int(refused.headers["Retry-After"])
    assert 0 < seconds <= 900
    with time_machine.travel(timezone.now() + timedelta(seconds=seconds + 1)):
        assert try_password(user.email, PASSWORD).status_code == 302


def test_right_password_from_another_address_works_at_once(user):
    for _ in range(50):
        try_password(user.email, "wrong password here")
    assert try_password(user.email, PASSWORD, "10.2.2.2").status_code == 302


def test_several_tries_at_once_fit_or_none_is_counted():
    throttle.take((THREE, "x"), times=2)
    with pytest.raises(TooMany) as refusal:
        throttle.take((THREE, "x"), times=2)
    assert 50 < refusal.value.retry_after <= 60
    throttle.take((THREE, "x"))
    with pytest.raises(TooMany):
        throttle.take((THREE, "y"), times=4)
    with time_machine.travel(timezone.now() + timedelta(seconds=refusal.value.retry_after + 1)):
        throttle.take((THREE, "x"), times=2)


def test_many_addresses_are_limited_by_account(user):
    limit = sign_in.PER_ACCOUNT
    for _ in range(limit.tries):
        throttle.take((limit, f"patient|{user.email}"))
    assert try_password(user.email, PASSWORD, "10.3.3.3").status_code == 429


def test_many_accounts_are_limited_by_address(user):
    for _ in range(sign_in.PER_ADDRESS.tries):
        throttle.take((sign_in.PER_ADDRESS, "10.4.4.4"))
    assert try_password(user.email, PASSWORD, "10.4.4.4").status_code == 429
    assert try_password(user.email, PASSWORD, "10.5.5.5").status_code == 302


def test_unknown_account_is_refused_alike(user):
    """The limit does not tell whether there is an account."""
    known = [try_password(user.email, "wrong password here", "10.6.0.1").status_code for _ in range(12)]
    unknown = [
        try_password("nobody@example.org", "wrong password here", "10.6.0.2").status_code for _ in range(12)
    ]
    assert known == unknown


def test_forwarded_address_is_not_believed(user):
    """W5: a header of the visitor's own does not make a new address."""
    client = Client()
    for number in range(11):
        answer = client.post(
            "/sign-in",
            {"email": user.email, "password": "wrong password here"},
            HTTP_X_FORWARDED_FOR=f"10.9.9.{number}",
        )
    assert answer.status_code == 429


def test_success_is_not_counted(user):
    for _ in range(15):
        assert try_password(user.email, PASSWORD).status_code == 302


def test_script_gets_json(user):
    for _ in range(10):
        try_password(user.email, "wrong password here")
    answer = Client().post(
        "/sign-in",
        {"email": user.email, "password": "wrong"},
        REMOTE_ADDR="10.1.1.1",
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == "rate_limited"


def test_window_slides():
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(3):
            throttle.take((THREE, "x"))
            clock.shift(10)
        with pytest.raises(TooMany) as refused:
            throttle.take((THREE, "x"))
        assert refused.value.retry_after == 30
        clock.shift(31)
        throttle.take((THREE, "x"))


def test_refused_try_is_not_counted_elsewhere():
    other = Limit("other", 9, 60)
    for _ in range(3):
        throttle.take((THREE, "x"))
    before = Attempt.objects.count()
    with pytest.raises(TooMany):
        throttle.take((THREE, "x"), (other, "x"))
    assert Attempt.objects.count() == before


def test_given_back_try_does_not_count():
    for _ in range(5):
        throttle.give_back(throttle.take((THREE, "x")))
    assert not throttle.spent(THREE, "x")


def test_buckets_name_nobody():
    throttle.take((THREE, "kim@example.org"))
    assert "kim" not in Attempt.objects.get().bucket


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_slip_past():
    def one(_):
        try:
            throttle.take((THREE, "x"))
        except TooMany:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(one, range(20))) == 3


def test_works_while_valkey_is_down(user, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    answers = [try_password(user.email, "wrong password here").status_code for _ in range(11)]
    assert answers[-1] == 429


def test_old_tries_are_swept():
    throttle.take((THREE, "x"))
    with time_machine.travel(timezone.now() + timedelta(days=3)):
        assert throttle.sweep() == 1


def test_somebody_who_was_here_before_is_not_shut_out_by_others(user):
    """An attacker at many addresses can't keep the owner of an account out of it from their own."""
    assert try_password(user.email, PASSWORD, "10.8.8.8").status_code == 302
    for _ in range(sign_in.PER_ACCOUNT.tries):
        throttle.take((sign_in.PER_ACCOUNT, f"patient|{user.email}"))
    assert try_password(user.email, PASSWORD, "10.3.3.3").status_code == 429
    assert try_password(user.email, PASSWORD, "10.8.8.8").status_code == 302
