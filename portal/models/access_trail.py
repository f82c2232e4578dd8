"""The access trail: who did or saw what, of whom, when, from where and why. Rows are only ever added.

Triggers (migration 0002) refuse every change of an entry and of a seal, and note each new entry in the queue
from which ``portal.access_trail.seal`` takes it.
"""

import secrets
from functools import cache
from hashlib import sha256
from typing import Any

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.db import connection, models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import audit
from config.security.fields import EncryptedTextField

SALT_LETTERS = 22

# An entry is written on every hot path: no index that another covers, and no lock on the row referred to.
# Triggers (migration 0002) see to it that users, content types and reasons stay.
LOOSE: dict[str, Any] = {
    "null": True,
    "blank": True,
    "related_name": "+",
    "db_index": False,
    "db_constraint": False,
}


class AccessReason(models.Model):
    """What somebody typed as their reason. Apart from its entry, which may not change, so that it can be
    re-encrypted; the entry keeps its digest. The text begins with a salt that makes the digest unguessable.
    """

    text = EncryptedTextField()

    def __str__(self) -> str:
        return f"reason {self.pk}"

    @classmethod
    def of(cls, words: str) -> "AccessReason":
        return cls(text=secrets.token_urlsafe(SALT_LETTERS)[:SALT_LETTERS] + words)

    @property
    def words(self) -> str:
        return str(self.text)[SALT_LETTERS:]

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()


class AccessEntryManager(LogEntryManager):
    def create(self, **kwargs: Any) -> "AccessEntry":
        """What auditlog itself writes (changes of many-to-many fields) lacks our words, and hands over a copy
        of the object and its text, which have no place on the trail."""
        kwargs.pop("serialized_data", None)
        kwargs.pop("object_repr", None)
        kwargs.setdefault("kind", AccessEntry.Kind.UPDATE)
        kwargs.setdefault("what", f"{kwargs['content_type'].app_label}.{kwargs['content_type'].model}")
        entry: AccessEntry = super().create(**kwargs)
        return entry


class AccessEntry(AbstractLogEntry):
    """One thing somebody did. A list read is one entry that names every patient shown."""

    class Kind(models.TextChoices):
        CREATE = "create", _("Added")
        UPDATE = "update", _("Changed")
        DELETE = "delete", _("Removed")
        READ = "read", _("Opened")
        LIST = "list", _("Seen in a list")
        SEARCH = "search", _("Searched")
        EXPORT = "export", _("Exported")
        PRINT = "print", _("Printed")
        UNMASK = "unmask", _("Unmasked")
        BREAK_GLASS = "break_glass", _("Emergency access")
        VERIFY = "verify", _("Identity checked")
        DENIED = "denied", _("Refused")
        SIGN_IN = "sign_in", _("Signed in")
        SIGN_OUT = "sign_out", _("Signed out")
        SECURITY = "security", _("Security setting")

    class Outcome(models.TextChoices):
        OK = "ok", _("Done")
        FAILED = "failed", _("Failed")
        DENIED = "denied", _("Refused")

    kind = models.CharField(max_length=12, choices=Kind)
    what = models.CharField(max_length=60, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.OK)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("who"), **LOOSE)
    actor_name = models.CharField(max_length=40, blank=True, help_text=_("Of a task, a webhook or the bot."))
    realm = models.CharField(max_length=8, blank=True)
    on_behalf_of = models.BigIntegerField(
        null=True, blank=True, help_text=_("Patient a caregiver acted for.")
    )
    session = models.CharField(max_length=64, blank=True)
    purpose = models.CharField(max_length=80, blank=True)
    reason = models.ForeignKey(AccessReason, models.PROTECT, **LOOSE)
    reason_digest = models.CharField(max_length=64, blank=True)
    subjects = ArrayField(models.BigIntegerField(), default=list, blank=True)
    content_type = models.ForeignKey("contenttypes.ContentType", models.PROTECT, **LOOSE)
    object_pk = models.CharField(max_length=64, blank=True)
    object_id = models.BigIntegerField(null=True, blank=True)
    objects_seen = ArrayField(models.BigIntegerField(), default=list, blank=True)
    fields = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    action = models.PositiveSmallIntegerField(choices=AbstractLogEntry.Action.choices)
    cid = models.CharField(max_length=64, blank=True, default="")
    timestamp = models.DateTimeField(default=timezone.now)

    serialized_data = None
    changes_text = None
    actor_email = None
    remote_port = None
    additional_data = None

    objects = AccessEntryManager()

    class Meta:
        ordering = ["-id"]
        verbose_name = _("access entry")
        verbose_name_plural = _("access trail")
        indexes = [
            GinIndex(fields=["subjects"], name="trail_by_subject"),
            models.Index(fields=["actor", "-id"], name="trail_by_actor"),
            BrinIndex(fields=["timestamp"], name="trail_by_time"),
            models.Index(fields=["content_type", "object_id"], name="trail_by_object"),
        ]

    def __str__(self) -> str:
        return f"trail entry {self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Takes from the context who acts and why. An entry is saved once."""
        if not self._state.adding:
            raise TypeError("The trail is only added to.")
        audit.fill(self)
        if self.reason_id is None and (words := audit.context.get().reason):
            reason = AccessReason.of(words)
            reason.save()
            self.reason, self.reason_digest = reason, reason.digest
        self._insert()

    def _insert(self) -> None:
        """One statement made beforehand: the ORM would take longer to make it than PostgreSQL to run it."""
        columns = [field for field in self._meta.concrete_fields if not field.primary_key]
        values = [field.get_db_prep_save(getattr(self, field.attname), connection) for field in columns]
        with connection.cursor() as cursor:
            cursor.execute(_statement(type(self)), values)  # type: ignore[arg-type]
            self.pk = cursor.fetchone()[0]
        self._state.adding, self._state.db = False, connection.alias

    @property
    def object_repr(self) -> str:
        """What it was about, by type and number alone."""
        return f"{self.content_type.model} {self.object_pk}" if self.content_type else ""


@cache
def _statement(model: type[AccessEntry]) -> str:
    quote = connection.ops.quote_name
    columns = [quote(field.column) for field in model._meta.concrete_fields if not field.primary_key]
    places = ", ".join(["%s"] * len(columns))
    table = quote(model._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}) RETURNING id"  # noqa: S608 - names of ours


class TrailQueue(models.Model):
    """An entry that is committed and not sealed yet. Filled by trigger, emptied by the seal."""

    entry_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"unsealed entry {self.entry_id}"


class TrailSeal(models.Model):
    """A link of the chain. ``digests`` holds 16 bytes an entry, in the order of ``entry_ids``."""

    number = models.BigIntegerField(primary_key=True)
    previous = models.BinaryField(max_length=32)
    form = models.PositiveSmallIntegerField(help_text=_("Which columns of an entry its digest covers."))
    entry_ids = ArrayField(models.BigIntegerField())
    digests = models.BinaryField()
    sealed_at = models.DateTimeField()
    hash = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=16)
    mac = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"seal {self.number}"
