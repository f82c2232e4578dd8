"""Puts the synthetic supplier together, table by table, and tells what is in it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from agents.synthetic import catalogue, people, phrases, promises
from agents.synthetic.conversations import Cast, Share
from agents.synthetic.duty import create_duty
from agents.synthetic.loading import copy_models, give_keys, reserve, reserve_numbers
from agents.synthetic.orders import OrderBook
from agents.synthetic.processes import over_shares
from agents.synthetic.records import WITH_FILES, add_files
from agents.synthetic.rhythm import Rhythm
from agents.synthetic.shifts import create_shifts
from agents.synthetic.staff import accounts, create_customers, create_staff
from billing.models import Payer
from cases.models import Case, Message, Reason
from cases.numbers import SEQUENCE
from config.management.commands import install_defaults
from config.security import audit
from portal.access import System
from portal.models import AccessEntry, Order, Patient, Practitioner, Product, User
from portal.numbers import ACCOUNTS

ACTOR = System("seed")
LOADED = "synthetic supplier loaded"
PATIENTS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Size:
    """How much to load, and from which seed."""

    seed: str
    patients: int
    cases: int
    messages: int
    weeks: int
    processes: int


Say = Callable[[str], None]


def load(size: Size, now: datetime, say: Say) -> None:
    """Load the supplier into an empty database."""
    rng = Random(size.seed)  # noqa: S311
    with audit.acting(actor=ACTOR, purpose="seed", reason="synthetic supplier"):
        with transaction.atomic():
            _catalogue(rng)
            create_staff(size.seed)
            create_duty(now)
            create_shifts(now)
        say("Catalogue and staff are in.")
        _patients(rng, size, now, say)
        with transaction.atomic():
            first = list(Patient.objects.order_by("pk")[:WITH_FILES])
            create_customers(first[:2])
            add_files(ACTOR, size.seed, first)
        _cases(size, now, say)
        promises.begin_clocks(rng, now)
        audit.event("security", what=LOADED)
    _analyze()


def is_loaded() -> bool:
    """Whether a load came to its end: the trail, which nobody can rewrite, has it as the last of the load."""
    return bool(AccessEntry.objects.filter(kind="security", what=LOADED).exists())


def _catalogue(rng: Random) -> None:
    Product.objects.bulk_create(catalogue.products())
    Practitioner.objects.bulk_create(people.practitioners(rng))
    Payer.objects.bulk_create(people.payers())
    install_defaults.install()


def _patients(rng: Random, size: Size, now: datetime, say: Say) -> None:
    rhythm = Rhythm(rng, now, size.weeks, settings.SUPPLIER_TIME_ZONE)
    book = OrderBook(rng, list(Product.objects.all()), list(Practitioner.objects.all()), now)
    payers = list(Payer.objects.all())
    for start in range(0, size.patients, PATIENTS_AT_ONCE):
        end = min(start + PATIENTS_AT_ONCE, size.patients)
        numbers = reserve_numbers(ACCOUNTS, end - start)
        owners = [people.patient(rng, number, now.date()) for number in numbers]
        covers = [cover for owner in owners for cover in people.coverages(rng, owner, payers, now.date())]
        consents = [consent for owner in owners for consent in people.consents(rng, owner)]
        for owner in owners:
            _order_history(rng, rhythm, book, owner)
        if start == 0:
            _show_piece(book, owners[0], now)
        with transaction.atomic():
            tables: list[list[Any]] = [owners, covers, consents, *book.take()]
            for rows in tables:
                _write(rows, rng)
        say(f"{end:,} of {size.patients:,} patients with their orders and devices are in.")


def _order_history(rng: Random, rhythm: Rhythm, book: OrderBook, owner: Patient) -> None:
    line = book.line_for(owner)
    moments = sorted(rhythm.moment() for _ in range(rng.choice([1, 1, 2, 2, 3])))
    for count, moment in enumerate(moments):
        book.add(owner, line, moment, first=count == 0)


def _show_piece(book: OrderBook, owner: Patient, now: datetime) -> None:
    """The patient who signs in has an order on its way and one that waits for something of theirs."""
    line = book.line_for(owner)
    book.add(owner, line, now - timedelta(days=14), first=False, stuck="insurance")
    book.add(owner, line, now - timedelta(days=4), first=False)


def _write(rows: list[Any], rng: Random) -> None:
    give_keys(rows, rng)
    copy_models(rows)


def _cases(size: Size, now: datetime, say: Say) -> None:
    cast = _cast()
    shares = _shares(size)
    written = 0
    zone = settings.SUPPLIER_TIME_ZONE
    for count in over_shares(
        size.processes, [(size.seed, cast, share, now, size.weeks, zone) for share in shares]
    ):
        written += count
        say(f"{written:,} of {size.cases:,} cases with their conversations are in.")


def _shares(size: Size) -> list[Share]:
    """The cases in shares, each with keys of its own. The same whatever the number of processes."""
    each = max(1, round(size.messages / size.cases)) if size.cases else 1
    step = max(500, min(20_000, size.cases // 8 or 1))
    starts = range(0, size.cases, step)
    plain = [Share(start, min(step, size.cases - start), 0, 0, 0, each) for start in starts]
    totals = [
        sum(share.messages_of(number) for number in range(share.first, share.first + share.count))
        for share in plain
    ]
    numbers = reserve_numbers(SEQUENCE, size.cases)
    cases, messages = reserve(Case, size.cases), reserve(Message, sum(totals))
    shares, message = [], messages.start
    for share, total in zip(plain, totals, strict=True):
        shares.append(
            Share(
                share.first,
                share.count,
                numbers.start + share.first,
                cases.start + share.first,
                message,
                each,
            )
        )
        message += total
    return shares


def _cast() -> Cast:
    lines = dict(Order.objects.values_list("patient_id", "product_line"))
    orders: dict[int, list[tuple[int, str]]] = {}
    for pk, patient, number in Order.objects.values_list("pk", "patient_id", "number"):
        orders.setdefault(patient, []).append((pk, number))
    owners = Patient.objects.only("pk", "first_name", "last_name", "language").order_by("pk")
    patients = [(row.pk, row.first_name, row.name, row.language, lines.get(row.pk, "")) for row in owners]
    staff = User.objects.filter(role_grants__role="agent").order_by("pk")
    spoken_of = Reason.objects.filter(code__in=phrases.CUSTOMER)
    reasons = {row.code: (row.pk, row.team_id or 0, row.priority) for row in spoken_of}
    return Cast(patients, orders, [(row.pk, row.display_name) for row in staff], reasons)


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def summary(seed: str) -> dict[str, Any]:
    """Users by role with their passwords and TOTP secrets, and ids of sample objects."""
    return {"seed": seed, "users": accounts(seed), "samples": _samples()}


def _samples() -> dict[str, Any]:
    patient = Patient.objects.filter(user__isnull=False).order_by("pk").first()
    order = Order.objects.filter(patient=patient).order_by("pk").first()
    case = Case.objects.filter(patient=patient).order_by("pk").first()
    return {
        "patient": str(patient.ref) if patient else None,
        "account_number": patient.account_number if patient else None,
        "order": str(order.ref) if order else None,
        "order_number": order.number if order else None,
        "case": str(case.ref) if case else None,
        "case_number": case.number if case else None,
    }


def as_json(seed: str) -> str:
    return json.dumps(summary(seed), indent=2)
