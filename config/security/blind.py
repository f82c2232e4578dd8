"""Look-ups in what is encrypted: blind indexes and search tokens.

A blind index holds the keyed digest of a normalised value: equal values have equal digests, and without the
key nobody can try values against it. Search tokens are one short keyed digest per word, in an array under a
GIN index. Both are filled from their source when the row is saved and asked with ``__matches``, which tries
one digest per live key, so that look-ups go on while keys rotate.

An index tells how often a value occurs, so nothing with few values (a date of birth) gets one of its own.
"""

import re
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core import checks
from django.core.exceptions import EmptyResultSet, FieldError
from django.db import models
from django.db.models import Lookup
from django.db.models.signals import pre_save

from config.security import crypto

PURPOSE = "index"
TOKEN_BYTES = 9  # 72 bits: 12 characters, and no two words of a supplier's texts will meet
LONGEST_PREFIX = 12
WORD = re.compile(r"[^\W_]+")
APOSTROPHE = re.compile(r"['’ʼ]")

Normalise = Callable[[str], str]


def stripped(value: str) -> str:
    return value.strip()


def words(value: str) -> list[str]:
    """The words of a text, without accents, apostrophes and case."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", value) if not unicodedata.combining(c))
    return WORD.findall(APOSTROPHE.sub("", bare).casefold())


def prefixes(value: str) -> list[str]:
    """Every word and its beginnings of two letters and more, for finding as one types."""
    return [word[:end] for word in words(value) for end in _ends(word)]


def _ends(word: str) -> Iterable[int]:
    return {*range(min(2, len(word)), min(len(word), LONGEST_PREFIX) + 1), len(word)}


KINDS: dict[str, Callable[[str], list[str]]] = {"words": words, "prefixes": prefixes}


class Derived:
    """A column filled from other attributes of its row whenever the row is saved."""

    sources: tuple[str, ...]
    follows: tuple[str, ...]
    place: str

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=private_only)  # type: ignore[misc]
        self.place = f"{cls._meta.db_table}.{self.column}"  # type: ignore[attr-defined]
        if not cls._meta.abstract:
            pre_save.connect(self._refuse_stale, sender=cls, dispatch_uid=f"derived {self.place}")

    def _refuse_stale(self, update_fields: frozenset[str] | None, **_: Any) -> None:
        if update_fields is not None and stale(self, update_fields):
            raise FieldError(f"{self} follows {', '.join(self.follows)}: name it in update_fields too.")

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.derived([getattr(model_instance, source) for source in self.sources])
        setattr(model_instance, self.attname, value)  # type: ignore[attr-defined]
        return value

    def derived(self, values: Sequence[Any]) -> Any:
        raise NotImplementedError

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)  # type: ignore[misc]
        if not isinstance(self.model._default_manager.get_queryset(), IndexedQuerySet):  # type: ignore[attr-defined]
            hint = "update() and bulk_update() would leave it stale."
            found.append(
                checks.Error(f"{self}: the manager wants an IndexedQuerySet.", hint=hint, id="config.E101")
            )
        return found


def stale(field: Derived, written: Iterable[str]) -> bool:
    """Would writing these fields leave the derived one behind?"""
    names = set(written)
    return bool(names.intersection(field.follows)) and field.name not in names  # type: ignore[attr-defined]


class IndexedQuerySet(models.QuerySet[Any]):
    """Keeps derived columns true under ``update`` and ``bulk_update``, or refuses."""

    def update(self, **kwargs: Any) -> int:
        return super().update(**kwargs, **derived_values(self.model, kwargs))

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        written, rows = list(fields), list(objs)
        followers = [field for field in derived_fields(self.model) if stale(field, written)]
        for field in followers:
            for row in rows:
                field.pre_save(row, False)
        names = [*written, *(field.name for field in followers)]
        return super().bulk_update(rows, names, batch_size=batch_size)


def derived_fields(model: type[models.Model]) -> list[Any]:
    return [field for field in model._meta.concrete_fields if isinstance(field, Derived)]


def derived_values(model: type[models.Model], written: dict[str, Any]) -> dict[str, Any]:
    """Columns that must change along with these; FieldError where that takes more than is at hand."""
    values = {}
    for field in derived_fields(model):
        if not stale(field, written):
            continue
        sources = [written.get(source, FieldError) for source in field.sources]
        if any(source is FieldError or hasattr(source, "resolve_expression") for source in sources):
            raise FieldError(f"{field} follows {', '.join(field.follows)}: save the rows one by one.")
        values[field.name] = field.derived(sources)
    return values


class BlindIndexField(Derived, models.CharField):
    """``BlindIndexField(source="email", normalise=normal.email)``: digest of another attribute of the row.

    ``normalise`` is a function of text (``config.security.normal``); what it makes empty has no digest. Where
    the source is a property, ``follows`` names the fields it is made of.
    """

    def __init__(
        self, source: str = "", normalise: Normalise = stripped, follows: Sequence[str] = (), **kwargs: Any
    ) -> None:
        self.source, self.normalise = source, normalise
        self.sources, self.follows = (source,), tuple(follows) or (source,)
        kwargs = {"max_length": 64, "null": True, "editable": False, "db_index": True} | kwargs
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        own = {"source": self.source, "normalise": self.normalise, "follows": self.follows}
        return name, path, args, kwargs | own

    def _message(self, value: Any) -> bytes | None:
        normal = "" if value is None else self.normalise(str(value))
        return f"{self.place}|{normal}".encode() if normal else None

    def derived(self, values: Sequence[Any]) -> str | None:
        message = self._message(values[0])
        return None if message is None else crypto.digest(PURPOSE, message)

    def candidates(self, value: Any) -> list[str]:
        """The digests that a row with this value may have: one per live key."""
        message = self._message(value)
        return [] if message is None else crypto.digests(PURPOSE, message)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name not in {"isnull", "matches", "exact", "in"}:
            raise FieldError(f"{self} is a blind index: ask with __matches.")
        return super().get_lookup(lookup_name)


@BlindIndexField.register_lookup
class Matches(Lookup):
    """``.filter(email_index__matches="kim@example.org")``."""

    lookup_name = "matches"
    prepare_rhs = False
    can_use_none_as_rhs = True

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        candidates = self.lhs.output_field.candidates(self.rhs)
        if not candidates:
            raise EmptyResultSet
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} = ANY(%s)", [*params, candidates]


class SearchTokensField(Derived, ArrayField):
    """``SearchTokensField(sources=("first_name", "last_name"), kind="prefixes")``: keyed digests of words.

    ``.filter(name_tokens__matches="ana gar")`` finds rows that have every word. The first element names the
    key, so that rotation finds what is behind. The model's Meta.indexes needs a GinIndex on the field.
    """

    def __init__(self, sources: Sequence[str] = (), kind: str = "words", **kwargs: Any) -> None:
        self.sources, self.kind = tuple(sources), kind
        self.follows = self.sources
        kwargs = {"null": True, "editable": False} | kwargs | {"base_field": models.CharField(max_length=20)}
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("base_field", None)
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return name, path, args, kwargs | {"sources": self.sources, "kind": self.kind}

    def derived(self, values: Sequence[Any]) -> list[str] | None:
        texts = [str(value) for value in values if value]
        return self.tokens(KINDS[self.kind](" ".join(texts))) if texts else None

    def tokens(self, terms: Iterable[str], key_id: str | None = None) -> list[str]:
        key_id = key_id or crypto.ring().newest
        return [marker(key_id), *sorted({self._token(term, key_id) for term in terms})]

    def _token(self, term: str, key_id: str) -> str:
        value = crypto.mac(PURPOSE, f"{self.place}|{term}".encode(), key_id)
        return urlsafe_b64encode(value[:TOKEN_BYTES]).decode()

    def candidates(self, text: str | None) -> list[list[str]]:
        """One list of tokens per live key: a row that holds all of one list has all the words."""
        terms = words(text or "")
        return [self.tokens(terms, key_id)[1:] for key_id in crypto.ring().ids] if terms else []

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        indexes = self.model._meta.indexes
        if not any(isinstance(index, GinIndex) and self.name in index.fields for index in indexes):
            found.append(checks.Error(f"{self} wants a GinIndex in Meta.indexes.", id="config.E102"))
        return found


def marker(key_id: str) -> str:
    return f"={key_id}"


@SearchTokensField.register_lookup
class TokensMatch(Lookup):
    """``.filter(name_tokens__matches="smith jane")``: all words, in any order."""

    lookup_name = "matches"
    prepare_rhs = False
    can_use_none_as_rhs = True

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        candidates = self.lhs.output_field.candidates(self.rhs)
        if not candidates:
            raise EmptyResultSet
        lhs, params = self.process_lhs(compiler, connection)
        either = " OR ".join([f"{lhs} @> %s::varchar(20)[]"] * len(candidates))
        return f"({either})", [value for tokens in candidates for value in (*params, tokens)]
