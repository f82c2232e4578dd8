"""FHIR R4 records in: bundles and single resources become patients, coverage, devices and draft orders.

Everything is read first, then taken in kind by kind, so that a reference may point anywhere in what was
given. Handlers stand in one registry which apps to the right add to. The same resource imported again
changes its row. What can't be used is told, a line each, by type and id and never by content, with what to
do; it stops nothing else.
"""

import codecs
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import MultipleObjectsReturned
from django.db import DataError, IntegrityError, models, transaction
from pydantic import ValidationError

from config.security import audit
from portal.access import require
from portal.models import Patient, SourceRecord

Resource = dict[str, Any]
ORDER = [
    "Practitioner",
    "Patient",
    "Coverage",
    "ExplanationOfBenefit",
    "Condition",
    "Device",
    "DeviceRequest",
    "DocumentReference",
]
MOST_LEVELS = 100  # of lists and objects in one record; real ones have thirty at most
LONGEST_LINE = 500
LONGEST_NAME = 120
LONGEST_KEY = 160
HALF_PAIR = re.compile("[\ud800-\udfff]")


class NotUsable(Exception):
    """A resource, or a part of one, that has no place here. The text says why, without its content."""


@dataclass(frozen=True)
class Read:
    """A resource with the file it stood in and the address the bundle gave it."""

    path: str
    resource: Resource
    full_url: str = ""

    @property
    def kind(self) -> str:
        return str(self.resource.get("resourceType", "?"))

    @property
    def key(self) -> str:
        """What tells this record from every other of its kind, the same at each import.

        A record needs no id in R4: then its address does, and without one a digest of what it says.
        """
        name = self.resource.get("id") or self.full_url or _digest(self.resource)
        return f"{self.kind}/{name}"


@dataclass
class Report:
    """What an import did: rows added and changed by kind, and a line for each thing it could not use."""

    added: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def refuse(self, read: Read, why: str) -> None:
        self.tell(f"{read.path}: {_short(read.key)}: {why}")

    def tell(self, line: str) -> None:
        """One line that any terminal can print, however odd the names in it are."""
        self.lines.append(_short("".join(char if char.isprintable() else "?" for char in line), LONGEST_LINE))

    def count(self, kind: str, added: bool) -> None:
        table = self.added if added else self.changed
        table[kind] = table.get(kind, 0) + 1


UNEXPECTED = (
    DataError,
    MultipleObjectsReturned,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
Handler = Callable[["Import", Read], None]
HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register the function that takes resources of ``kind`` in."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


class Import:
    """One run: the resources by address, and the rows they became."""

    def __init__(self, actor: Any, system: str) -> None:
        self.actor, self.system, self.report = actor, system, Report()
        self.by_address: dict[str, Read] = {}

    def run(self, paths: Iterable[Path]) -> Report:
        reads = [read for path in paths for read in self._read(path)]
        for read in reads:
            self.by_address[read.key] = read
            if read.full_url:
                self.by_address[read.full_url] = read
        for read in sorted(reads, key=lambda read: _rank(read.kind)):
            self._take(read)
        return self.report

    def row_of(self, reference: Resource | None, model: type[models.Model]) -> Any:
        """The row that a reference leads to, or None where it was not imported."""
        address = (reference or {}).get("reference", "")
        read = self.by_address.get(address)
        key = read.key if read else address
        source = self._source(key)
        return model._default_manager.filter(pk=source.object_pk).first() if source else None

    def patient_of(self, reference: Resource | None) -> Patient:
        patient = self.row_of(reference, Patient)
        if patient is None:
            raise NotUsable("its patient was not imported")
        return patient  # type: ignore[no-any-return]

    def existing(self, read: Read) -> Any:
        """The row this resource became before, or None."""
        source = self._source(read.key)
        if source is None:
            return None
        return apps.get_model(source.object_label)._default_manager.filter(pk=source.object_pk).first()

    def keep(self, read: Read, row: models.Model, patient: Patient | None = None) -> None:
        """Save the row and remember what it came from."""
        added = row.pk is None
        row.save()
        self.remember(read, row, patient, added=added)

    def remember(
        self, read: Read, row: models.Model, patient: Patient | None = None, *, added: bool = True
    ) -> None:
        """Tie a saved row to the record it came from."""
        source = self._source(read.key) or SourceRecord(system=self.system, kind=read.kind, key=read.key)
        source.object_label, source.object_pk, source.patient = row._meta.label_lower, row.pk, patient
        source.save()
        self.report.count(str(row._meta.verbose_name_raw), added)

    def _read(self, path: Path) -> Iterator[Read]:
        try:
            content = json.loads(path.read_bytes().removeprefix(codecs.BOM_UTF8))
        except (OSError, ValueError, RecursionError) as error:
            why = f"can't be read as JSON ({type(error).__name__}); nothing of this file was taken"
            self.report.tell(f"{path.name}: {why}")
            return
        if not _is_resource(content):
            self.report.tell(f"{path.name}: is not a FHIR resource")
        elif content["resourceType"] != "Bundle":
            yield from self._record(path.name, content)
        elif isinstance(entries := content.get("entry") or [], list):
            yield from self._entries(path, entries)
        else:
            self.report.tell(f"{path.name}: its entry is not a list; nothing of this file was taken")

    def _entries(self, path: Path, entries: list[Any]) -> Iterator[Read]:
        for count, entry in enumerate(entries):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if resource is not None and _is_resource(resource):
                full_url = storable(str(entry.get("fullUrl") or ""))
                yield from self._record(path.name, resource, full_url, f"entry {count}")
            else:
                self.report.tell(f"{path.name}: entry {count}: is not a FHIR resource")

    def _record(self, file: str, resource: Resource, full_url: str = "", place: str = "") -> Iterator[Read]:
        """Nothing may walk a record before it is known not to be too deep for that."""
        if not _is_too_deep(resource):
            yield Read(file, storable(resource), full_url)
            return
        name = f"{resource['resourceType']}/{resource.get('id') or full_url or '?'}"
        where = f"{place}: " if place else ""
        why = f"has over {MOST_LEVELS} levels; take the nesting out and import it again"
        self.report.tell(f"{file}: {where}{_short(storable(name))}: {why}")

    def _take(self, read: Read) -> None:
        try:
            validate(read.resource)
            if len(read.key) > LONGEST_KEY:
                raise NotUsable("its address is too long to keep; give it an id")
            read = replace(read, resource=cleaned(read.resource))
            handler = HANDLERS.get(read.kind)
            if handler is None:
                raise NotUsable("this kind of resource is not used")
            with transaction.atomic():
                handler(self, read)
        except NotUsable as error:
            self.report.refuse(read, str(error))
        except IntegrityError as error:
            self.report.refuse(read, f"clashes with a row that is here ({_rule(error)}): see which is right")
        except UNEXPECTED as error:
            # Valid R4 may still be of a shape nobody thought of; one record must not stop the others.
            self.report.refuse(read, f"can't be used ({type(error).__name__})")

    def _source(self, key: str) -> SourceRecord | None:
        kind = key.split("/")[0]
        return SourceRecord.objects.filter(system=self.system, kind=kind, key_index__matches=key).first()


def import_records(actor: Any, *, paths: Iterable[Path], system: str = "fhir") -> Report:
    """Import FHIR R4 files (folders are walked for ``*.json``) and report what became of them."""
    require(actor, "patients.import")
    run = Import(actor, system)
    with audit.acting(actor=actor, purpose="import"):
        return run.run(_files(paths))


def validate(resource: Resource) -> None:
    """Hold a resource against the R4B models. NotUsable names the element at fault, not its value."""
    from fhir.resources.R4B import get_fhir_model_class

    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['type']}" for fault in error.errors()]
        raise NotUsable(f"is not valid R4 ({'; '.join(faults[:3])})") from None
    except (LookupError, ValueError):
        raise NotUsable("is not a kind of R4 resource") from None


def cleaned(value: Any) -> Any:
    """Without nulls, which R4 allows in lists."""
    if isinstance(value, dict):
        return {key: cleaned(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [cleaned(item) for item in value if item is not None]
    return value


def storable(value: Any) -> Any:
    """Without NUL characters and halves of surrogate pairs, which no text column holds."""
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, str):
        return HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", value.replace("\0", ""))
    return value


def _is_too_deep(content: Any) -> bool:
    level, levels = [content], 0
    while level and levels <= MOST_LEVELS:
        level = [child for item in level for child in _children(item)]
        levels += 1
    return bool(level)


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


def _rule(error: IntegrityError) -> str:
    """The constraint that refused, which says no value."""
    diagnosis = getattr(error.__cause__, "diag", None)
    return str(getattr(diagnosis, "constraint_name", None) or type(error).__name__)


def _short(text: str, most: int = LONGEST_NAME) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.json")) if path.is_dir() else [path]


def _digest(resource: Resource) -> str:
    said = json.dumps(resource, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def _is_resource(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("resourceType"), str)


def _rank(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)
