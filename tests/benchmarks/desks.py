"""Desks of any number of cases, each in a database of its own, filled by PostgreSQL itself.

A row made by the models is the pattern; ``INSERT ... SELECT`` repeats it with what has to differ. Sealed
values are the pattern's own: they open in every row, since they are bound to their table and column.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from django.db import connection, models
from django.test import Client
from psycopg import sql

from cases.models import Case, Conversation, Message
from config import embedded
from portal.models import Patient
from tests import databases, engines
from tests.factories import CaseFactory, ConversationFactory, UserFactory, message_in
from tests.people import signed_in

FIRST, PATIENTS = 1_000_000, 20_000
FORENAMES, SURNAMES = 200, 500


@dataclass
class Desk:
    """A database with ``cases`` cases, and an agent signed in to it."""

    cases: int
    name: str
    client: Client

    def open(self) -> None:
        """Let Django's connection be to this desk's database from now on."""
        open_database(self.name)


def open_database(name: str) -> None:
    """Let Django's connection be to this database from now on."""
    if connection.settings_dict["NAME"] != name:
        connection.close()
        connection.settings_dict["NAME"] = name


@contextmanager
def desks(*sizes: int) -> Iterator[list[Desk]]:
    home, usual = engines.engines(), str(connection.settings_dict["NAME"])
    made: list[Desk] = []
    try:
        for size in sizes:
            name = f"run_{os.getpid()}_desk{size}"
            embedded.make_database(home, name, template=databases._template(home))
            open_database(name)
            made.append(Desk(size, name, _filled(home.database_url(embedded.OWNER, name), size)))
        yield made
    finally:
        open_database(usual)
        for desk in made:
            embedded.drop_database(home, desk.name)


def _filled(owner_url: str, cases: int) -> Client:
    """An agent of the desk, after filling it."""
    agent = UserFactory(roles=["agent"], display_name="Dana Ruiz")
    case = CaseFactory(state="open", channel="chat")
    thread = ConversationFactory(case=case, patient=case.patient, channel="chat")
    case.last_message = [message_in(thread, "Hello, where is my order?", role="customer") for _ in range(10)][
        -1
    ]
    case.save()
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("SET synchronous_commit = off")
        _repeat_all(owner, case, thread, agent.pk, cases)
        owner.execute("ANALYZE")
    return signed_in(agent)


STATE = """CASE WHEN g %% 10 = 0 THEN 'open' WHEN g %% 30 = 1 THEN 'waiting' ELSE 'closed' END"""
TOKENS = f"""ARRAY[
    (SELECT marker FROM names LIMIT 1),
    (SELECT first FROM names WHERE n = g %% {FORENAMES}),
    (SELECT last FROM names WHERE n = g / 7 %% {SURNAMES})
]"""
AGO = "now() - g * interval '3 s'"


def _repeat_all(owner: psycopg.Connection, case: Case, thread: Conversation, agent: int, cases: int) -> None:
    patients = min(cases, PATIENTS)
    whose = f"{FIRST} + g %% {patients}"
    _keep_names(owner)
    different = {
        "ref": "gen_random_uuid()",
        "account_number": "'B' || g",
        "user_id": "NULL",
        "email_index": "md5('e' || g)",
        "phone_index": "md5('p' || g)",
        "identity_index": "md5('i' || g)",
        "name_tokens": TOKENS,
    }
    _repeat(owner, Patient, case.patient_id, patients, different)
    different = {
        "ref": "gen_random_uuid()",
        "number": "'K-' || g",
        "patient_id": whose,
        "state": STATE,
        "owner_id": f"CASE WHEN g %% 20 = 0 THEN NULL ELSE {agent} END",
        "unread": "CASE WHEN g %% 30 = 0 THEN 1 ELSE 0 END",
        "opened_at": AGO,
        "last_contact_at": AGO,
        "closed_at": AGO,
        "disposition": "'answered'",
        "last_message_id": f"{FIRST} + g",
    }
    _repeat(owner, Case, case.pk, cases, different)
    different = {"id": "md5('c' || g)::uuid", "case_id": f"{FIRST} + g", "patient_id": whose, "last_seq": "1"}
    _repeat(owner, Conversation, thread.pk, cases, different | {"ticket_digest": "''"})
    different = {"conversation_id": "md5('c' || g)::uuid", "seq": "1", "client_id": "gen_random_uuid()"}
    _repeat(owner, Message, case.last_message_id, cases, different | {"prev": "NULL", "sent_at": AGO})


def _keep_names(owner: psycopg.Connection) -> None:
    """Digests of the words that patients are called by: ``first0`` and the like."""
    field: Any = Patient._meta.get_field("name_tokens")
    owner.execute("CREATE TEMP TABLE names (n int PRIMARY KEY, marker text, first text, last text)")
    with owner.cursor() as cursor:
        for n in range(max(FORENAMES, SURNAMES)):
            marker, first = field.tokens([f"first{n}"])
            cursor.execute(
                "INSERT INTO names VALUES (%s, %s, %s, %s)", [n, marker, first, field.tokens([f"last{n}"])[1]]
            )


def _repeat(
    owner: psycopg.Connection, model: type[models.Model], pattern: Any, times: int, different: dict[str, str]
) -> None:
    """``times`` rows like the one with this key. ``different`` gives SQL of ``g``, from 0, by column."""
    columns = [field.column for field in model._meta.concrete_fields]
    said = {"id": f"{FIRST} + g"} | different
    values = [sql.SQL(said[column]) if column in said else sql.Identifier("t", column) for column in columns]
    query = "INSERT INTO {0} ({1}) SELECT {2} FROM {0} t, generate_series(0, %s - 1) g WHERE t.id = %s"
    parts = (sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(values))
    owner.execute(sql.SQL(query).format(sql.Identifier(model._meta.db_table), *parts), [times, pattern])
