"""The access trail's one door: who acts, and every read and write of PHI they do.

Who acts, from where, for which case or reason stands in one context variable, set by the middleware, the
socket, the task and the command alike (``acting``). Reads are told by ``read``, what is neither a read nor a
write by ``event``, writes by the models themselves once they are registered. What can't be put on the trail
doesn't happen: ``TrailUnavailable``.

django-auditlog alone reads the old row again before each save, quotes values in plain text, misses ``update``
and ``bulk_*`` and writes its entry outside of the transaction. Here a row remembers what it was loaded with,
sealed fields are named and never quoted, querysets put bulk writes on the trail, and a row and its entry are
written together or not at all.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, wraps
from typing import Any

import auditlog
from auditlog.registry import AuditlogModelRegistry
from django.db import Error, connection, models, transaction
from django.db.models.signals import post_delete, post_init, post_save
from django.utils.encoding import smart_str

from config.security.blind import Derived, IndexedQuerySet
from config.security.exempt import EXEMPT as EXEMPT
from config.security.fields import Sealed

MOST_NAMED = 5000  # objects that one entry names; a bulk write of more makes several
MOST_LETTERS = 60  # of a ``what``, which its column holds
SEALED = "sealed"
LOADED = "_trail_loaded"
CREATE, UPDATE, DELETE, ACCESS = range(4)  # auditlog's actions
ACTIONS = {"create": CREATE, "update": UPDATE, "delete": DELETE}

logger = logging.getLogger(__name__)


class TrailUnavailable(Exception):
    """The trail could not be written, so what it should have told must not happen. Answered with 503."""

    def __init__(self) -> None:
        super().__init__("The access trail can't be written.")


@dataclass(frozen=True)
class Context:
    """Who acts, from where and why. ``purpose`` is an opaque id (``case:81``), ``reason`` typed by hand."""

    actor_id: int | None = None
    actor_name: str = ""
    realm: str = ""
    session_id: str = ""
    remote_addr: str | None = None
    request_id: str = ""
    purpose: str = ""
    reason: str = ""
    on_behalf_of: int | None = None


NOBODY = Context()
context: ContextVar[Context] = ContextVar("trail_context", default=NOBODY)


@contextmanager
def acting(actor: Any = None, **known: Any) -> Iterator[Context]:
    """Within the block, entries carry this actor and whatever else of ``Context`` is named."""
    if actor is not None:
        known |= _who(actor)
    token = context.set(replace(context.get(), **known))
    try:
        yield context.get()
    finally:
        context.reset(token)


def _who(actor: Any) -> dict[str, Any]:
    """A user goes by number; a task, a webhook or the bot by its name."""
    name = "" if actor.pk else str(getattr(actor, "name", ""))
    return {"actor_id": actor.pk, "actor_name": name, "realm": getattr(actor, "realm", "") or ""}


def read(
    subjects: Iterable[Any], what: str, *, objects: Iterable[models.Model] = (), fields: Iterable[str] = ()
) -> Any:
    """One entry for what is about to be shown: whose (patients or their ids), ``what`` page or part of it,
    which objects, which fields unmasked. Call it before anything is shown; a list is one call.
    """
    whose = _ids(subjects)
    kind = "list" if len(whose) > 1 else "read"
    return event(kind, subjects=whose, what=what, objects=objects, fields=fields)


def event(
    kind: str,
    *,
    subjects: Iterable[Any] = (),
    what: str = "",
    outcome: str = "ok",
    objects: Iterable[models.Model] = (),
    fields: Iterable[str] = (),
    actor: Any = None,
) -> Any:
    """One entry of any kind (``AccessEntry.Kind``). ``actor`` where it is not the one of the context."""
    about = _about(list(objects)) | (_who(actor) if actor is not None else {})
    return write(
        kind,
        subjects=_ids(subjects),
        what=what[:MOST_LETTERS],
        outcome=outcome,
        fields=sorted(fields),
        **about,
    )


def _ids(things: Iterable[Any]) -> list[int]:
    return sorted({thing if isinstance(thing, int) else thing.pk for thing in things if thing is not None})


def _about(objects: list[models.Model]) -> dict[str, Any]:
    """Objects of one model: a single one by its key, several by their numbers."""
    if not objects:
        return {}
    about: dict[str, Any] = {"content_type": content_type(objects[0]._meta.model)}
    if len(objects) == 1:
        key = objects[0].pk
        return about | {"object_pk": str(key), "object_id": key if isinstance(key, int) else None}
    return about | {"objects_seen": [thing.pk for thing in objects if isinstance(thing.pk, int)]}


def content_type(model: type[models.Model]) -> Any:
    from django.contrib.contenttypes.models import ContentType  # no models while the models load

    return ContentType.objects.get_for_model(model, for_concrete_model=False)


def write(kind: str, **values: Any) -> Any:
    """Put an entry on the trail, or raise TrailUnavailable. ``values`` are columns of the entry."""
    entry = auditlog.get_logentry_model()(kind=kind, action=ACTIONS.get(kind, ACCESS), **values)
    try:
        entry.save(force_insert=True)
    except Error as error:
        logger.error("The access trail can't be written: %s.", type(error).__name__)
        raise TrailUnavailable from None
    return entry


def fill(entry: Any) -> None:
    """What an entry takes from the context where it says nothing else (called by its ``save``)."""
    now = context.get()
    if entry.actor_id is None and not entry.actor_name:
        entry.actor_id, entry.actor_name, entry.realm = now.actor_id, now.actor_name, now.realm
    entry.session = entry.session or now.session_id
    entry.remote_addr = entry.remote_addr or now.remote_addr
    entry.cid = entry.cid or now.request_id
    entry.purpose = entry.purpose or now.purpose
    entry.on_behalf_of = entry.on_behalf_of or now.on_behalf_of


class Trail(AuditlogModelRegistry):
    """auditlog's registry, with receivers of our own."""

    def __init__(self) -> None:
        signals = {post_init: _remember, post_save: _log_save, post_delete: _log_delete}
        super().__init__(create=False, update=False, delete=False, access=False, custom=signals)
        self.subjects: dict[type[models.Model], str] = {}
        self.masked: dict[type[models.Model], frozenset[str]] = {}
        self.quiet: dict[type[models.Model], frozenset[str]] = {}

    def watch(
        self, model: type[models.Model], subject: str, mask: Iterable[str], quiet: Iterable[str]
    ) -> None:
        self.subjects[model] = subject
        sealed = {field.name for field in model._meta.concrete_fields if isinstance(field, Sealed)}
        self.masked[model] = frozenset(mask) | sealed
        derived = {field.name for field in model._meta.concrete_fields if isinstance(field, Derived)}
        self.quiet[model] = frozenset(quiet) | derived
        self.register(model, m2m_fields=[field.name for field in model._meta.local_many_to_many])
        _write_together(model)
        _remember_again(model)
        _give_queryset(model)


def register(
    model: type[models.Model], *, subject: str = "", mask: Iterable[str] = (), quiet: Iterable[str] = ()
) -> None:
    """Watch a model's writes. ``subject`` is the path to the patient a row is about (``pk``, ``patient``,
    ``order__patient``), empty where there is none. Fields in ``mask`` are named but not quoted, as all
    sealed ones are; those in ``quiet`` are counters and clocks whose changes tell nobody anything.
    """
    if model not in trail.subjects:
        trail.watch(model, subject, mask, quiet)


def registered() -> list[type[models.Model]]:
    return list(trail.subjects)


def _write_together(model: type[models.Model]) -> None:
    """A row is saved and its entry written in one transaction, also where the caller opened none."""
    save_base = model.save_base

    @wraps(save_base)
    def together(self: models.Model, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic(using=kwargs.get("using"), savepoint=False):
            save_base(self, *args, **kwargs)

    model.save_base = together  # type: ignore[method-assign]


def _remember_again(model: type[models.Model]) -> None:
    """A row read anew is compared with what it was then."""
    refresh = model.refresh_from_db

    @wraps(refresh)
    def refreshed(self: models.Model, *args: Any, **kwargs: Any) -> None:
        refresh(self, *args, **kwargs)
        _remember(self)

    model.refresh_from_db = refreshed  # type: ignore[method-assign]


def _give_queryset(model: type[models.Model]) -> None:
    """A model whose manager is not ours gets one that is, so that its bulk writes are seen as well."""
    manager: Any = model._default_manager
    kind = manager._queryset_class
    if issubclass(kind, AuditedQuerySet):
        return
    audited = type(f"Audited{kind.__name__}", (AuditedQuerySet, kind), {})
    options = model._meta
    options.local_managers = [own for own in options.local_managers if own.name != manager.name]
    model.add_to_class(manager.name, type(manager).from_queryset(audited)())


def _remember(instance: models.Model, **_: Any) -> None:
    now = instance.__dict__
    now.pop(LOADED, None)
    now[LOADED] = {name: deepcopy(v) if isinstance(v, list | dict) else v for name, v in now.items()}


def _log_save(instance: Any, created: bool, update_fields: Iterable[str] | None = None, **_: Any) -> None:
    if created:
        _log("create", instance)
    elif changes := _changes(instance, update_fields):
        _log("update", instance, changes)
    _remember(instance)


def _log_delete(instance: Any, **_: Any) -> None:
    _log("delete", instance)


def _changes(instance: models.Model, written: Iterable[str] | None) -> dict[str, Any]:
    """What differs from the row as it was loaded: old and new value, or ``sealed`` for what is not quoted."""
    loaded, now = instance.__dict__.get(LOADED, {}), instance.__dict__
    masked, quiet = trail.masked[type(instance)], trail.quiet[type(instance)]
    changes: dict[str, Any] = {}
    for field in instance._meta.concrete_fields:
        name = field.attname
        skipped = written is not None and field.name not in written and name not in written
        if skipped or field.name in quiet or name not in now or loaded.get(name) == now[name]:
            continue
        changes[field.name] = (
            SEALED if field.name in masked else [_shown(loaded.get(name)), _shown(now[name])]
        )
    return changes


def _shown(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | None) else smart_str(value)


def _log(kind: str, instance: Any, changes: dict[str, Any] | None = None) -> None:
    model = type(instance)
    subject = _follow(instance, trail.subjects[model])
    write(
        kind,
        what=model._meta.label_lower,
        subjects=[] if subject is None else [subject],
        content_type=content_type(model),
        object_pk=str(instance.pk),
        object_id=instance.pk if isinstance(instance.pk, int) else None,
        fields=sorted(changes or ()),
        changes=changes,
    )


def _follow(instance: Any, path: str) -> int | None:
    """The patient's id at the end of a path of foreign keys."""
    *steps, last = path.split("__") if path else ("",)
    for step in steps:
        if (instance := getattr(instance, step)) is None:
            return None
    field = instance._meta.pk if last == "pk" else instance._meta.get_field(last) if last else None
    return None if field is None else getattr(instance, field.attname)


class AuditedQuerySet(IndexedQuerySet):
    """A watched model's queryset: its bulk writes are on the trail, one entry for up to MOST_NAMED rows."""

    def update(self, **kwargs: Any) -> int:
        if self.model not in trail.subjects or trail.quiet[self.model].issuperset(kwargs):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db, savepoint=False):
            touched = _touched(self)
            if changed := super().update(**kwargs):
                _log_bulk("update", self.model, touched, sorted(kwargs))
            return changed

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        if self.model not in trail.subjects:
            return super().bulk_create(objs, *args, **kwargs)
        with transaction.atomic(using=self.db, savepoint=False):
            rows: list[Any] = super().bulk_create(objs, *args, **kwargs)
            path = trail.subjects[self.model]
            _log_bulk("create", self.model, [(row.pk, _follow(row, path)) for row in rows], [])
            return rows


def _touched(rows: models.QuerySet[Any]) -> list[tuple[Any, int | None]]:
    """Keys and patients of the rows that a bulk write is about to touch."""
    path = trail.subjects[rows.model]
    if not path:
        return [(key, None) for key in rows.order_by().values_list("pk", flat=True)]
    return list(rows.order_by().values_list("pk", path))


def _log_bulk(kind: str, model: type[models.Model], rows: list[tuple[Any, Any]], fields: list[str]) -> None:
    for start in range(0, len(rows), MOST_NAMED):
        part = rows[start : start + MOST_NAMED]
        write(
            kind,
            what=model._meta.label_lower,
            subjects=sorted({whose for _, whose in part if whose is not None}),
            content_type=content_type(model),
            objects_seen=[key for key, _ in part if isinstance(key, int)],
            fields=fields,
        )


def created(model: type[models.Model], rows: Iterable[tuple[Any, int | None, Context]]) -> None:
    """Entries for rows that a statement of the caller's inserted: key, patient, and who is behind it. One
    statement for all, made without the ORM: chat writes by the hundred.
    """
    entry = auditlog.get_logentry_model()(
        kind="create", action=CREATE, what=model._meta.label_lower, content_type=content_type(model)
    )
    common = {field.column: getattr(entry, field.attname) for field in _written(type(entry))}
    told = [
        common
        | {"object_pk": str(key), "object_id": key, "subjects": [] if subject is None else [subject]}
        | _columns(who)
        for key, subject, who in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(_many(type(entry)), [json.dumps(told, default=str)])  # type: ignore[arg-type]


def _written(entry: type[models.Model]) -> list[Any]:
    return [field for field in entry._meta.concrete_fields if not field.primary_key]


@cache
def _many(entry: type[models.Model]) -> str:
    quote = connection.ops.quote_name
    table = quote(entry._meta.db_table)
    columns = ", ".join(quote(field.column) for field in _written(entry))
    return f"INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %s)"  # noqa: S608 - names of ours


def _columns(who: Context) -> dict[str, Any]:
    """A context as columns of an entry; typed reasons are kept elsewhere."""
    return {
        "actor_id": who.actor_id,
        "actor_name": who.actor_name,
        "realm": who.realm,
        "session": who.session_id,
        "remote_addr": who.remote_addr,
        "cid": who.request_id,
        "purpose": who.purpose,
        "on_behalf_of": who.on_behalf_of,
    }


trail = Trail()
