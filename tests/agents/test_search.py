"""Finding a record: a masked directory, by indexes alone, on the trail without the words typed."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import search
from portal.models import AccessEntry, Patient, User
from tests.factories import CaseFactory, OrderFactory, PatientFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> User:
    return UserFactory(roles=["agent"])


@pytest.fixture
def marisol() -> Patient:
    return PatientFactory(
        first_name="Marisól",
        last_name="Quintero-Diaz",
        phone="+15125550177",
        email="Marisol.Q@example.org",
        account_number="A-10042-7",
    )


@pytest.mark.parametrize(
    ("words", "by"),
    [
        ("marisol", "name"),
        ("QUINTERO", "name"),
        ("diaz marisol", "name"),
        ("(512) 555-0177", "phone"),
        ("512.555.0177", "phone"),
        ("marisol.q@EXAMPLE.org", "email"),
        ("a-10042-7", "number"),
        ("dme-77-1", "number"),
    ],
)
def test_a_patient_is_found_by(agent: User, marisol: Patient, words: str, by: str) -> None:
    OrderFactory(patient=marisol, number="DME-77-1")
    PatientFactory(first_name="Ann", last_name="Other", phone="+15125550199")
    found = search.find(agent, words)
    assert [person.ref for person in found.people] == [marisol.ref]
    assert found.by == by


@pytest.mark.parametrize(
    "words", ["marisol smith", "quinter", "555-0199", "nobody@example.org", "A-1", "", "m", "%", "' or 1=1"]
)
def test_nobody_else_is_found(agent: User, marisol: Patient, words: str) -> None:
    assert search.find(agent, words).people == []


def test_what_is_shown_is_masked(agent: User, marisol: Patient) -> None:
    [person] = search.find(agent, "marisol").people
    assert (person.masked_name, person.account, person.phone_end) == ("M•••• Q••••", "A-10042-7", "0177")
    for hidden in ("Quintero", "Marisól", "example.org", "1961", "Sample Street", "5125550177"):
        assert hidden not in repr(person)


def test_a_case_is_found_by_its_number(agent: User) -> None:
    case = CaseFactory(number="C-10001-4")
    assert [found.number for found in search.find(agent, "c-10001-4").cases] == [case.number]
    assert search.find(agent, "C-1000").cases == []


def test_a_search_goes_on_the_trail_with_whom_it_showed(agent: User, marisol: Patient) -> None:
    """R-SEC-2, and no words that somebody typed."""
    before = AccessEntry.objects.count()
    search.find(agent, "quintero")
    search.find(agent, "zebra")
    first, second = AccessEntry.objects.order_by("id")[before:]
    assert (first.kind, first.what, first.subjects) == ("search", "directory by name", [marisol.pk])
    assert (second.kind, second.subjects) == ("search", [])
    assert "zebra" not in str(vars(second))


def test_too_many_are_cut_and_said(agent: User) -> None:
    PatientFactory.create_batch(search.MOST + 1, last_name="Common")
    found = search.find(agent, "common")
    assert (len(found.people), found.more) == (search.MOST, True)


def test_finding_costs_the_same_for_one_and_for_many(agent: User) -> None:
    def taken() -> int:
        with CaptureQueriesContext(connection) as queries:
            search.find(agent, "common")
        return len(queries)

    PatientFactory(last_name="Common")
    search.find(agent, "common")
    one = taken()
    PatientFactory.create_batch(19, last_name="Common")
    assert taken() == one


@pytest.mark.parametrize("words", ["common person", "+1 512 555 0177", "a@example.org", "C-10001-4"])
def test_the_directory_is_read_off_indexes(agent: User, words: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    _, patients = search._patients(agent, words)
    assert "Seq Scan" not in patients.explain()


def test_cases_of_somebody_found_are_numbers_alone(agent: User, marisol: Patient) -> None:
    case = CaseFactory(patient=marisol)
    CaseFactory()
    [found] = search.cases_of(agent, marisol)
    assert found.number == case.number
    assert {"subject", "next_step", "guest_name"} <= found.get_deferred_fields()


@pytest.mark.parametrize("role", ["warehouse", "technician", "auditor", "qa", "administrator"])
def test_only_the_desk_searches(role: str) -> None:
    with pytest.raises(PermissionDenied):
        search.find(UserFactory(roles=[role]), "marisol")
