"""Encrypted model fields: the classes of django-encrypted-model-fields, mended.

The package alone hands out ciphertext as text when a key is wrong, decrypts whatever a form sends, stores
the text of an expression and puts plaintext into filters. ``Sealed`` stands in front of each of its classes:
AES-256-GCM under the key ring, the table and column as associated data (a field sees no row, so two rows'
values of one column are not told apart here), look-ups and expressions refused.

Renaming a table or column makes its values unreadable: keep ``db_table`` and ``db_column``.
"""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import encrypted_model_fields.fields as package
from django.core import checks
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import Case, Value
from django.db.models.functions import Cast

from config.security import crypto
from config.security.blind import BlindIndexField, IndexedQuerySet, SearchTokensField

__all__ = [
    "BlindIndexField",
    "EncryptedBigIntegerField",
    "EncryptedBooleanField",
    "EncryptedCharField",
    "EncryptedDateField",
    "EncryptedDateTimeField",
    "EncryptedEmailField",
    "EncryptedIntegerField",
    "EncryptedJSONField",
    "EncryptedTextField",
    "IndexedQuerySet",
    "Sealed",
    "SearchTokensField",
    "seal_text",
    "sealed_fields",
    "unseal_text",
]

PURPOSE = "fields"


def seal_text(plain: str, place: bytes) -> str:
    return crypto.seal(PURPOSE, plain.encode(), place).decode()


def unseal_text(token: str, place: bytes) -> str:
    """The plain text of a sealed or legacy value; Unreadable where it can't be proven."""
    raw = token.encode()
    plain = crypto.unseal_legacy(raw) if crypto.is_legacy(raw) else crypto.unseal(PURPOSE, raw, place)
    return plain.decode()


class Sealed:
    """Goes in front of a package field class. Holds its value in plain form on the instance only."""

    place: bytes

    if TYPE_CHECKING:
        # Django's descriptor, which the package's untyped classes hide from the type checker.
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Any, value: Any) -> None: ...

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=private_only)  # type: ignore[misc]
        self.place = f"{cls._meta.db_table}.{self.column}".encode()  # type: ignore[attr-defined]

    def plain_text(self, value: Any) -> str:
        """The text that is sealed; ``python_value`` is its inverse."""
        return str(value)

    def python_value(self, plain: str) -> Any:
        return plain

    def to_python(self, value: Any) -> Any:
        return super(package.EncryptedMixin, self).to_python(value)  # type: ignore[misc]

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        return None if value is None else self.python_value(unseal_text(value, self.place))

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None:
            return None
        if hasattr(value, "resolve_expression"):
            return self._own_case(value)
        value = self.to_python(value)
        return None if value is None else seal_text(self.plain_text(value), self.place)

    def _own_case(self, expression: Any) -> Any:
        """``bulk_update`` builds a Case of plain Values of this field, each sealed apart; no other goes."""
        case = expression.get_source_expressions()[0] if isinstance(expression, Cast) else expression
        leaves = [*(when.result for when in case.cases), case.default] if isinstance(case, Case) else [case]
        if not isinstance(case, Case) or not all(self._own_value(leaf) for leaf in leaves):
            raise FieldError(f"{self} is encrypted: it takes values, not expressions.")
        return expression

    def _own_value(self, leaf: Any) -> bool:
        return isinstance(leaf, Value) and (
            leaf.value is None or getattr(leaf, "_output_field_or_none", None) is self
        )

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)  # type: ignore[misc]
        raise FieldError(f"{self} is encrypted: only isnull can be asked. Search its blind index.")

    def get_transform(self, name: str) -> Any:
        raise FieldError(f"{self} is encrypted: {name} can't be asked of it.")

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found: list[checks.CheckMessage] = super().check(**kwargs)  # type: ignore[misc]
        if self.unique or self.db_index:  # type: ignore[attr-defined]
            hint = "Every value is sealed differently. Put the constraint on a blind index."
            found.append(checks.Error(f"{self} can't be unique or indexed.", hint=hint, id="config.E103"))
        return found

    def value_to_string(self, obj: models.Model) -> str:
        raise FieldError(f"{self} is encrypted: it is not serialized in plain text.")


class EncryptedCharField(Sealed, package.EncryptedCharField):
    pass


class EncryptedTextField(Sealed, package.EncryptedTextField):
    pass


class EncryptedEmailField(Sealed, package.EncryptedEmailField):
    pass


class EncryptedDateField(Sealed, package.EncryptedDateField):
    def plain_text(self, value: date) -> str:
        return value.isoformat()

    def python_value(self, plain: str) -> date:
        return date.fromisoformat(plain)


class EncryptedDateTimeField(Sealed, package.EncryptedDateTimeField):
    def plain_text(self, value: datetime) -> str:
        return value.isoformat()

    def python_value(self, plain: str) -> datetime:
        return datetime.fromisoformat(plain)


class EncryptedBooleanField(Sealed, package.EncryptedBooleanField):
    def plain_text(self, value: bool) -> str:
        return "1" if value else "0"

    def python_value(self, plain: str) -> bool:
        return plain == "1"


class EncryptedIntegerField(Sealed, package.EncryptedIntegerField):
    def python_value(self, plain: str) -> int:
        return int(plain)


class EncryptedBigIntegerField(Sealed, package.EncryptedBigIntegerField):
    def python_value(self, plain: str) -> int:
        return int(plain)


class EncryptedJSONField(Sealed, package.EncryptedMixin, models.JSONField):
    """Any JSON value. The package has no such class."""

    def plain_text(self, value: Any) -> str:
        return json.dumps(value, cls=self.encoder)

    def python_value(self, plain: str) -> Any:
        return json.loads(plain, cls=self.decoder)


class PackageCrypter:
    """What the package's own functions use from now on: our ring, and an error that it does not swallow."""

    place = b"encrypted_model_fields"

    def encrypt(self, plain: bytes) -> bytes:
        return crypto.seal(PURPOSE, plain, self.place)

    def decrypt(self, token: bytes) -> bytes:
        return crypto.unseal(PURPOSE, token, self.place)


package.CRYPTER = PackageCrypter()


def sealed_fields(model: type[models.Model]) -> list[Any]:
    """The encrypted fields of a model, in their order."""
    return [field for field in model._meta.concrete_fields if isinstance(field, Sealed)]
