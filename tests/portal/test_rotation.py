"""Keys rotate while the system runs (R-SEC-1)."""

import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections import Counter
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection

from config.security import audit, crypto, rotation
from portal import access_trail, one_time
from portal.models import AccessEntry, Patient
from tests.factories import PatientFactory, UserFactory

OLD = "old:" + b64encode(b"o" * 32).decode()
NEW = "new:" + b64encode(b"n" * 32).decode()
BOTH = f"{NEW},{OLD}"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def old_key(settings):
    settings.MASTER_KEYS = OLD


def run(*arguments):
    """Exit code and output of the command."""
    out = StringIO()
    try:
        call_command("rotate_keys", *arguments, stdout=out, stderr=out)
    except SystemExit as left:
        return left.code, out.getvalue()
    return 0, out.getvalue()


def keys_in_use():
    used = Counter()
    for source in rotation.sources():
        used += source.keys()
    return set(used)


def test_everything_is_readable_and_findable_after_the_old_key_is_gone(settings):
    patients = [PatientFactory(email=f"p{n}@example.org", first_name="José") for n in range(5)]
    with audit.acting(reason="because"):
        entry = audit.read(patients, "chart")
    settings.MASTER_KEYS = BOTH
    code, said = run("--batch", "2")
    assert code == 0
    assert "Key old is no longer used: it can leave MASTER_KEYS." in said
    assert "portal.Patient.first_name: 4 of 5" in said
    settings.MASTER_KEYS = NEW
    assert keys_in_use() == {"new"}
    for number, patient in enumerate(patients):
        found = Patient.objects.get(email_index__matches=f"p{number}@example.org")
        assert (found, found.birth_date) == (patient, patient.birth_date)
    assert Patient.objects.filter(name_tokens__matches="jose").count() == 5
    assert AccessEntry.objects.get(pk=entry.pk).reason.words == "because"


def test_a_second_run_has_nothing_to_do(settings):
    PatientFactory()
    settings.MASTER_KEYS = BOTH
    run()
    assert all(not list(source.rotate(100)) for source in rotation.sources())


def test_check_only_counts(settings):
    patient = PatientFactory()
    assert run("--check")[0] == 0
    settings.MASTER_KEYS = BOTH
    code, said = run("--check")
    assert code == 2
    assert "values under old" in said
    patient.refresh_from_db()
    assert keys_in_use() == {"old"}


def test_rotation_is_one_entry_sealed_under_the_newest_key_and_tells_no_plain_text(settings):
    PatientFactory(first_name="Unmistakable")
    before = AccessEntry.objects.count()
    settings.MASTER_KEYS = BOTH
    assert "Unmistakable" not in run()[1]
    assert AccessEntry.objects.count() == before + 1
    assert AccessEntry.objects.order_by("-pk").first().what == "keys carried over"
    settings.MASTER_KEYS = NEW
    assert access_trail.verify().whole


def test_fernet_values_are_rewritten(settings):
    key = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEY = [key]
    patient = PatientFactory()
    with connection.cursor() as cursor:
        token = Fernet(key).encrypt(b"Josefina").decode()
        cursor.execute("UPDATE portal_patient SET first_name = %s", [token])
    assert "1 values under legacy" in run("--check")[1]
    assert run()[0] == 0
    settings.FIELD_ENCRYPTION_KEY = []
    patient.refresh_from_db()
    assert patient.first_name == "Josefina"
    assert keys_in_use() == {"old"}


def test_a_value_that_no_key_opens_is_named_and_left_alone(settings):
    broken, good = PatientFactory(), PatientFactory()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE portal_patient SET city = 'v1.old.AAAA' WHERE id = %s", [broken.pk])
    settings.MASTER_KEYS = BOTH
    code, said = run()
    assert code == 1
    assert f"No key opens portal.Patient.city of row {broken.pk}." in said
    assert "no longer used" not in said
    good.refresh_from_db()


def test_a_writer_at_work_meanwhile_wins(settings, monkeypatch):
    patient = PatientFactory(city="Austin", email="before@example.org")
    settings.MASTER_KEYS = BOTH
    renewed = rotation.SealedColumn.renewed

    def meanwhile(self, key, old):
        token = renewed(self, key, old)
        if self.column.name == "city":
            writer = Patient(pk=patient.pk, city="Waco", email="after@example.org")
            writer.save(update_fields=["city", "email", "email_index"])
        return token

    monkeypatch.setattr(rotation.SealedColumn, "renewed", meanwhile)
    assert run()[0] == 0
    patient.refresh_from_db()
    assert (patient.city, patient.email) == ("Waco", "after@example.org")
    assert Patient.objects.get(email_index__matches="after@example.org") == patient
    assert keys_in_use() == {"new"}


def test_a_source_elsewhere_joins(settings, monkeypatch):
    class Files:
        name = "files"
        left = 3

        def keys(self):
            return Counter({"old": self.left})

        def rotate(self, batch):
            while self.left:
                self.left -= 1
                yield rotation.Progress(done=1)

    monkeypatch.setattr(rotation, "_elsewhere", [])
    rotation.register(Files())
    rotation.register(Files())
    settings.MASTER_KEYS = BOTH
    code, said = run()
    assert code == 0
    assert said.count("files: ") == 3
    assert "files: 3 of 3" in said


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(120)
def test_a_run_that_was_killed_goes_on(settings):
    """kill -9 half-way, run again, drop the old key."""
    Patient.objects.bulk_create([PatientFactory.build(city=f"City {n}") for n in range(200)])
    settings.MASTER_KEYS = BOTH
    environment = {**os.environ, "MASTER_KEYS": BOTH}
    command = [sys.executable, "manage.py", "rotate_keys", "--batch", "5", "--skip-checks"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    city = next(source for source in rotation.sources() if source.name == "portal.Patient.city")
    deadline = time.monotonic() + 60
    while city.keys()["new"] == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 0 < city.keys()["new"] < 200
    assert run("--batch", "100")[0] == 0
    settings.MASTER_KEYS = NEW
    assert {patient.city for patient in Patient.objects.all()} == {f"City {n}" for n in range(200)}
    assert keys_in_use() <= {"new"}


def test_every_encrypted_column_is_a_source():
    names = {source.name for source in rotation.sources()}
    assert {"portal.Patient.first_name", "portal.Patient.email_index", "portal.Patient.name_tokens"} <= names
    assert {"cases.Message.body", "cases.Message.body_tokens", "billing.Coverage.member_id"} <= names


def test_a_wrong_key_in_place_of_the_old_one_is_found(settings):
    PatientFactory()
    settings.MASTER_KEYS = f"{NEW},old:{b64encode(b'x' * 32).decode()}"
    assert run()[0] == 1
    settings.MASTER_KEYS = OLD
    assert crypto.key_of(rotation.seal_text("x", b"y")) == "old"


def test_a_code_on_its_way_outlives_the_change_of_keys(settings):
    """What was mailed before the new key came is still right after it, until the old key is taken away."""
    secret = one_time.issue("enrolment", user=UserFactory())
    code = one_time.new_code(secret)
    settings.MASTER_KEYS = BOTH
    assert one_time.matches(secret, code)
    assert not one_time.matches(secret, f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}")
    settings.MASTER_KEYS = NEW
    assert not one_time.matches(secret, code)


def test_while_processes_restart_one_by_one_all_read_what_any_of_them_writes(settings):
    """The new key stands behind the old one first, and goes in front when everybody knows it."""
    behind = f"{OLD},{NEW}"
    for writes, reads in ((OLD, behind), (behind, OLD), (BOTH, behind), (behind, BOTH)):
        settings.MASTER_KEYS = writes
        patient = PatientFactory(email="p@example.org", first_name="José")
        with audit.acting(reason="because"):
            audit.read([patient], "chart")
        assert access_trail.seal()
        settings.MASTER_KEYS = reads
        found = Patient.objects.get(email_index__matches="p@example.org")
        assert found.first_name == "José"
        audit.read([patient], "chart again")
        assert access_trail.seal()
        assert not access_trail.verify().findings
        patient.delete()
