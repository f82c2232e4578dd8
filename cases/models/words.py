"""Words kept ready for the desk: replies, openings, subject lines, checklists and macros, with their versions."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import CHANNELS, LANGUAGES, Team
from cases.models.conversations import Message
from config.security.audit import AuditedQuerySet


def _channels() -> Any:
    return models.JSONField(default=list, blank=True, help_text=_("Channels it may be used on; empty: all."))


def _teams() -> Any:
    return models.ManyToManyField(
        Team, blank=True, related_name="+", help_text=_("Teams it is for; none: every team.")
    )


class Words(models.Model):
    """What all of them share. ``version`` counts the saves; each is kept as a WordsVersion."""

    version = models.PositiveIntegerField(default=0, editable=False)
    active = models.BooleanField(default=True)

    class Meta:
        abstract = True


class Checklist(Words):
    """What to send along with a form that goes back to us, item by item."""

    code = models.SlugField(max_length=40)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    title = models.CharField(max_length=80, help_text=_("Stands above the items in what the customer reads."))
    items = models.JSONField(default=list, help_text=_("One short line for each thing to send."))

    class Meta:
        ordering = ["code", "language"]
        constraints = [
            models.UniqueConstraint(fields=["code", "language"], name="one_checklist_per_language")
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.language})"


class CannedReply(Words):
    """A reply kept ready. ``{patient_first_name}`` and the like are filled in; ``{...}`` slots are written."""

    KINDS = [("reply", _("Reply")), ("order_notice", _("Notice about an order"))]

    shortcut = models.SlugField(max_length=40)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    kind = models.CharField(
        max_length=16,
        choices=KINDS,
        default="reply",
        help_text=_("A notice about an order always carries its dates, and its tracking once it shipped."),
    )
    title = models.CharField(max_length=80)
    body = models.TextField(max_length=4000)
    channels = _channels()
    teams = _teams()
    checklist = models.ForeignKey(
        Checklist, null=True, blank=True, on_delete=models.PROTECT, related_name="replies"
    )
    used = models.PositiveIntegerField(
        default=0, editable=False, help_text=_("How often it was sent of late; counted hourly.")
    )

    class Meta:
        ordering = ["shortcut", "language"]
        verbose_name_plural = _("canned replies")
        constraints = [
            models.UniqueConstraint(fields=["shortcut", "language"], name="one_canned_reply_per_language")
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut} ({self.language})"


class CannedUse(models.Model):
    """Which reply, in which of its versions, a message was made from."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="canned_use")
    reply = models.ForeignKey(CannedReply, on_delete=models.PROTECT, related_name="uses")
    version = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["at", "reply"], name="canned_uses_of_late")]

    def __str__(self) -> str:
        return f"canned use {self.pk}"


class OpeningScript(Words):
    """What an agent says first on a channel, part by part."""

    channel = models.CharField(max_length=8, choices=CHANNELS)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    greeting = models.TextField(max_length=300, help_text=_("Greeting and name: {agent_name} stands in it."))
    account = models.TextField(max_length=300, help_text=_("Asks for the account or order."))
    identifiers = models.TextField(max_length=300, help_text=_("Asks for two identifiers."))
    reason = models.TextField(max_length=300, help_text=_("Asks what the contact is about."))
    teams = _teams()

    class Meta:
        ordering = ["channel", "language"]

    def __str__(self) -> str:
        return f"opening {self.channel} ({self.language})"


class SubjectTemplate(Words):
    """A subject line of e-mail or portal messages: order number, topic, what is needed of the customer."""

    code = models.SlugField(max_length=40)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    topic = models.CharField(max_length=60)
    needed = models.CharField(
        max_length=60, blank=True, help_text=_("What the customer is asked for, in neutral words.")
    )
    text = models.CharField(max_length=120, help_text=_("With {order_number}, {topic} and {needed}."))
    without_order = models.CharField(
        max_length=120, help_text=_("The same for cases without an order: {topic} and {needed}.")
    )
    checklist = models.ForeignKey(
        Checklist, null=True, blank=True, on_delete=models.PROTECT, related_name="subjects"
    )

    class Meta:
        ordering = ["code", "language"]
        constraints = [models.UniqueConstraint(fields=["code", "language"], name="one_subject_per_language")]

    def __str__(self) -> str:
        return f"{self.code} ({self.language})"


class Macro(Words):
    """Several acts on a case in one go. ``steps`` is a list of objects, each with ``do`` and what it needs."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    what_for = models.CharField(max_length=200, blank=True)
    steps = models.JSONField(default=list)
    channels = _channels()
    teams = _teams()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WordsVersion(models.Model):
    """Some words as they stood after one save. Rows are only added."""

    what = models.CharField(max_length=24)
    of = models.PositiveBigIntegerField()
    number = models.PositiveIntegerField()
    content = models.JSONField()
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    saved_at = models.DateTimeField(default=timezone.now)

    objects = AuditedQuerySet.as_manager()

    class Meta:
        ordering = ["what", "of", "-number"]
        constraints = [models.UniqueConstraint(fields=["what", "of", "number"], name="one_words_version")]

    def __str__(self) -> str:
        return f"{self.what} {self.of}, version {self.number}"
