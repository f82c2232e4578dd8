"""What goes on the access trail, and what happens where it can't (R-SEC-2)."""

import asyncio
import threading

import psycopg
import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings as django_settings
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from config.celery import app
from config.security import audit, errands
from portal.access import System
from portal.models import AccessEntry, AccessReason, Caregiver, Order, Patient, User
from tests.factories import OrderFactory, PatientFactory, TeamFactory, UserFactory, caregiver_of

pytestmark = pytest.mark.django_db


def since(number=None):
    """Entries after a number, oldest first."""
    return list(AccessEntry.objects.filter(pk__gt=number or 0).order_by("pk"))


def newest():
    return AccessEntry.objects.order_by("-pk").first()


def mark():
    entry = newest()
    return entry.pk if entry else 0


@pytest.fixture
def agent():
    return UserFactory(roles=["agent"])


# --- who and why --------------------------------------------------------------------------------------


def test_an_entry_says_who_whose_what_when_from_where_and_why(agent, time_machine):
    time_machine.move_to("2026-11-22T12:00:00Z", tick=False)
    patient = PatientFactory()
    where = {"session_id": "s1", "remote_addr": "192.0.2.7", "request_id": "r1"}
    with audit.acting(agent, purpose="case:81", **where):
        entry = audit.read([patient], "chart", objects=[patient], fields=["phone", "birth_date"])
    entry.refresh_from_db()
    assert (entry.actor, entry.realm, entry.session, entry.remote_addr) == (agent, "staff", "s1", "192.0.2.7")
    assert (entry.kind, entry.what, entry.subjects, entry.purpose) == (
        "read",
        "chart",
        [patient.pk],
        "case:81",
    )
    assert (entry.cid, entry.object_id, entry.fields) == ("r1", patient.pk, ["birth_date", "phone"])
    assert entry.timestamp.isoformat() == "2026-11-22T12:00:00+00:00"


def test_nested_actors_come_back(agent):
    other = UserFactory()
    with audit.acting(agent, purpose="case:1"):
        with audit.acting(other):
            assert audit.read([1], "x").actor_id == other.pk
        entry = audit.read([1], "x")
        assert (entry.actor_id, entry.purpose) == (agent.pk, "case:1")
    assert audit.context.get() == audit.NOBODY


def test_an_error_inside_ends_the_acting(agent):
    with pytest.raises(ValueError), audit.acting(agent):
        raise ValueError
    assert audit.context.get() == audit.NOBODY


def test_threads_and_tasks_act_for_themselves(agent):
    seen = []

    async def both():
        async def one(number):
            with audit.acting(purpose=f"case:{number}"):
                await asyncio.sleep(0.01)
                seen.append(audit.context.get().purpose == f"case:{number}")

        await asyncio.gather(*(one(number) for number in range(5)))

    with audit.acting(agent):
        thread = threading.Thread(target=lambda: seen.append(audit.context.get() == audit.NOBODY))
        thread.start()
        thread.join()
    asyncio.run(both())
    assert seen == [True] * 6


def test_machinery_goes_by_its_name():
    with audit.acting(System("carrier webhook")):
        entry = audit.event("read", what="order")
    assert (entry.actor_id, entry.actor_name, entry.realm) == (None, "carrier webhook", "system")


def test_a_typed_reason_is_sealed_apart_and_proven_by_its_digest(agent):
    with audit.acting(agent, reason="Patient Kim asked me to"):
        entry = audit.event("break_glass", subjects=[1], what="chart")
    reason = AccessReason.objects.get(pk=entry.reason_id)
    assert reason.words == "Patient Kim asked me to"
    assert entry.reason_digest == reason.digest
    assert AccessReason.of("same").digest != AccessReason.of("same").digest
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM portal_accessreason")
        assert "Kim" not in cursor.fetchone()[0]


# --- reads --------------------------------------------------------------------------------------------


def test_a_list_is_one_entry_and_one_query(django_assert_num_queries):
    patients = [PatientFactory() for _ in range(50)]
    audit.content_type(Patient)
    with django_assert_num_queries(1):
        entry = audit.read(patients, "queue", objects=patients)
    assert entry.kind == "list"
    assert entry.subjects == entry.objects_seen == sorted(patient.pk for patient in patients)


def test_the_trail_is_only_added_to():
    entry = audit.read([1], "chart")
    with pytest.raises(TypeError):
        entry.save()


@pytest.mark.django_db(transaction=True)
def test_where_the_trail_cannot_be_written_the_read_fails(owner_db, caplog):
    owner_db.execute("REVOKE INSERT ON portal_accessentry FROM dme_app")
    try:
        with pytest.raises(audit.TrailUnavailable) as caught:
            audit.read([1], "chart")
    finally:
        owner_db.execute("GRANT INSERT ON portal_accessentry TO dme_app")
    assert caught.value.__cause__ is None
    assert "chart" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_where_the_trail_cannot_be_written_nothing_is(owner_db):
    """Also outside of any transaction of the caller's."""
    patient = PatientFactory(city="Austin")
    owner_db.execute("REVOKE INSERT ON portal_accessentry FROM dme_app")
    try:
        patient.city = "Waco"
        with pytest.raises(audit.TrailUnavailable):
            patient.save()
        with pytest.raises(audit.TrailUnavailable):
            Patient.objects.filter(pk=patient.pk).update(city="Waco")
        with pytest.raises(audit.TrailUnavailable):
            PatientFactory(account_number="NEW1")
        with pytest.raises(audit.TrailUnavailable):
            patient.delete()
    finally:
        owner_db.execute("GRANT INSERT ON portal_accessentry TO dme_app")
    assert Patient.objects.get().city == "Austin"


# --- writes -------------------------------------------------------------------------------------------


def test_a_row_added_changed_and_removed_leaves_three_entries(agent):
    start = mark()
    with audit.acting(agent):
        patient = PatientFactory()
        patient.time_zone = "America/Denver"
        patient.save()
        number = patient.pk
        patient.delete()
    entries = since(start)
    assert [entry.kind for entry in entries] == ["create", "update", "delete"]
    assert all((e.actor_id, e.subjects, e.object_id) == (agent.pk, [number], number) for e in entries)
    assert entries[1].changes == {"time_zone": ["America/Chicago", "America/Denver"]}
    assert str(entries[0]) == f"trail entry {entries[0].pk}"
    assert entries[0].object_repr == f"patient {number}"


def test_sealed_values_are_named_and_never_quoted():
    patient = PatientFactory()
    patient.first_name, patient.birth_date = "Unmistakable", "1940-01-01"
    patient.save()
    entry = newest()
    assert entry.changes == {"first_name": "sealed", "birth_date": "sealed"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(to_jsonb(e)::text, ' ') FROM portal_accessentry e")
        everything = cursor.fetchone()[0]
    for value in ("Unmistakable", "1940", "Testperson", "4321", "Sample Street", "v1."):
        assert value not in everything


def test_masked_fields_are_not_quoted():
    user = UserFactory()
    user.set_password("correct horse battery staple")
    user.save()
    assert newest().changes["password"] == "sealed"
    assert "argon2" not in str(newest().changes)


def test_a_save_that_changes_nothing_leaves_no_entry():
    patient = PatientFactory()
    start = mark()
    patient.save()
    Patient.objects.get(pk=patient.pk).save()
    assert not since(start)


def test_quiet_fields_leave_no_entry():
    user = UserFactory()
    start = mark()
    user.last_login = user.created_at
    user.save(update_fields=["last_login"])
    User.objects.filter(pk=user.pk).update(last_login=None)
    assert not since(start)


def test_only_what_is_written_is_told():
    patient = PatientFactory()
    patient.state, patient.language = "LA", "es"
    patient.save(update_fields=["language"])
    assert newest().changes == {"language": ["en", "es"]}


def test_a_change_made_by_another_is_not_told_as_ours():
    mine, theirs = PatientFactory(), None
    theirs = Patient.objects.get(pk=mine.pk)
    theirs.state = "LA"
    theirs.save()
    mine.refresh_from_db()
    mine.language = "es"
    mine.save()
    assert newest().changes == {"language": ["en", "es"]}


def test_a_list_changed_in_place_is_told():
    caregiver = caregiver_of(PatientFactory(), "billing")
    row = Caregiver.objects.get(pk=caregiver.pk)
    row.scopes.append("deliveries")
    row.save()
    assert newest().fields == ["scopes"]


def test_a_row_of_an_order_is_told_as_its_patients():
    order = OrderFactory()
    order.milestones.create(step="received")
    assert newest().what == "portal.ordermilestone"
    assert newest().subjects == [order.patient_id]


def test_an_audited_save_costs_one_query_more(django_assert_num_queries):
    order = OrderFactory()
    order.state = "held"
    with transaction.atomic(), django_assert_num_queries(2):
        order.save()


def test_update_of_many_is_one_entry_with_all_their_patients():
    orders = [OrderFactory() for _ in range(3)]
    start = mark()
    assert Order.objects.filter(pk__in=[order.pk for order in orders]).update(state="held") == 3
    [entry] = since(start)
    assert entry.objects_seen == [order.pk for order in orders]
    assert entry.subjects == sorted(order.patient_id for order in orders)
    assert (entry.kind, entry.fields) == ("update", ["state"])


def test_update_of_none_leaves_no_entry():
    start = mark()
    assert Order.objects.none().update(state="shipped") == 0
    assert Order.objects.filter(pk=0).update(state="shipped") == 0
    assert not since(start)


def test_bulk_writes_are_on_the_trail():
    start = mark()
    rows = Patient.objects.bulk_create([PatientFactory.build() for _ in range(3)])
    for row in rows:
        row.state = "LA"
    Patient.objects.bulk_update(rows, ["state"])
    created, updated = since(start)
    assert (created.kind, updated.kind) == ("create", "update")
    assert created.objects_seen == updated.objects_seen == created.subjects == [row.pk for row in rows]
    assert updated.fields == ["state"]


def test_a_bulk_write_of_very_many_is_several_entries(monkeypatch):
    monkeypatch.setattr(audit, "MOST_NAMED", 2)
    start = mark()
    Patient.objects.bulk_create([PatientFactory.build() for _ in range(5)])
    assert [len(entry.objects_seen) for entry in since(start)] == [2, 2, 1]


def test_deleting_a_set_tells_each_row():
    patients = [PatientFactory(), PatientFactory()]
    start = mark()
    Patient.objects.filter(pk__in=[patient.pk for patient in patients]).delete()
    assert sorted(entry.object_id for entry in since(start)) == [patient.pk for patient in patients]


def test_many_to_many_changes_are_told():
    team, user = TeamFactory(), UserFactory()
    start = mark()
    team.members.add(user)
    [entry] = since(start)
    assert (entry.kind, entry.what) == ("update", "cases.team")
    assert entry.changes["members"]["objects"] == [f"staff user {user.pk}"]


def test_related_managers_and_models_without_a_manager_of_their_own_are_watched_too():
    user = UserFactory(roles=["agent"])
    start = mark()
    user.role_grants.update(role="lead")
    [entry] = since(start)
    assert (entry.what, entry.fields) == ("portal.rolegrant", ["role"])


def test_who_is_on_the_trail_is_never_deleted(agent):
    with audit.acting(agent):
        audit.read([1], "chart")
    with pytest.raises(ProtectedError):
        agent.delete()
    with pytest.raises((ProtectedError, DatabaseError)), transaction.atomic():
        audit.content_type(User).delete()


# --- tasks --------------------------------------------------------------------------------------------


def test_a_task_acts_for_whoever_asked(agent):
    headers = {}
    with audit.acting(agent, purpose="case:9", reason="typed and private", request_id="r9"):
        errands._send(headers=headers)
    assert "typed and private" not in str(headers)

    class Task:
        name = "portal.tasks.some"
        request = type("Request", (), headers)()

    errands._take(task=Task)
    known = audit.context.get()
    assert (known.actor_id, known.purpose, known.request_id, known.reason) == (agent.pk, "case:9", "r9", "")
    errands._drop(task=Task)
    assert audit.context.get() == audit.NOBODY


def test_a_periodic_task_acts_under_its_own_name():
    class Task:
        name = "portal.tasks.seal_trail"
        request = type("Request", (), {})()

    errands._take(task=Task)
    try:
        assert audit.context.get().actor_name == "portal.tasks.seal_trail"
    finally:
        errands._drop(task=Task)


@pytest.mark.django_db(transaction=True)
def test_the_context_travels_through_the_broker(agent, valkey):
    """With a worker of Celery's own, in a thread."""
    seen, done = [], threading.Event()

    @app.task(name="tests.who")
    def who():
        seen.append(audit.context.get())
        done.set()

    try:
        with start_worker(app, perform_ping_check=False, pool="solo"), audit.acting(agent, purpose="case:5"):
            who.delay()
            assert done.wait(20)
    finally:
        del app.tasks["tests.who"]
    assert [(known.actor_id, known.purpose) for known in seen] == [(agent.pk, "case:5")]


# --- the application's role ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["portal_accessentry", "portal_trailseal"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}", "DELETE FROM {} WHERE false"]
)
def test_nobody_changes_the_trail(owner_db, table, statement):
    audit.read([1], "chart")
    column = "purpose" if table == "portal_accessentry" else "key_id"
    command = statement.format(table, column, "'forged'")
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as application:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            application.execute(command)
        application.execute("SET dme.trail_guard = 'lifted'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute(command)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must stay as it is"):
        owner_db.execute(command)
    owner_db.execute("SET dme.trail_guard = 'lifted'")
    owner_db.execute(command)


@pytest.mark.django_db(transaction=True)
def test_the_application_cannot_take_the_guard_away():
    with psycopg.connect(django_settings.DATABASE_URL, autocommit=True) as application:
        for command in (
            "ALTER TABLE portal_accessentry DISABLE TRIGGER trail_guard",
            "DROP TRIGGER trail_guard ON portal_accessentry",
            "SET session_replication_role = replica",
            "DROP FUNCTION trail_guard() CASCADE",
            "SET ROLE dme_owner",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                application.execute(command)


@pytest.mark.parametrize("table", ["portal_user", "portal_accessreason", "django_content_type"])
def test_what_entries_refer_to_stays(table):
    with pytest.raises(DatabaseError, match="must stay as it is"), transaction.atomic():
        connection.cursor().execute(f"DELETE FROM {table}")
