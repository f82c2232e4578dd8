"""Encrypted fields, blind indexes and search tokens (R-SEC-1)."""

from base64 import b64encode
from datetime import UTC, date, datetime

import encrypted_model_fields.fields as package
import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Upper

from config.security import blind, crypto, fields, normal
from portal.models import Patient
from tests.factories import PatientFactory

pytestmark = pytest.mark.django_db

OLD = "old:" + b64encode(b"o" * 32).decode()
NEW = "new:" + b64encode(b"n" * 32).decode()


@pytest.fixture(autouse=True)
def ring(settings):
    settings.MASTER_KEYS = OLD


def stored(column, pk):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM portal_patient WHERE id = %s", [pk])
        return cursor.fetchone()[0]


def store(column, pk, value):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE portal_patient SET {column} = %s WHERE id = %s", [value, pk])


class Sample(models.Model):  # noqa: DJ008 - never shown
    """Every kind of encrypted field, in a table of the test's own."""

    chars = fields.EncryptedCharField(max_length=20, null=True)
    text = fields.EncryptedTextField(null=True)
    email = fields.EncryptedEmailField(null=True)
    day = fields.EncryptedDateField(null=True)
    moment = fields.EncryptedDateTimeField(null=True)
    yes = fields.EncryptedBooleanField(null=True)
    number = fields.EncryptedIntegerField(null=True)
    big = fields.EncryptedBigIntegerField(null=True)
    data = fields.EncryptedJSONField(null=True)
    objects = blind.IndexedQuerySet.as_manager()

    class Meta:
        app_label = "tests"
        managed = False
        db_table = "sample_of_fields"


VALUES = {
    "chars": "O'Brien",
    "text": "Zeile eins\nline two \x1f ünïcödé 🫁",
    "email": "kim@example.org",
    "day": date(1931, 2, 28),
    "moment": datetime(2026, 11, 22, 13, 0, 0, 123456, tzinfo=UTC),
    "yes": True,
    "number": -2_147_483_648,
    "big": 9_223_372_036_854_775_807,
    "data": {"list": [1, 2.5, None, "ß"], "nested": {"a": True}},
}


@pytest.fixture
def table():
    columns = ", ".join(f"{name} text" for name in VALUES)
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TEMPORARY TABLE sample_of_fields (id serial PRIMARY KEY, {columns}) ON COMMIT DROP"
        )


def test_every_kind_comes_back_as_it_went_in(table):
    row = Sample.objects.create(**VALUES)
    found = Sample.objects.get(pk=row.pk)
    assert {name: getattr(found, name) for name in VALUES} == VALUES
    assert [type(getattr(found, name)) for name in VALUES] == [type(value) for value in VALUES.values()]


def test_every_kind_may_be_nothing(table):
    row = Sample.objects.create()
    assert all(getattr(Sample.objects.get(pk=row.pk), name) is None for name in VALUES)
    assert Sample.objects.filter(chars__isnull=True).count() == 1


def test_false_zero_and_empty_are_values(table):
    row = Sample.objects.create(yes=False, number=0, text="", data=[])
    found = Sample.objects.get(pk=row.pk)
    assert (found.yes, found.number, found.text, found.data) == (False, 0, "", [])


def test_the_database_holds_no_plain_text():
    patient = PatientFactory(first_name="Unmistakable", birth_date=date(1961, 4, 12))
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(p)::text FROM portal_patient p WHERE id = %s", [patient.pk])
        row = cursor.fetchone()[0]
    for plain in ("Unmistakable", "1961", "4321", "example.org", "5125550143", "Sample Street"):
        assert plain not in row


def test_the_classes_are_the_packages_own():
    assert isinstance(Patient._meta.get_field("first_name"), package.EncryptedCharField)
    assert isinstance(Patient._meta.get_field("birth_date"), package.EncryptedDateField)


def test_a_value_moved_to_another_column_is_unreadable():
    patient = PatientFactory()
    store("last_name", patient.pk, stored("first_name", patient.pk))
    with pytest.raises(crypto.Unreadable):
        Patient.objects.get(pk=patient.pk)


@pytest.mark.parametrize("value", ["Marisol", "v1.old.", "v1.old.AAAA", "gAAAAAB-no-fernet", ""])
def test_what_is_no_sealed_value_is_an_error_and_never_shown(value):
    patient = PatientFactory()
    store("first_name", patient.pk, value)
    with pytest.raises(crypto.Unreadable):
        Patient.objects.get(pk=patient.pk)


def test_a_missing_key_is_an_error(settings):
    patient = PatientFactory()
    settings.MASTER_KEYS = NEW
    with pytest.raises(crypto.Unreadable):
        Patient.objects.get(pk=patient.pk)


def test_a_form_can_have_nothing_decrypted():
    """A token that somebody types is text like any other."""
    patient = PatientFactory()
    token = stored("first_name", patient.pk)
    assert Patient._meta.get_field("first_name").to_python(token) == token
    patient.last_name = token
    patient.save()
    patient.refresh_from_db()
    assert patient.last_name == token


@pytest.mark.parametrize(
    "ask",
    [
        {"first_name": "Kim"},
        {"first_name__icontains": "k"},
        {"first_name__in": ["Kim"]},
        {"first_name": None},
        {"birth_date__year": 1961},
        {"birth_date__gt": date(1961, 1, 1)},
        {"email_index__startswith": "v1"},
        {"email_index__matches__lower": "x"},
    ],
)
def test_sealed_columns_are_not_filtered_by_value(ask):
    with pytest.raises(FieldError):
        Patient.objects.filter(**ask).exists()


def test_an_annotation_opens_no_way_round():
    PatientFactory()
    with pytest.raises(FieldError):
        Patient.objects.annotate(up=Upper("first_name")).filter(up="KIM").exists()


@pytest.mark.parametrize(
    "expression", [F("last_name"), Concat("last_name", Value("x")), Upper(Value("kim")), Value("kim")]
)
def test_expressions_are_refused(expression):
    patient = PatientFactory()
    with pytest.raises(FieldError), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(city=expression)
    patient.city = expression
    with pytest.raises(FieldError), transaction.atomic():
        patient.save()


def test_bulk_update_seals_each_value():
    patients = [PatientFactory(), PatientFactory()]
    patients[0].city, patients[1].city = "Austin", "Waco"
    assert Patient.objects.bulk_update(patients, ["city"]) == 2
    assert [Patient.objects.get(pk=patient.pk).city for patient in patients] == ["Austin", "Waco"]
    assert stored("city", patients[0].pk).startswith("v1.old.")


def test_bulk_update_refuses_an_expression_among_the_values():
    patients = [PatientFactory(), PatientFactory()]
    patients[1].city = F("last_name")
    with pytest.raises(FieldError):
        Patient.objects.bulk_update(patients, ["city"])


def test_update_seals_a_plain_value():
    patient = PatientFactory()
    Patient.objects.filter(pk=patient.pk).update(city="Laredo")
    patient.refresh_from_db()
    assert patient.city == "Laredo"
    assert "Laredo" not in stored("city", patient.pk)


def test_nothing_is_serialized_in_plain_text():
    with pytest.raises(FieldError):
        serializers.serialize("json", [PatientFactory()])


def test_fernet_values_are_read(settings):
    key = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEY = [key]
    patient = PatientFactory()
    store("first_name", patient.pk, Fernet(key).encrypt(b"Josefina").decode())
    assert Patient.objects.get(pk=patient.pk).first_name == "Josefina"


def test_the_packages_own_functions_use_our_ring():
    token = package.encrypt_str("plain").decode()
    assert token.startswith("v1.old.")
    assert package.decrypt_str(token) == "plain"
    with pytest.raises(crypto.Unreadable):
        package.decrypt_str(token[:-1])


# --- blind indexes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["marisol@example.org", " Marisol@Example.ORG "])
def test_a_blind_index_finds_any_spelling(spelling):
    patient = PatientFactory(email="Marisol@example.org")
    assert Patient.objects.get(email_index__matches=spelling) == patient


@pytest.mark.parametrize("spelling", ["(512) 555-0177", "512.555.0177", "+1 512 555 0177", "1-512-555-0177"])
def test_a_telephone_number_is_found_as_it_is_spoken(spelling):
    patient = PatientFactory(phone="+15125550177")
    assert Patient.objects.get(phone_index__matches=spelling) == patient


def test_equal_values_of_two_columns_have_nothing_in_common():
    one = blind.BlindIndexField(source="a", normalise=normal.email)
    one.set_attributes_from_name("a_index")
    one.place = "t.a_index"
    other = one.clone()
    other.place = "t.b_index"
    assert one.derived(["kim@example.org"]) != other.derived(["kim@example.org"])


def test_empty_values_have_no_digest():
    patient = PatientFactory(email="", phone="")
    assert patient.email_index is None
    assert not Patient.objects.filter(email_index__matches="").exists()
    assert not Patient.objects.filter(email_index__matches=None).exists()


def test_the_index_follows_its_source():
    patient = PatientFactory(email="one@example.org")
    patient.email = "two@example.org"
    patient.save()
    assert not Patient.objects.filter(email_index__matches="one@example.org").exists()
    assert Patient.objects.filter(email_index__matches="two@example.org").exists()


def test_bulk_create_and_bulk_update_fill_the_index():
    rows = [PatientFactory.build(email=f"bulk{n}@example.org") for n in range(3)]
    rows = Patient.objects.bulk_create(rows)
    assert Patient.objects.filter(email_index__matches="bulk2@example.org").exists()
    for row in rows:
        row.email = f"later{row.pk}@example.org"
    Patient.objects.bulk_update(rows, ["email"])
    assert Patient.objects.get(email_index__matches=f"later{rows[0].pk}@example.org") == rows[0]


def test_update_of_a_source_takes_the_index_along():
    patient = PatientFactory()
    Patient.objects.filter(pk=patient.pk).update(email="moved@example.org")
    assert Patient.objects.get(email_index__matches="moved@example.org") == patient


def test_what_would_leave_an_index_behind_is_refused():
    patient = PatientFactory()
    with pytest.raises(FieldError, match="save the rows one by one"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(first_name="Kim")
    patient.email = "stale@example.org"
    with pytest.raises(FieldError, match="name it in update_fields"), transaction.atomic():
        patient.save(update_fields=["email"])
    patient.save(update_fields=["email", "email_index"])
    assert Patient.objects.filter(email_index__matches="stale@example.org").exists()


def test_look_ups_go_on_under_two_keys(settings):
    old = PatientFactory(email="old@example.org")
    settings.MASTER_KEYS = f"{NEW},{OLD}"
    new = PatientFactory(email="new@example.org")
    assert Patient.objects.get(email_index__matches="old@example.org") == old
    assert Patient.objects.get(email_index__matches="new@example.org") == new
    assert Patient.objects.get(name_tokens__matches=old.first_name) == old


# --- search tokens ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["núñez", "NUNEZ jose", "josé NÚÑEZ", "  jose   "])
def test_search_tokens_find_all_words_in_any_order_and_spelling(words):
    patient = PatientFactory(first_name="José", last_name="Núñez")
    PatientFactory(first_name="Josefina", last_name="Other")
    assert list(Patient.objects.filter(name_tokens__matches=words)) == [patient]


@pytest.mark.parametrize("words", ["", "   ", "!!", "jose garcia"])
def test_search_tokens_find_nothing_for_no_words_or_a_wrong_one(words):
    PatientFactory(first_name="José", last_name="Núñez")
    assert not Patient.objects.filter(name_tokens__matches=words).exists()


def test_tokens_are_short_keyed_digests():
    patient = PatientFactory(first_name="José", last_name="Núñez")
    assert patient.name_tokens[0] == "=old"
    assert [len(token) for token in patient.name_tokens[1:]] == [12, 12]


def test_the_search_uses_its_index():
    """R-CASE-1: search stays fast as the table grows."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Patient.objects.filter(name_tokens__matches="jose nunez").explain()
    assert "Bitmap Index Scan" in plan


def test_prefixes_find_as_one_types():
    column = blind.SearchTokensField(sources=("name",), kind="prefixes")
    column.place = "t.tokens"
    tokens = set(column.derived(["Garcia Xu"]))
    assert all(
        set(column.candidates(typed)[0]) <= tokens for typed in ("ga", "garc", "garcia", "xu", "xu gar")
    )
    assert not set(column.candidates("arc")[0]) <= tokens


def test_a_model_without_its_index_or_manager_is_named():
    class Bare(models.Model):  # noqa: DJ008 - never shown
        name = fields.EncryptedCharField(max_length=20, unique=True)
        tokens = blind.SearchTokensField(sources=("name",))

        class Meta:
            app_label = "tests"
            managed = False

    assert [found.id for found in Bare._meta.get_field("tokens").check()] == ["config.E101", "config.E102"]
    assert [found.id for found in Bare._meta.get_field("name").check()] == ["config.E103"]
