"""Somebody else's thing is not there: every address with an id, asked by everybody it is not for.

What a stranger gets is byte for byte what comes for a thing that does not exist.
"""

import re
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.models import Caregiver, ContactChange, DataExport, Document
from tests import factories
from tests.people import signed_in


@dataclass(frozen=True)
class Address:
    """An address with the id of something of a patient's, and which caregivers may open it."""

    name: str
    make: Any
    scopes: frozenset[str] = frozenset()
    post: bool = False

    def ask(self, client: Client, ref: Any) -> Any:
        url = reverse(self.name, args=[ref])
        return client.post(url, {"body": "x", "client_id": uuid.uuid4()}) if self.post else client.get(url)


def order(patient):
    return factories.OrderFactory(patient=patient).ref


def document(patient):
    return factories.DocumentFactory(patient=patient, state="refused").ref


def caregiver(patient):
    return factories.caregiver_of(patient).ref


def export(patient):
    return factories.DataExportFactory(patient=patient, requested_by=patient.user).ref


def thread(patient):
    conversation = factories.ConversationFactory(patient=patient)
    factories.message_in(conversation)
    return conversation.pk


ADDRESSES = [
    Address("portal:order", order, frozenset({"deliveries", "everything"})),
    Address("portal:document-withdraw", document, post=True),
    Address("portal:document", document),
    Address("portal:document-preview", document),
    Address("portal:document-thumbnail", document),
    Address("portal:caregiver-revoke", caregiver, post=True),
    Address("portal:my-data-state", export),
    Address("portal:my-data-passphrase", export, post=True),
    Address("portal:my-data-file", export),
    Address("cases:thread", thread, frozenset({"everything"})),
    Address("cases:thread-read", thread, frozenset({"everything"}), post=True),
    Address("cases:thread-archive", thread, frozenset({"everything"}), post=True),
    Address("cases:thread-draft", thread, frozenset({"everything"}), post=True),
]
BY_NAME = pytest.mark.parametrize("address", ADDRESSES, ids=[address.name for address in ADDRESSES])
LISTS = {
    "portal:orders": {"deliveries", "everything"},
    "portal:devices": {"deliveries", "everything"},
    "billing:coverage": {"billing", "everything"},
    "portal:documents": {"deliveries", "billing", "everything"},
    "cases:messages": {"everything"},
    "cases:messages-sent": {"everything"},
    "cases:messages-archived": {"everything"},
    "cases:compose": {"everything"},
    "portal:profile": set(),
    "portal:contacts": set(),
    "portal:record-access": set(),
}


def told(answer) -> tuple[int, bytes]:
    """Status and bytes, without the number that every request has."""
    body = re.sub(rb"[0-9a-f]{32}", b"-", answer.content)
    return answer.status_code, re.sub(
        rb'("X-CSRFToken": "|name="csrfmiddlewaretoken" value=")[^"]+', rb"\1-", body
    )


@BY_NAME
def test_its_owner_gets_there(patient, address):
    assert address.ask(signed_in(patient.user), address.make(patient)).status_code in (200, 204, 302, 409)


@BY_NAME
def test_a_stranger_gets_what_comes_for_nothing(patient, address):
    stranger = signed_in(factories.patient_with_user().user)
    theirs, nothing = address.ask(stranger, address.make(patient)), address.ask(stranger, uuid.uuid4())
    assert told(theirs) == told(nothing)
    assert theirs.status_code == 404


@BY_NAME
@pytest.mark.parametrize("scope", ["deliveries", "billing", "everything"])
def test_a_caregiver_gets_there_within_scope_alone(patient, address, scope):
    client = signed_in(factories.caregiver_of(patient, scope).user)
    expected = (200, 204, 302) if scope in address.scopes else (403, 404)
    if address.make is document and scope != "deliveries":
        expected = (
            403,
            404,
            409,
        )  # an insurance card is within billing; it is refused and has no bytes to give
    assert address.ask(client, address.make(patient)).status_code in expected


@BY_NAME
def test_a_caregiver_whose_time_is_over_is_a_stranger(patient, address):
    helper = factories.caregiver_of(patient)
    ref = address.make(patient)
    Caregiver.objects.filter(pk=helper.pk).update(expires_at="2026-01-01T00:00:00Z")
    assert address.ask(signed_in(helper.user), ref).status_code in (403, 404)


@BY_NAME
def test_nobody_signed_in_is_sent_to_sign_in(patient, address):
    answer = address.ask(Client(), address.make(patient))
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("portal:sign-in"))


@BY_NAME
def test_nothing_was_done_for_a_stranger(patient, address):
    ref = address.make(patient)
    address.ask(signed_in(factories.patient_with_user().user), ref)
    assert not Document.objects.filter(state="withdrawn").exists()
    assert not Caregiver.objects.exclude(revoked_at=None).exists()
    assert not DataExport.objects.exclude(passphrase_shown_at=None).exists()


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("scope", ["deliveries", "billing", "everything"])
def test_lists_open_to_caregivers_by_scope(patient, name, scope):
    client = signed_in(factories.caregiver_of(patient, scope).user)
    assert client.get(reverse(name)).status_code == (200 if scope in LISTS[name] else 404)


def test_lists_hold_nothing_of_others(patient, patient_client):
    other = factories.patient_with_user()
    factories.OrderFactory(patient=other, number="SO-OTHER")
    factories.DeviceFactory(patient=other, serial_number="SN-OTHER")
    factories.CoverageFactory(patient=other, member_id="ID-OTHER")
    factories.DocumentFactory(patient=other, filename="OTHER.jpg")
    ContactChange.objects.create(patient=other, field="email", new_value="OTHER@example.org")
    for name in LISTS:
        assert "OTHER" not in patient_client.get(reverse(name)).content.decode()


def test_a_caregiver_with_deliveries_sees_no_diagnosis_and_no_price(patient):
    ordered = factories.OrderFactory(patient=patient, diagnosis_codes="G47.33", notes="private note")
    factories.OrderLineFactory(order=ordered)
    client = signed_in(factories.caregiver_of(patient, "deliveries").user)
    page = client.get(reverse("portal:order", args=[ordered.ref])).content.decode()
    for secret in ("G47.33", "private note", "892.50"):
        assert secret not in page
