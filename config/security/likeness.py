"""Names that somebody may have misheard or mistyped, found in what is encrypted.

A surname and what it becomes when one letter is left out are its forms. Two names have a form in common
wherever one letter of one was dropped, doubled, replaced, or swapped with its neighbour. Forms never stand
alone in the index: each is joined with a first name or with the birth date, so that no digest tells how
common a name is.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import permutations
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Lookup

from config.security import crypto
from config.security.blind import SearchTokensField, words

SHORTEST = 3  # letters of a surname of which one may be wrong
MOST_WORDS = 4


def forms(word: str) -> set[str]:
    """The word and, unless it is very short, all that one letter less makes of it."""
    if len(word) < SHORTEST:
        return {word}
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def distance(one: str, other: str) -> int:
    """How many letters are dropped, added, replaced or swapped with their neighbour between two words."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], wanted):
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


def _with_first_name(form: str, first: str) -> str:
    return f"n|{form}|{first}"


def _with_birth_date(form: str, born: date) -> str:
    return f"b|{form}|{born.isoformat()}"


def surnames(last_name: str) -> list[str]:
    """Each word of a surname, and all of them as one."""
    parts = words(last_name)
    return [*parts, "".join(parts)] if len(parts) > 1 else parts


class LikenessField(SearchTokensField):
    """``LikenessField(sources=("first_name", "last_name", "birth_date"))``, asked with ``__near``.

    ``.filter(likeness__near=(words, born))``: rows whose surname is at most a slip of the pen from one of the
    words, with another of the words as first name or with ``born`` as birth date.
    """

    def derived(self, values: Sequence[Any]) -> list[str] | None:
        first_name, last_name, born = values
        if not last_name:
            return None
        known = {form for name in surnames(str(last_name)) for form in forms(name)}
        terms = {_with_first_name(form, first) for form in known for first in words(str(first_name or ""))}
        if isinstance(born, date):
            terms |= {_with_birth_date(form, born) for form in known}
        return self.tokens(terms)

    def near(self, typed: Iterable[str], born: date | None) -> list[str]:
        """Digests, under every live key, that a row like this may have."""
        names = list(typed)[:MOST_WORDS]
        terms = {
            _with_first_name(form, first) for last, first in permutations(names, 2) for form in forms(last)
        }
        if born is not None:
            terms |= {_with_birth_date(form, born) for last in names for form in forms(last)}
        return [self._token(term, key_id) for key_id in crypto.ring().ids for term in sorted(terms)]


@LikenessField.register_lookup
class Near(Lookup):
    """``.filter(likeness__near=(["smiht", "jane"], None))``."""

    lookup_name = "near"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        typed, born = self.rhs
        candidates = self.lhs.output_field.near(typed, born)
        if not candidates:
            raise EmptyResultSet
        lhs, params = self.process_lhs(compiler, connection)
        return f"{lhs} && %s::varchar(20)[]", [*params, candidates]
