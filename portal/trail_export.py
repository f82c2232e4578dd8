"""The access trail as a table to take away."""

import csv
from collections.abc import Iterable
from io import StringIO

from portal.models import AccessEntry

MOST_ROWS = 50_000
COLUMNS = [
    "id",
    "timestamp",
    "kind",
    "what",
    "outcome",
    "actor_id",
    "actor_name",
    "realm",
    "purpose",
    "subjects",
    "object_pk",
    "fields",
    "remote_addr",
    "session",
    "cid",
]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def csv_of(entries: Iterable[AccessEntry]) -> str:
    """CSV with a header row. Cells that a spreadsheet would run are quoted with an apostrophe."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow([harmless(_cell(getattr(entry, column))) for column in COLUMNS])
    return out.getvalue()


def harmless(text: str) -> str:
    """What a spreadsheet takes for a formula is text for it afterwards."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else str(value)
