"""Conversations and their messages, on whatever channel they came."""

import uuid
from typing import Any, cast

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import CHANNELS, LANGUAGES, Case
from config.security.audit import AuditedQuerySet
from config.security.fields import (
    EncryptedCharField,
    EncryptedJSONField,
    EncryptedTextField,
    SearchTokensField,
)
from portal import access
from portal.models import Document, Patient
from portal.models.orders import OfPatientQuerySet


class ConversationQuerySet(OfPatientQuerySet):
    permission = "cases.view"
    caregiver_scope = "everything"

    def visible_to(self, user: Any) -> "ConversationQuerySet":
        """A customer also sees what they began themselves, as long as it is about no patient."""
        theirs: Any = super().visible_to(user)
        if getattr(user, "realm", None) == access.PATIENT_REALM and access.allowed(user, "portal.use"):
            theirs = self.filter(Q(pk__in=theirs.values("pk")) | Q(patient=None, customer=user))
        return cast(ConversationQuerySet, theirs)


class Conversation(models.Model):
    """A thread of messages. ``last_seq`` counts what customers may see, ``last_staff_seq`` the rest."""

    STATES = [
        ("bot", _("With the assistant")),
        ("queued", _("Waiting for a person")),
        ("open", _("With a person")),
        ("waiting", _("Waiting on customer")),
        ("closed", _("Closed")),
    ]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    channel = models.CharField(max_length=8, choices=CHANNELS)
    case = models.ForeignKey(
        Case, null=True, blank=True, on_delete=models.PROTECT, related_name="conversations"
    )
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="conversations"
    )
    customer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="conversations",
    )
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="serving"
    )
    guest_name = EncryptedCharField(max_length=80, blank=True)
    guest_order_number = EncryptedCharField(max_length=24, blank=True)
    subject = EncryptedCharField(max_length=160, blank=True)
    topic = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    state = models.CharField(max_length=8, choices=STATES, default="open")
    ticket_digest = models.CharField(max_length=64, blank=True, db_index=True)
    session_digest = models.CharField(max_length=64, blank=True, db_index=True)
    notice_version = models.CharField(max_length=12, blank=True)
    notice_accepted_at = models.DateTimeField(null=True, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    last_staff_seq = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    last_message_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True, help_text=_("Put away by the customer."))
    continues = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="continued_by",
        help_text=_("The conversation of a case closed long ago that this one takes up."),
    )
    identity_level = models.PositiveSmallIntegerField(
        default=0, help_text=_("0 nobody known, 1 identified, 2 verified.")
    )
    identity_tries = models.PositiveSmallIntegerField(default=0)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["queued_at"], condition=Q(state="queued"), name="chat_queue"),
            models.Index(fields=["agent"], condition=Q(state__in=["open", "waiting"]), name="chats_of_agent"),
            models.Index(fields=["patient", "-last_message_at"], name="conversations_of_patient"),
            models.Index(fields=["case"], name="conversations_of_case"),
            models.Index(fields=["-accepted_at"], name="lately_accepted"),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


class MessageQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "MessageQuerySet":
        """Messages of the conversations ``user`` may see; notes and whispers for staff alone."""
        theirs = self.filter(conversation__in=Conversation.objects.visible_to(user))
        inside = isinstance(user, access.System) or getattr(user, "realm", None) == access.STAFF_REALM
        return theirs if inside else theirs.filter(seq__isnull=False)


class Message(models.Model):
    """Something said, in order. ``seq`` is null for notes and whispers, ``staff_seq`` for all others.

    ``author_key`` is whose ``client_id`` it is: ``u<user id>``, ``guest`` or ``system``.
    """

    KINDS = [("reply", _("Reply")), ("note", _("Note")), ("whisper", _("Whisper")), ("event", _("Event"))]
    ROLES = [
        ("customer", _("Customer")),
        ("caregiver", _("Caregiver")),
        ("bot", _("Assistant")),
        ("agent", _("Agent")),
        ("supervisor", _("Supervisor")),
        ("system", _("System")),
    ]

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField(null=True)
    staff_seq = models.PositiveIntegerField(null=True)
    kind = models.CharField(max_length=8, choices=KINDS, default="reply")
    author_role = models.CharField(max_length=10, choices=ROLES)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    author_key = models.CharField(max_length=24)
    author_name = EncryptedCharField(max_length=120, blank=True)
    body = EncryptedTextField()
    body_tokens = SearchTokensField(sources=("body",))
    client_id = models.UUIDField(null=True)
    prev = models.UUIDField(null=True)
    body_hash = models.BinaryField(max_length=32, null=True)
    redactions = models.PositiveSmallIntegerField(default=0)
    choice = models.CharField(max_length=80, blank=True)
    extra = EncryptedJSONField(
        null=True, blank=True, help_text=_("Choices and form offered with the message.")
    )
    sent_at = models.DateTimeField(default=timezone.now)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [GinIndex(fields=["body_tokens"], name="messages_by_word")]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="one_message_per_seq"),
            models.UniqueConstraint(
                fields=["conversation", "staff_seq"],
                condition=Q(staff_seq__isnull=False),
                name="one_message_per_staff_seq",
            ),
            models.UniqueConstraint(
                fields=["conversation", "author_key", "client_id"],
                condition=Q(client_id__isnull=False),
                name="one_message_per_client_id",
            ),
            models.CheckConstraint(
                condition=Q(seq__isnull=False) ^ Q(staff_seq__isnull=False), name="seq_or_staff_seq"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"


class MessageAttachment(models.Model):
    """A document sent with a message."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="attachments")
    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"attachment {self.pk}"


class ReadMark(models.Model):
    """How far a side has read a conversation."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="read_marks")
    role = models.CharField(max_length=10, choices=Message.ROLES)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    seq = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "role", "user"], nulls_distinct=False, name="one_read_mark_per_reader"
            )
        ]

    def __str__(self) -> str:
        return f"read mark {self.pk}"


class Inbound(models.Model):
    """What came through the one door in: a contact is taken once for a channel and its id there."""

    channel = models.CharField(max_length=8, choices=CHANNELS)
    external_id = models.CharField(max_length=120)
    conversation = models.ForeignKey(Conversation, null=True, on_delete=models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, null=True, on_delete=models.CASCADE, related_name="+")
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["channel", "external_id"], name="one_contact_per_external_id")
        ]

    def __str__(self) -> str:
        return f"inbound {self.pk}"
