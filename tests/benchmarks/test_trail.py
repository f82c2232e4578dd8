"""What the access trail costs: an audited save, a list read, and proving a million entries."""

import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection, models, transaction

from config.security import audit
from portal import access_trail
from portal.models import AccessEntry, Order, Patient
from tests.benchmarks.harness import compare, note
from tests.factories import OrderFactory, PatientFactory

pytestmark = [pytest.mark.benchmark, pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

TIMES = 200
MILLION = 1_000_000


def twin(model):
    """The same table under a model that nobody watches."""
    meta = {"app_label": "tests", "managed": False, "db_table": model._meta.db_table}
    columns = {"Meta": type("Meta", (), meta)}
    for field in model._meta.concrete_fields:
        _, _, arguments, options = field.deconstruct()
        if field.is_relation:
            options["related_name"] = "+"
        columns[field.name] = type(field)(*arguments, **options)
    return type("Plain", (models.Model,), columns | {"__module__": __name__})


def test_an_audited_save():
    """Beside the same save, two sealed fields and all, of a model that is not watched."""
    watched = OrderFactory()
    plain = twin(Order).objects.get(pk=OrderFactory().pk)

    def save(row):
        row.state = "held" if row.state == "open" else "open"
        row.save()

    def in_transaction(row):
        with transaction.atomic():
            save(row)

    before = AccessEntry.objects.count()
    ours, floor = lambda: save(watched), lambda: save(plain)
    compare("audited save (floor: plain save)", ours, floor, times=TIMES, target="<= 2.2")
    assert AccessEntry.objects.count() > before + TIMES
    compare(
        "the same within a transaction",
        lambda: in_transaction(watched),
        lambda: in_transaction(plain),
        times=TIMES,
        target="<= 2.2",
    )


def test_a_list_of_fifty():
    patients = [PatientFactory() for _ in range(50)]
    numbers = [patient.pk for patient in patients]

    def floor():
        return [patient.name for patient in Patient.objects.filter(pk__in=numbers)]

    def ours():
        shown = list(Patient.objects.filter(pk__in=numbers))
        audit.read(shown, "directory", fields=["name"])
        return [patient.name for patient in shown]

    compare("list of 50 read with its entry (floor: without)", ours, floor, times=50, target="<= 1.33")


def test_a_million_entries_are_proven():
    """The floor reads the same rows by COPY and does nothing with them."""
    told = audit.read([1, 2], "chart", fields=["phone"])
    columns = [f.column for f in AccessEntry._meta.concrete_fields if f.column != "id"]
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO portal_accessentry ({names}) SELECT {names} FROM portal_accessentry,"
            " generate_series(1, %s) WHERE id = %s",
            [MILLION, told.pk],
        )
    access_trail.seal()
    pairs = []
    for _ in range(5):
        started = time.perf_counter()
        proof = access_trail.verify()
        ours = proof.entries / (time.perf_counter() - started)
        assert proof.whole
        started = time.perf_counter()
        query = "COPY (SELECT * FROM portal_accessentry ORDER BY id) TO STDOUT"
        with psycopg.connect(settings.DATABASE_URL) as bare, bare.cursor().copy(query) as rows:
            read = sum(1 for _ in rows)
        pairs.append((ours, read / (time.perf_counter() - started)))
    note("verify_trail, a million (floor: COPY alone)", "/s", pairs, target=">= 100,000 /s")
