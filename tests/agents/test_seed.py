"""The synthetic supplier: the same for the same seed, whole, and marked as nobody's."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents.synthetic import supplier as loader
from cases.models import Case, Conversation, Message
from portal.models import Device, Order, Patient, Product, Shipment, User


@pytest.fixture(scope="module")
def supplier(django_db_setup, django_db_blocker):
    """A small supplier, taken away again by the flush of the module's last test."""
    return


def seed(**options):
    out = StringIO()
    call_command(
        "seed",
        patients=30,
        cases=60,
        messages=240,
        processes=1,
        json=True,
        stdout=out,
        stderr=StringIO(),
        **options,
    )
    return json.loads(out.getvalue())


@pytest.mark.django_db(transaction=True)
def test_seed_fills_every_part_of_the_supplier():
    told = seed()
    assert Patient.objects.count() == 30
    assert Case.objects.count() == 60
    assert Product.objects.filter(hcpcs="E0601", warranty_months=24).exists()
    assert Device.objects.exists()
    assert Shipment.objects.exclude(tracking_number="").exists()
    assert all(patient.last_name.endswith("-Demo") and patient.synthetic for patient in Patient.objects.all())
    for conversation in Conversation.objects.prefetch_related("messages"):
        seqs = sorted(message.seq for message in conversation.messages.all() if message.seq)
        assert seqs == list(range(1, conversation.last_seq + 1))
    assert Case.objects.filter(last_message=None).count() == 0
    roles = {user["role"] for user in told["users"]}
    assert {"agent", "supervisor", "patient", "caregiver", "auditor"} <= roles
    assert Order.objects.get(number=told["samples"]["order_number"]).patient.user.realm == "patient"


def everything():
    """What of the supplier has to be the same, in the clear."""
    patients = [
        (p.ref, p.account_number, p.name, p.birth_date, p.phone) for p in Patient.objects.order_by("pk")
    ]
    orders = list(Order.objects.order_by("pk").values_list("ref", "number", "state", "placed_at"))
    parcels = list(Shipment.objects.order_by("pk").values_list("ref", "tracking_number", "window_start"))
    cases = list(Case.objects.order_by("number").values_list("ref", "number", "state", "opened_at"))
    talks = list(Conversation.objects.order_by("pk").values_list("pk", "last_seq", "started_at"))
    said = [(m.conversation_id, m.seq, m.body) for m in Message.objects.order_by("conversation", "pk")]
    return (
        patients,
        orders,
        parcels,
        cases,
        talks,
        said,
        list(User.objects.order_by("ref").values_list("ref")),
    )


@pytest.fixture
def empty_again(owner_db):
    """Empties every table of ours and starts their counters anew, as the owner."""

    def run():
        with owner_db.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(
                "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename ~ '^(portal|cases|billing|agents)_'"
            )
            cursor.execute(f"TRUNCATE {cursor.fetchone()[0]} RESTART IDENTITY CASCADE")
            for sequence in ("portal_account_number", "portal_order_number", "cases_case_number"):
                cursor.execute(f"ALTER SEQUENCE {sequence} RESTART")

    return run


@pytest.mark.django_db(transaction=True)
def test_same_seed_makes_the_same_supplier_and_another_seed_another(empty_again):
    until = "2026-11-20T12:00:00+00:00"
    loads = []
    for name in ("7", "7", "8"):
        empty_again()
        told = seed(seed=name, until=until)
        loads.append((everything(), told["samples"]))
    assert loads[0] == loads[1]
    assert loads[0] != loads[2]


@pytest.mark.django_db(transaction=True)
def test_a_supplier_that_is_there_is_not_loaded_over():
    seed()
    with pytest.raises(CommandError, match="patients here already"):
        call_command("seed", stdout=StringIO(), stderr=StringIO())
    assert Patient.objects.count() == 30


@pytest.mark.django_db(transaction=True)
def test_a_load_that_was_ended_half_way_is_not_taken_for_whole(monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loader, "_cases", killed)
        with pytest.raises(KeyboardInterrupt):
            seed()
    for asked in ([], ["--json"]):
        with pytest.raises(CommandError, match="not whole"):
            call_command("seed", *asked, stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db(transaction=True)
def test_seed_refuses_a_production_profile(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        call_command("seed", stdout=StringIO(), stderr=StringIO())
    assert User.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_what_is_loaded_in_bulk_is_encrypted_and_searchable(owner_db):
    seed()
    message = Message.objects.filter(author_role="customer").first()
    with owner_db.cursor() as cursor:
        cursor.execute("SELECT body FROM cases_message WHERE id = %s", [message.pk])
        stored = cursor.fetchone()[0]
    assert message.body not in stored
    word = max(message.body.split(), key=len).strip(".,?")
    assert Message.objects.filter(pk=message.pk, body_tokens__matches=word).exists()
