"""What is written, beside a case, to those the customer never hears: prescribers and carriers."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case
from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField, EncryptedEmailField, EncryptedTextField


class SideConversation(models.Model):
    """A thread by e-mail with a third party, internal to its case. ``token`` stands in its reply address."""

    PARTIES = [("prescriber", _("Prescriber")), ("carrier", _("Carrier")), ("payer", _("Payer"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="side_conversations")
    party = models.CharField(_("With"), max_length=10, choices=PARTIES)
    name = EncryptedCharField(max_length=120)
    address = EncryptedEmailField()
    token_digest = models.CharField(max_length=64, unique=True)
    token = EncryptedCharField(max_length=64)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    unread = models.PositiveSmallIntegerField(default=0)

    objects = AuditedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["case", "-last_at"], name="side_conversations_of_case")]

    def __str__(self) -> str:
        return f"side conversation {self.pk}"


class SideMessage(models.Model):
    """A mail of a side conversation: ours until it is sent and after, or one that came back."""

    STATES = [
        ("due", _("On its way")),
        ("sent", _("Sent")),
        ("failed", _("Not sent")),
        ("received", _("Received")),
    ]

    side = models.ForeignKey(SideConversation, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    body = EncryptedTextField()
    state = models.CharField(max_length=8, choices=STATES)
    external_id = models.CharField(max_length=160, blank=True)
    at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)

    objects = AuditedQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["side", "external_id"], condition=~Q(external_id=""), name="one_mail_per_message_id"
            )
        ]
        indexes = [models.Index(fields=["id"], condition=Q(state="due"), name="side_mails_due")]

    def __str__(self) -> str:
        return f"side message {self.pk}"
