"""What may be asked of the workshop's addresses: what a page's own filters name, and nothing else. R-SEC-3"""

import pytest
from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.urls import reverse

from config.security import audit
from portal.models import AccessEntry, Patient
from portal.workshop import OfferedList
from tests.factories import CaseFactory, PatientFactory, UserFactory, patient_with_user, with_password

pytestmark = pytest.mark.django_db
TRAIL = "/admin/portal/accessentry/"
PAGES = list(admin.site._registry.items())
ENDS = ("", "__exact", "__in", "__gt", "__startswith", "__regex", "__contains", "__matches", "__isempty")
ORACLES = [
    "actor__patient__name_tokens__matches=Testperson",
    "actor__patient__phone_index__matches=512-555-0143",
    "actor__patient__identity_index__matches=testperson|1961-04-12",
    "actor__email_index__matches=someone@example.org",
    "actor__password__startswith=argon2",
    "actor__exact=1",
    "kind__startswith=read",
    "kind=read",
    "realm__exact=staff",
    "pk=1",
    "pk__in=1",
    "id__lt=5",
    "timestamp__year=2026",
]


@pytest.mark.parametrize("asked", ORACLES)
def test_the_trail_answers_no_question_about_other_rows(staff_client, asked):
    """R-SEC-4: neither a name nor a password's digest can be guessed at through who did it."""
    patient = patient_with_user()
    with audit.acting(with_password(patient.user)):
        audit.read([patient], "portal.home")
    client = staff_client("administrator", "supervisor", "auditor")
    client.raise_request_exception = False
    assert client.get(f"{TRAIL}?{asked}").status_code == 400
    assert client.get(f"{TRAIL}export/?{asked}").status_code == 400
    assert not AccessEntry.objects.filter(kind="export").exists()


def _fields(model, depth=2):
    for field in model._meta.get_fields():
        yield field.name
        if depth > 1 and field.is_relation and field.related_model is not None:
            yield from (f"{field.name}__{name}" for name in _fields(field.related_model, depth - 1))


@pytest.fixture
def asked(monkeypatch, rf):
    """Asks a page's list for something, unread; gives the names that its filters and its calendar know."""
    monkeypatch.setattr(RelatedFieldListFilter, "field_choices", lambda *_: [])
    monkeypatch.setattr(RelatedFieldListFilter, "has_output", lambda _: True)
    monkeypatch.setattr(OfferedList, "get_results", lambda *_: None)
    actor = UserFactory(roles=["supervisor"])

    def ask(page, **lookups):
        request = rf.get("/", lookups)
        request.user = actor
        offered = page.get_changelist_instance(request)
        days = [f"{page.date_hierarchy}__{part}" for part in ("year", "month", "day")]
        return {*days, *(name for spec in offered.filter_specs for name in spec.expected_parameters())}

    return ask


@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_no_page_takes_a_lookup_that_its_filters_do_not_name(asked, model, page):
    """Every field of every row, and of the rows beside it, by every way of comparing."""
    named = asked(page)
    for name in {f"{field}{end}" for field in _fields(model) for end in ENDS} - named:
        with pytest.raises((DisallowedModelAdminLookup, IncorrectLookupParameters)):
            asked(page, **{name: "1"})


@pytest.mark.parametrize(
    "asked",
    [
        *("state__regex=(", "pk__in=x", "pk=99999999999999999999999", "opened_at__year=abc"),
        *("reason__family__regex=[", "team__members__password__startswith=arg", "team__id__exact=x"),
        *("team__id__exact=99999999999999999999999", "p=99999999999999999999", "o=9.9.9", "state__exact=%00"),
    ],
)
def test_odd_questions_are_no_errors(staff_client, asked):
    CaseFactory()
    client = staff_client("supervisor")
    client.raise_request_exception = False
    assert client.get(f"/admin/cases/case/?{asked}", follow=True).status_code in (200, 400)


@pytest.mark.parametrize(
    "asked", ["timestamp__gte=abc", "p=99999999999999999999", "actor=5&actor=6", "kind__exact=%00"]
)
def test_odd_questions_take_nothing_away(staff_client, asked):
    client = staff_client("auditor")
    client.raise_request_exception = False
    assert client.get(f"{TRAIL}export/?{asked}").status_code in (200, 302, 400)


def test_a_calendars_odd_days_are_no_errors(staff_client):
    client = staff_client("supervisor")
    client.raise_request_exception = False
    for year in ("9999", "0", "x", "99999"):
        assert client.get("/admin/cases/callback/", {"starts_at__year": year}).status_code in (200, 302)
    assert client.get("/admin/cases/callback/", {"starts_at__year": "2026"}).status_code == 200


def test_those_found_are_shown_until_all_are_asked_for(staff_client):
    """What a search found stands in the address by row number, and what is no number finds nothing."""
    found, other = PatientFactory(), PatientFactory()
    client = staff_client("supervisor")
    page = reverse("admin:portal_patient_changelist")
    assert list(client.get(f"{page}?pk__in={found.pk}").context["cl"].result_list) == [found]
    both = client.get(f"{page}?pk__in={found.pk},{other.pk}").context["cl"].result_list
    assert set(both) == {found, other}
    for odd in ("x", "0", "99999999999999999999", "²", "1;2"):
        assert not client.get(page, {"pk__in": odd}).context["cl"].result_list
    assert set(client.get(page).context["cl"].result_list) == set(Patient.objects.all())
