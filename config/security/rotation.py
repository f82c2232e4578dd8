"""Carrying what is sealed over to the newest key, while the system runs.

Every encrypted column, blind index and search-token column of every model is a ``Column``; what is kept
elsewhere (the keys in file headers) joins by ``register``. A value is replaced only while it still is what
was read (compare and swap), so a writer at work meanwhile wins; what is left to do is read from the values
themselves, so a run that was killed is simply run again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.apps import apps
from django.db import connection
from psycopg import sql

from config.security import crypto
from config.security.blind import BlindIndexField, SearchTokensField, marker
from config.security.fields import Sealed, seal_text, unseal_text


@dataclass
class Progress:
    """What one pass over a source did. ``unreadable`` names rows that no key opens, by number."""

    done: int = 0
    unreadable: list[str] = field(default_factory=list)


class Source(Protocol):
    """Something that holds sealed values."""

    name: str

    def keys(self) -> Counter[str]:
        """How many values stand under each key."""

    def rotate(self, batch: int) -> Iterator[Progress]:
        """Carry over what is not under the newest key; tells after each batch what that batch did."""


_elsewhere: list[Source] = []


def register(source: Source) -> Source:
    """Add a source that is no column."""
    if source.name not in {known.name for known in _elsewhere}:
        _elsewhere.append(source)
    return source


def sources() -> list[Source]:
    columns: list[Source] = []
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy:
            columns += [kind(f) for f in model._meta.local_concrete_fields if (kind := column_kind(f))]
    return columns + _elsewhere


def column_kind(column: Any) -> Callable[[Any], Source] | None:
    for kind, source in (
        (Sealed, SealedColumn),
        (BlindIndexField, IndexColumn),
        (SearchTokensField, TokenColumn),
    ):
        if isinstance(column, kind):
            return source
    return None


class Column:
    """A column whose values name the key they stand under. Subclasses say how that reads in SQL."""

    behind: str  # true of a value that is not under the newest key
    key: str  # the key id of a value, in SQL

    def __init__(self, column: Any) -> None:
        self.column, self.model = column, column.model
        self.name = str(column)
        self.names: dict[str, sql.Composable] = {
            "table": sql.Identifier(self.model._meta.db_table),
            "pk": sql.Identifier(self.model._meta.pk.column),
            "column": sql.Identifier(column.column),
            "type": sql.SQL(column.db_type(connection)),
        }
        self.names["behind"] = sql.SQL(self.behind).format(**self.names)
        self.names["key"] = sql.SQL(self.key).format(**self.names)

    def _run(self, query: str, *params: Any) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(query).format(**self.names), params)
            return cursor.fetchall() if cursor.description else []

    def keys(self) -> Counter[str]:
        return Counter(
            dict(self._run("SELECT {key}, count(*) FROM {table} WHERE {column} IS NOT NULL GROUP BY 1"))
        )

    def rotate(self, batch: int) -> Iterator[Progress]:
        last = None
        while rows := self._behind(last, batch):
            last = rows[-1][0]
            yield self._carry_over(rows)

    def _behind(self, last: Any, batch: int) -> list[tuple[Any, Any]]:
        if last is None:
            first = "SELECT {pk}, {column} FROM {table} WHERE {behind} ORDER BY {pk} LIMIT %s"
            return self._run(first, self.newest(), batch)
        query = "SELECT {pk}, {column} FROM {table} WHERE {behind} AND {pk} > %s ORDER BY {pk} LIMIT %s"
        return self._run(query, self.newest(), last, batch)

    def newest(self) -> str:
        return f"v1.{crypto.ring().newest}."

    def _carry_over(self, rows: list[tuple[Any, Any]]) -> Progress:
        progress = Progress()
        for key, old in rows:
            try:
                new = self.renewed(key, old)
            except crypto.Unreadable:
                progress.unreadable.append(f"{self.name} of row {key}")
                continue
            progress.done += self._swap(key, old, new)
        return progress

    def _swap(self, key: Any, old: Any, new: Any) -> int:
        query = (
            "UPDATE {table} SET {column} = %s::{type} WHERE {pk} = %s AND {column} = %s::{type} RETURNING 1"
        )
        return len(self._run(query, new, key, old))

    def renewed(self, key: Any, old: Any) -> Any:
        raise NotImplementedError


class SealedColumn(Column):
    behind = "NOT starts_with({column}, %s)"
    key = "CASE WHEN starts_with({column}, 'v1.') THEN split_part({column}, '.', 2) ELSE 'legacy' END"

    def renewed(self, key: Any, old: str) -> str:
        return seal_text(unseal_text(old, self.column.place), self.column.place)


class IndexColumn(Column):
    """The digest is made anew from its source, which the row's other columns hold."""

    behind = "NOT starts_with({column}, %s)"
    key = "split_part({column}, '.', 2)"

    def renewed(self, key: Any, old: Any) -> Any:
        row = self.model._base_manager.get(pk=key)
        return self.column.pre_save(row, add=False)


class TokenColumn(IndexColumn):
    behind = "NOT {column} @> ARRAY[%s]::varchar[]"
    key = "substr({column}[1], 2)"

    def newest(self) -> str:
        return marker(crypto.ring().newest)
