"""Who saw my record: who, role, when, why, in words (R-SEC-4)."""

import pytest
from django.urls import reverse

from config.security import audit
from portal.access import System
from tests import factories
from tests.people import signed_in

PAGE = reverse("portal:record-access")


def opened_by(person, patient, times=1, **why):
    with audit.acting(person, **why):
        for _ in range(times):
            audit.read([patient], "portal.orders")


def test_a_colleagues_look_is_told_in_words(patient, patient_client):
    agent = factories.UserFactory(roles=["billing"], display_name="Robin Reader")
    opened_by(agent, patient)
    page = patient_client.get(PAGE).content.decode()
    assert "Robin Reader" in page
    assert "Billing specialist" in page
    assert "Orders" in page


def test_ones_own_looks_are_apart_and_a_tasks_are_not_lost(patient, patient_client):
    patient_client.get(reverse("portal:orders"))
    opened_by(System("export"), patient)
    others = patient_client.get(PAGE).context["rows"]
    everybody = patient_client.get(PAGE, {"everybody": ""}).context["rows"]
    assert "Automatic process" in {row.who for row in others}
    assert not any(row.own for row in others)
    assert any(row.own for row in everybody)


def test_what_was_written_is_told_in_words_and_not_by_table(patient, patient_client):
    with audit.acting(factories.UserFactory(roles=["agent"])):
        factories.DocumentFactory(patient=patient)
        factories.OrderLineFactory(order=factories.OrderFactory(patient=patient))
    things = {str(row.thing) for row in patient_client.get(PAGE).context["rows"]}
    assert {"A document", "An order", "An item of an order"} <= things


def test_other_peoples_records_do_not_show(patient, patient_client):
    agent = factories.UserFactory(roles=["agent"], display_name="Robin Reader")
    opened_by(agent, factories.PatientFactory())
    assert "Robin Reader" not in patient_client.get(PAGE).content.decode()


@pytest.mark.parametrize("kind", ["", "everybody&"])
def test_it_goes_back_page_by_page_without_gap_or_double(patient, patient_client, kind):
    opened_by(factories.UserFactory(roles=["agent"]), patient, times=70)
    seen, address = [], f"{PAGE}?{kind}"
    while address:
        context = patient_client.get(address).context
        seen += [row.entry_id for row in context["rows"]]
        address = f"{PAGE}?{kind}before={context['earlier']}" if context["earlier"] else ""
    assert len(seen) == len(set(seen)) >= 70
    assert seen == sorted(seen, reverse=True)


def test_a_number_that_is_none_begins_at_the_latest(patient, patient_client):
    opened_by(factories.UserFactory(roles=["agent"]), patient)
    for given in ("x", "-1", "9" * 30, "1 OR 1"):
        assert patient_client.get(PAGE, {"before": given}).context["rows"]


def test_a_caregiver_does_not_see_who_saw_it(patient):
    assert signed_in(factories.caregiver_of(patient).user).get(PAGE).status_code == 404
