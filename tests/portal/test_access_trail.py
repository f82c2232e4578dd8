"""The access trail proves itself (R-SEC-2), and tells patients who saw their record (R-SEC-4)."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override

from config import embedded, logs
from config.security import audit, crypto
from config.security.fields import seal_text
from portal import access_trail, seals
from portal.access import System
from portal.models import AccessEntry, TrailQueue, TrailSeal
from tests import engines
from tests.factories import OrderFactory, PatientFactory, UserFactory, caregiver_of, patient_with_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def owner(owner_db):
    """Somebody who got hold of the database and of everything in it but our keys."""
    owner_db.execute("SET dme.trail_guard = 'lifted'")
    return owner_db


def told(count, first=1):
    with audit.acting(System("test"), purpose="case:1", remote_addr="192.0.2.1", reason="asked"):
        for number in range(first, first + count):
            audit.read([number, number + 1], "chart", fields=["phone"])


def sealed_trail(*counts):
    """A trail of several seals with so many entries each."""
    for count in counts or (3, 2, 4):
        told(count)
        access_trail.seal()
    return [entry.pk for entry in AccessEntry.objects.order_by("pk")]


def first_finding():
    proof = access_trail.verify()
    return proof.findings[0] if proof.findings else None


# --- sealing ------------------------------------------------------------------------------------------


def test_a_sealed_trail_is_whole():
    sealed_trail()
    told(2)
    proof = access_trail.verify()
    assert proof.whole
    assert (proof.entries, proof.seals, proof.waiting) == (9, 3, 2)


def test_an_empty_trail_is_whole():
    assert access_trail.seal() == 0
    assert access_trail.verify().whole
    assert not TrailSeal.objects.exists()


UNTOLD = (
    "INSERT INTO portal_accessentry (kind, what, outcome, actor_name, realm, session, purpose,"
    " reason_digest, subjects, object_pk, objects_seen, fields, action, cid, timestamp)"
    " VALUES ('read', 'late', 'ok', '', '', '', '', '', '{}', '', '{}', '{}', 3, '', now())"
)


def test_an_entry_that_commits_after_a_higher_number_was_sealed_is_sealed_all_the_same():
    with psycopg.connect(django_settings.DATABASE_URL) as slow:
        slow.execute(UNTOLD)
        told(2)
        assert access_trail.seal() == 2
        assert access_trail.verify().whole
        slow.commit()
    told(1)
    assert access_trail.verify().waiting == 2
    assert access_trail.seal() == 2
    late, first = TrailSeal.objects.order_by("-number")[:2]
    assert min(late.entry_ids) < min(first.entry_ids)
    proof = access_trail.verify()
    assert proof.whole
    assert proof.entries == 4


def test_what_is_rolled_back_is_not_waited_for():
    with psycopg.connect(django_settings.DATABASE_URL) as slow:
        slow.execute(UNTOLD)
        slow.rollback()
    assert access_trail.seal() == 0


def test_many_entries_take_several_seals(monkeypatch):
    monkeypatch.setattr(seals, "MOST_AT_ONCE", 2)
    told(5)
    assert access_trail.seal() == 5
    assert [len(seal.entry_ids) for seal in TrailSeal.objects.order_by("number")] == [2, 2, 1]
    assert access_trail.verify().whole


def test_windows_of_the_check_do_not_matter(monkeypatch):
    from portal import seal_check

    monkeypatch.setattr(seal_check, "WINDOW", 2)
    monkeypatch.setattr(seal_check, "PAGE", 1)
    sealed_trail(3, 2, 4, 1)
    proof = access_trail.verify()
    assert proof.whole
    assert (proof.entries, proof.seals) == (10, 4)


def test_only_one_seals_at_a_time():
    told(1)
    with psycopg.connect(django_settings.DATABASE_URL) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [seals.LOCK])
        assert access_trail.seal() == 0
    assert access_trail.seal() == 1


def test_the_key_may_change_between_seals(settings):
    from base64 import b64encode

    old, new = (f"{name}:{b64encode(name[0].encode() * 32).decode()}" for name in ("old", "new"))
    settings.MASTER_KEYS = old
    sealed_trail(2)
    settings.MASTER_KEYS = f"{new},{old}"
    sealed_trail(2)
    assert access_trail.verify().whole
    call_command("rotate_keys", stdout=StringIO())
    settings.MASTER_KEYS = new
    assert access_trail.verify().whole


# --- attacks ------------------------------------------------------------------------------------------

FORGED = {
    "timestamp": "timestamp - interval '1 second'",
    "kind": "'export'",
    "what": "'other'",
    "outcome": "'denied'",
    "action": "0",
    "actor_name": "'somebody else'",
    "realm": "'patient'",
    "on_behalf_of": "7",
    "session": "'s'",
    "remote_addr": "'203.0.113.9'",
    "cid": "'r'",
    "purpose": "'case:2'",
    "reason_digest": "''",
    "reason_id": "NULL",
    "subjects": "subjects[1:1]",
    "object_pk": "'7'",
    "object_id": "7",
    "objects_seen": "'{7}'",
    "fields": "'{}'",
    "changes": "'{}'",
}


@pytest.mark.parametrize("column", FORGED)
def test_a_changed_entry_is_named(owner, column):
    entries = sealed_trail()
    owner.execute(f"UPDATE portal_accessentry SET {column} = {FORGED[column]} WHERE id = %s", [entries[4]])
    assert first_finding() == f"Entry {entries[4]} of seal 2 was changed."


def test_every_column_is_covered():
    columns = {field.column for field in AccessEntry._meta.concrete_fields}
    assert set(seals.FORMS[seals.FORM]) == columns
    assert columns - set(FORGED) == {"id", "actor_id", "content_type_id"}


def test_a_removed_entry_is_named(owner):
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [entries[1]])
    assert first_finding() == f"Entry {entries[1]} of seal 1 was removed, or is sealed twice."


def test_an_entry_removed_before_its_seal_is_named(owner):
    told(2)
    gone = AccessEntry.objects.order_by("-pk").first().pk
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [gone])
    access_trail.seal()
    assert first_finding() == f"Entry {gone} of seal 1 was removed, or is sealed twice."


@pytest.mark.parametrize("number", [-5, 1_000_000])
def test_an_entry_put_in_behind_the_trails_back_is_named(owner, number):
    entries = sealed_trail()
    owner.execute("SET session_replication_role = replica")
    columns = ", ".join(column for column in seals.FORMS[1] if column != "id")
    owner.execute(
        f"INSERT INTO portal_accessentry (id, {columns})"
        f" SELECT %s, {columns} FROM portal_accessentry WHERE id = %s",
        [number if number > 0 else entries[0] + number, entries[0]],
    )
    assert "is in no seal and not waiting for one" in first_finding()


def test_an_entry_taken_out_of_the_queue_is_named(owner):
    told(1)
    owner.execute("DELETE FROM portal_trailqueue")
    assert "is in no seal and not waiting for one" in first_finding()


def test_entries_that_changed_places_are_named(owner):
    entries = sealed_trail()
    one, other = entries[3], entries[4]
    for old, new in ((one, -1), (other, one), (-1, other)):
        owner.execute("UPDATE portal_accessentry SET id = %s WHERE id = %s", [new, old])
    assert first_finding() == f"Entry {one} of seal 2 was changed."


@pytest.mark.parametrize(
    "forging",
    [
        "INSERT INTO portal_trailqueue VALUES (1)",
        "UPDATE portal_trailqueue SET entry_id = 1",
        "TRUNCATE portal_trailqueue",
        "CREATE TEMP TABLE mine (id bigint); CREATE TRIGGER mine AFTER INSERT ON mine"
        " REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION trail_queue()",
    ],
)
def test_only_the_trigger_fills_the_queue(forging):
    told(1)
    with (
        psycopg.connect(django_settings.DATABASE_URL) as application,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        application.execute(forging)
    assert access_trail.seal() == 1


def test_an_entry_that_a_seal_holds_is_not_sealed_again(owner, caplog):
    entries = sealed_trail()
    told(1)
    for number in (entries[0], entries[4]):
        owner.execute("INSERT INTO portal_trailqueue VALUES (%s)", [number])
    assert access_trail.seal() == 1
    assert "queued again" in caplog.text
    assert not TrailQueue.objects.exists()
    assert access_trail.verify().whole


def test_an_entry_sealed_a_second_time_is_named(owner, monkeypatch):
    entries = sealed_trail()
    owner.execute("UPDATE portal_accessentry SET what = 'other' WHERE id = %s", [entries[0]])
    owner.execute("INSERT INTO portal_trailqueue VALUES (%s)", [entries[0]])
    monkeypatch.setattr(seals, "_sealed_before", lambda ids: set())
    access_trail.seal()
    assert access_trail.verify().findings == [
        f"Entry {entries[0]} is sealed twice, by seals 1 and 4.",
        f"Entry {entries[0]} of seal 1 was changed.",
    ]


def forge_reason(entry, text):
    """As the application's role, which may write reasons anew: rotation does."""
    with psycopg.connect(django_settings.DATABASE_URL) as application:
        application.execute(
            "UPDATE portal_accessreason SET text = %s"
            " WHERE id = (SELECT reason_id FROM portal_accessentry WHERE id = %s)",
            [text, entry],
        )


def test_a_reason_that_was_written_anew_is_named():
    entries = sealed_trail()
    other = seal_text("x" * 22 + "another reason", b"portal_accessreason.text")
    forge_reason(entries[4], other)
    assert access_trail.verify().findings == [f"The reason of entry {entries[4]} was changed."]


def test_reasons_that_changed_places_are_named(owner):
    entries = sealed_trail()
    text = "SELECT text FROM portal_accessreason ORDER BY id"
    forge_reason(entries[1], owner.execute(text).fetchone()[0])
    assert access_trail.verify().findings == [f"The reason of entry {entries[1]} was changed."]


@pytest.mark.parametrize("text", ["", "nonsense\twith a tab", "v1.gone.AAAA", "v1.demo1.AAAA"])
def test_a_reason_that_no_key_opens_is_named(text):
    entries = sealed_trail()
    forge_reason(entries[4], text)
    assert access_trail.verify().findings == [
        f"The reason of entry {entries[4]} can't be opened: it was changed, or its key is gone."
    ]


def test_a_reason_that_is_gone_is_named(owner):
    entries = sealed_trail()
    owner.execute(
        "DELETE FROM portal_accessreason WHERE id = (SELECT reason_id FROM portal_accessentry WHERE id = %s)",
        [entries[0]],
    )
    assert access_trail.verify().findings == [f"The reason of entry {entries[0]} was removed."]


def test_a_reason_of_an_entry_that_waits_for_its_seal_is_proven_too():
    told(1)
    entry = AccessEntry.objects.get()
    forge_reason(entry.pk, "")
    assert "can't be opened" in first_finding()


def rehash(owner, key=None):
    """Write the chain anew over what the entries are now, with another's key or (knowing it) with ours."""
    previous = seals.GENESIS
    for link in TrailSeal.objects.order_by("number"):
        found = {n: digest for n, digest, _ in seals.stored_entries(link.form, psycopg.sql.SQL("true"))}
        link.previous = previous
        link.entry_ids = [number for number in link.entry_ids if number in found]
        link.digests = b"".join(found[number] for number in link.entry_ids)
        link.hash = previous = seals.chain_hash(link)
        mac = sha256(link.hash).digest() if key is None else crypto.mac(seals.PURPOSE, link.hash, key)
        owner.execute(
            "UPDATE portal_trailseal SET previous = %s, entry_ids = %s, digests = %s, hash = %s, mac = %s"
            " WHERE number = %s",
            [link.previous, link.entry_ids, link.digests, link.hash, mac, link.number],
        )


def test_a_chain_written_anew_without_our_key_is_named(owner):
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [entries[0]])
    rehash(owner)
    assert first_finding() == "Seal 1 was written anew: its signature is not ours."


def test_a_chain_written_anew_with_our_key_is_found_by_the_anchor(owner):
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [entries[0]])
    rehash(owner, key=crypto.ring().newest)
    assert first_finding() == "Seal 1 is not the one that the anchor knows."


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("previous", "digests"),
        ("entry_ids", "array_remove(entry_ids, entry_ids[1])"),
        ("digests", "hash"),
        ("sealed_at", "sealed_at + interval '1 microsecond'"),
        ("hash", "mac"),
        ("form", "form"),
    ],
)
def test_a_changed_seal_is_named(owner, column, value):
    sealed_trail()
    owner.execute(f"UPDATE portal_trailseal SET {column} = {value} WHERE number = 2")
    finding = first_finding()
    assert finding is None if column == "form" else "Seal 2 was changed" in finding


def test_a_seal_signed_by_another_is_named(owner):
    sealed_trail()
    owner.execute("UPDATE portal_trailseal SET mac = hash WHERE number = 2")
    assert first_finding() == "Seal 2 was written anew: its signature is not ours."


def test_a_seal_whose_key_is_said_to_be_gone_is_vouched_for_by_the_next(owner):
    sealed_trail()
    owner.execute("UPDATE portal_trailseal SET mac = hash, key_id = 'gone' WHERE number = 2")
    assert first_finding() is None
    owner.execute("UPDATE portal_trailseal SET mac = hash, key_id = 'gone' WHERE number = 3")
    assert "Seal 3 is signed with a key that is gone" in first_finding()


def test_a_seal_of_ours_from_another_history_is_named(owner):
    """Signed with our key, as one of a restored copy is: the next one does not follow it."""
    sealed_trail()
    link = TrailSeal.objects.get(number=2)
    link.sealed_at += timedelta(microseconds=1)
    link.hash = seals.chain_hash(link)
    mac = crypto.mac(seals.PURPOSE, link.hash, link.key_id)
    changed = "UPDATE portal_trailseal SET sealed_at = %s, hash = %s, mac = %s WHERE number = 2"
    owner.execute(changed, [link.sealed_at, link.hash, mac])
    assert first_finding() == "Seal 3 was changed or put elsewhere in the chain."


def test_a_missing_seal_is_named(owner):
    sealed_trail()
    owner.execute("DELETE FROM portal_trailseal WHERE number = 2")
    assert first_finding() == "Seal 2 is missing: 3 follows 1."


def test_seals_that_changed_places_are_named(owner):
    sealed_trail()
    for old, new in ((2, -1), (3, 2), (-1, 3)):
        owner.execute("UPDATE portal_trailseal SET number = %s WHERE number = %s", [new, old])
    assert "Seal 2 was changed or put elsewhere" in first_finding()


def test_a_cut_tail_is_named(owner):
    """Both the seals and their entries are gone, so nothing in the database tells."""
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_trailseal WHERE number = 3")
    owner.execute("DELETE FROM portal_accessentry WHERE id >= %s", [entries[5]])
    assert first_finding() == "The tail is cut: the anchor knows seal 3, the database ends at 2."
    with pytest.raises(access_trail.TrailBroken, match="the anchor knows seal 3"):
        access_trail.seal()


def test_a_whole_trail_that_is_gone_is_named(owner):
    sealed_trail()
    owner.execute("TRUNCATE portal_trailseal, portal_accessentry, portal_trailqueue")
    assert first_finding() == "The tail is cut: the anchor knows seal 1, the database ends at 0."


# --- the anchor ---------------------------------------------------------------------------------------


def test_the_anchor_catches_up_on_seals_of_a_process_that_died(settings, monkeypatch):
    told(2)
    with monkeypatch.context() as patch:
        patch.setattr(seals, "anchor", lambda: None)
        seals.seal()
    assert not Path(settings.TRAIL_ANCHOR).exists()
    told(2)
    seals.seal()
    assert [noted.number for noted in seals.anchors().known.values()] == [1, 2]


def test_a_seal_that_is_not_in_the_anchor_is_named(settings, time_machine):
    sealed_trail()
    lines = Path(settings.TRAIL_ANCHOR).read_text().splitlines(keepends=True)
    Path(settings.TRAIL_ANCHOR).write_text(lines[0] + lines[2])
    assert first_finding() is None
    time_machine.move_to(timezone.now() + timedelta(hours=1))
    assert first_finding() == "Seal 2 is not in the anchor."


@pytest.mark.parametrize("forge", [lambda line: line.replace("seal 2", "seal 9"), lambda line: "nonsense\n"])
def test_a_forged_anchor_is_named(settings, forge):
    sealed_trail()
    lines = Path(settings.TRAIL_ANCHOR).read_text().splitlines(keepends=True)
    Path(settings.TRAIL_ANCHOR).write_text(lines[0] + forge(lines[1]) + lines[2])
    assert first_finding() in (
        "The anchor's line of seal 9 was not written by us.",
        "The anchor has a line that can't be read.",
    )


def test_a_restore_is_accepted_by_hand_and_told_for_ever(owner, settings):
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_trailseal WHERE number = 3")
    owner.execute("DELETE FROM portal_accessentry WHERE id >= %s", [entries[5]])
    out = StringIO()
    with pytest.raises(CommandError, match="The tail is cut"):
        call_command("seal_trail", stdout=out)
    call_command("seal_trail", "--accept-restore", stdout=out)
    assert "the trail goes on after seal 2" in out.getvalue()
    told(2)
    access_trail.seal()
    proof = access_trail.verify()
    assert proof.whole
    assert proof.notes == ["A restore was accepted after seal 2."]


def manage(command, name, settings):
    """Run a command on another database of this run's cluster; exit code and output."""
    environment = {
        **os.environ,
        "DATABASE_URL": engines.engines().database_url(embedded.APP, name),
        "DATABASE_OWNER_URL": engines.engines().database_url(embedded.OWNER, name),
        "TRAIL_ANCHOR": settings.TRAIL_ANCHOR,
    }
    arguments = [sys.executable, "manage.py", command, "--skip-checks"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(120)
def test_a_dump_that_is_restored_elsewhere_proves_itself_and_goes_on(settings, tmp_path):
    """R-SEC-2: nothing depends on the numbers of transactions, which begin anew there."""
    sealed_trail()
    told(2)
    home, name = engines.engines(), f"run_{os.getpid()}_restored"
    tools, dump = embedded.binaries(home) / "bin", tmp_path / "dump"
    source = home.database_url(embedded.OWNER, django_settings.DATABASES["default"]["NAME"])
    subprocess.run([tools / "pg_dump", "-Fc", "-n", "public", "-f", dump, source], check=True)
    embedded.make_database(home, name)
    try:
        target = home.database_url(embedded.OWNER, name)
        subprocess.run([tools / "pg_restore", "-d", target, dump], check=False, capture_output=True)
        assert manage("seal_trail", name, settings) == (0, "2 entries sealed.\n")
        code, said = manage("verify_trail", name, settings)
    finally:
        embedded.drop_database(home, name)
    assert code == 0
    assert "11 entries under 4 seals" in said


def anchored(settings):
    return Path(settings.TRAIL_ANCHOR).read_text().splitlines(keepends=True)


def under_a_gone_key(owner, settings):
    """Rewrite the chain as if a retired key had signed it, and say the same at the end of the anchor."""
    rehash(owner)
    owner.execute("UPDATE portal_trailseal SET key_id = 'gone'")
    with Path(settings.TRAIL_ANCHOR).open("a") as file:
        for link in TrailSeal.objects.order_by("number"):
            file.write(f"seal {link.number} {bytes(link.hash).hex()} gone {'00' * 32} 2026-01-01T00:00:00\n")


def test_a_chain_written_anew_under_a_key_that_is_gone_is_never_built_on(owner, settings):
    """Somebody who owns the database and may add to the anchor, without any key of ours."""
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [entries[0]])
    under_a_gone_key(owner, settings)
    told(1)
    with pytest.raises(access_trail.TrailBroken, match="was not written by us"):
        access_trail.seal()
    Path(settings.TRAIL_ANCHOR).unlink()
    with pytest.raises(access_trail.TrailBroken, match="Seal 3 is signed with a key that is not in"):
        access_trail.seal()
    with pytest.raises(access_trail.TrailBroken):
        access_trail.accept_restore()
    assert TrailQueue.objects.count() == 1
    assert not access_trail.verify().whole


def test_the_first_line_of_a_seal_counts_and_another_is_named(owner, settings, monkeypatch):
    entries = sealed_trail()
    owner.execute("DELETE FROM portal_accessentry WHERE id = %s", [entries[0]])
    under_a_gone_key(owner, settings)
    findings = access_trail.verify().findings
    assert "The anchor has two lines of seal 1 that differ." in findings
    assert "Seal 1 is not the one that the anchor knows." in findings
    assert "The anchor ends with a line under a key that is gone: nothing vouches for it." in findings


def test_a_restore_that_is_said_again_is_named(settings):
    sealed_trail(1, 1)
    access_trail.accept_restore()
    sealed_trail(1)
    lines = anchored(settings)
    Path(settings.TRAIL_ANCHOR).write_text("".join([*lines, lines[2]]))
    assert access_trail.verify().findings == ["The anchor's line of seal 2 was not written by us."]


def test_a_line_cut_short_by_a_crash_stops_nothing(settings):
    sealed_trail(1, 1)
    lines = anchored(settings)
    Path(settings.TRAIL_ANCHOR).write_text(lines[0] + lines[1][:90])
    sealed_trail(1)
    assert len(anchored(settings)) == 4
    assert access_trail.verify().whole


def test_a_seal_put_in_by_the_application_is_neither_anchored_nor_built_on(settings):
    sealed_trail()
    with psycopg.connect(django_settings.DATABASE_URL) as application:
        application.execute(
            "INSERT INTO portal_trailseal SELECT 4, hash, form, entry_ids, digests, sealed_at, mac, key_id, mac"
            " FROM portal_trailseal WHERE number = 3"
        )
    with pytest.raises(access_trail.TrailBroken, match="Seal 4 was changed"):
        access_trail.seal()
    with pytest.raises(access_trail.TrailBroken, match="Seal 4 was changed"):
        access_trail.anchor()
    assert len(anchored(settings)) == 3


def test_a_seal_below_the_first_hides_no_entry():
    sealed_trail(1)
    with psycopg.connect(django_settings.DATABASE_URL) as application:
        application.execute(
            "INSERT INTO portal_trailseal SELECT -1, previous, form,"
            " ARRAY(SELECT max(id) + n FROM portal_accessentry, generate_series(1, 9) n GROUP BY n ORDER BY 1),"
            " digests, sealed_at, hash, key_id, mac FROM portal_trailseal, generate_series(1, 1)"
        )
    told(2)
    assert access_trail.seal() == 2
    assert access_trail.verify().whole


def test_an_entry_with_a_number_below_zero_is_named(owner):
    entries = sealed_trail()
    owner.execute("SET session_replication_role = replica")
    columns = ", ".join(column for column in seals.FORMS[1] if column != "id")
    owner.execute(
        f"INSERT INTO portal_accessentry (id, {columns})"
        f" SELECT -7, {columns} FROM portal_accessentry WHERE id = %s",
        [entries[0]],
    )
    assert "Entry -7 is in no seal" in first_finding()


@pytest.mark.parametrize(
    ("column", "value"), [("entry_ids", "'{}'"), ("entry_ids", "'{NULL}'"), ("form", "9")]
)
def test_a_seal_that_makes_no_sense_is_named(owner, column, value):
    sealed_trail(2)
    owner.execute(f"UPDATE portal_trailseal SET {column} = {value}")
    assert first_finding() == "Seal 1 was changed or put elsewhere in the chain."


def test_a_restore_stays_told_after_the_next(settings):
    sealed_trail(1, 1)
    for _ in range(2):
        access_trail.accept_restore()
        sealed_trail(1)
    proof = access_trail.verify()
    assert proof.whole
    assert [note[-2] for note in proof.notes] == ["2", "3"]


# --- the commands -------------------------------------------------------------------------------------


def test_the_command_proves_a_whole_trail():
    sealed_trail()
    told(1)
    out = StringIO()
    call_command("verify_trail", stdout=out)
    assert "9 entries under 3 seals" in out.getvalue()
    assert "1 entries are not sealed yet." in out.getvalue()
    assert "The trail is whole." in out.getvalue()


def test_the_command_names_the_first_break_and_leaves_with_1(owner):
    entries = sealed_trail()
    owner.execute("UPDATE portal_accessentry SET what = 'x' WHERE id = ANY(%s)", [entries[:2]])
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("verify_trail", stdout=out, stderr=err)
    assert left.value.code == 1
    assert f"The trail is broken. First: Entry {entries[0]} of seal 1 was changed." in err.getvalue()
    assert "whole" not in out.getvalue()


def test_the_task_seals():
    from portal.tasks import seal_trail

    told(2)
    assert seal_trail() == 2
    assert seal_trail() == 0
    assert not TrailQueue.objects.exists()


@pytest.fixture
def alarms(capsys):
    """What a production process writes at its loudest, with what it found."""
    logs.configure("production", "INFO")

    def read():
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        return [(line["event"], line["outcome"]) for line in lines if line["level"] == "critical"]

    yield read
    logs.configure("test", "INFO")


def test_the_task_tells_loudly_of_a_broken_trail_and_keeps_what_waits(owner, alarms):
    from portal.tasks import seal_trail

    sealed_trail(1)
    owner.execute("UPDATE portal_trailseal SET mac = hash")
    told(1)
    with pytest.raises(access_trail.TrailBroken):
        seal_trail()
    ((said, found),) = alarms()
    assert said == "The access trail is broken and is not sealed."
    assert found == "Seal 1 was written anew: its signature is not ours."
    assert TrailQueue.objects.count() == 1


def test_the_daily_proof_tells_loudly_of_what_was_changed(owner, alarms):
    from portal.tasks import prove_trail

    sealed_trail(2)
    assert prove_trail() == 2
    assert not alarms()
    owner.execute("UPDATE portal_accessentry SET what = 'changed'")
    prove_trail()
    found = alarms()
    assert {said for said, _what in found} == {"The access trail is broken."}
    assert found[0][1].startswith("Entry ")


# --- who saw my record --------------------------------------------------------------------------------


def test_patients_see_who_saw_their_record_when_and_why(monkeypatch):
    monkeypatch.setitem(access_trail.PURPOSES, "case", lambda number: f"Case {number}")
    monkeypatch.setitem(access_trail.THINGS, "chart", "Your chart")
    patient, other = patient_with_user(), PatientFactory()
    agent = UserFactory(roles=["agent", "lead"], display_name="Robin Miller")
    with audit.acting(agent, purpose="case:81"):
        audit.read([patient, other], "chart")
        audit.read([other], "chart")
    with audit.acting(patient.user):
        audit.read([patient], "portal.roleGrant")
    with audit.acting(System("import")):
        audit.event("export", subjects=[patient], what="unknown.thing")
    with audit.acting(agent, reason="no pulse"):
        audit.event("break_glass", subjects=[patient], outcome="denied")
    glass, machine, own, seen = access_trail.who_saw(patient)[:4]
    assert (seen.who, seen.role, seen.did, seen.thing) == (
        "Robin Miller",
        "Agent, Lead",
        "Seen in a list",
        "Your chart",
    )
    assert (seen.why, seen.own, seen.allowed) == ("Case 81", False, True)
    assert (own.who, own.role, own.thing, own.own) == ("You", "", "role grant", True)
    assert (machine.who, machine.did, machine.thing) == ("Automatic process", "Exported", "Your record")
    assert (glass.why, glass.allowed) == ("Emergency access, reviewed afterwards", False)
    assert "no pulse" not in str(glass)


def test_the_list_goes_on_page_by_page_without_gap(django_assert_num_queries):
    patient = PatientFactory()
    agent = UserFactory(roles=["agent"])
    with audit.acting(agent):
        for _ in range(7):
            audit.read([patient], "chart")
    with django_assert_num_queries(4):
        first = access_trail.who_saw(patient, limit=5)
    rest = access_trail.who_saw(patient, before=first[-1].entry_id)
    numbers = [sighting.entry_id for sighting in first + rest]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(numbers) == 8


def test_another_patients_entries_are_not_shown():
    patient, other = PatientFactory(), PatientFactory()
    audit.read([other], "chart")
    OrderFactory(patient=other)
    assert {sighting.did for sighting in access_trail.who_saw(patient)} == {"Added"}


def test_a_caregiver_is_told_by_name():
    patient = PatientFactory()
    caregiver = caregiver_of(patient)
    with audit.acting(caregiver.user, on_behalf_of=patient.pk):
        entry = audit.read([patient], "portal.order")
    assert entry.on_behalf_of == patient.pk
    with override("en"):
        sighting = access_trail.who_saw(patient)[0]
    assert (sighting.who, sighting.role) == (caregiver.user.display_name, "Caregiver")
