"""Replies that have been written and have not gone out yet."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Conversation
from config.security.fields import EncryptedTextField


class HeldReply(models.Model):
    """A reply on its way: held for a moment so that its author may think again, or kept for an exact time.

    ``client_id`` becomes the message's, so that it goes out once. ``seen`` is the last message in the thread
    when it was written.
    """

    STATES = [
        ("held", _("About to be sent")),
        ("scheduled", _("Sent later")),
        ("sent", _("Sent")),
        ("undone", _("Taken back")),
        ("cancelled", _("Held back: the customer wrote")),
        ("refused", _("Could not be sent")),
    ]
    WAITING = ("held", "scheduled")

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="held_replies")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="held_replies")
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    body = EncryptedTextField()
    attachments = models.JSONField(default=list, blank=True, help_text=_("References of documents."))
    client_id = models.UUIDField()
    made_from = models.CharField(max_length=24, blank=True, help_text=_("The reply kept ready behind it."))
    through_portal = models.BooleanField(
        default=False, db_default=False, help_text=_("Said in the portal, whatever channel the case is on.")
    )
    seen = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=STATES, default="held")
    anyway = models.BooleanField(default=False, help_text=_("Goes out even where the customer writes first."))
    release_at = models.DateTimeField()
    made_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True, blank=True)
    refused_for = models.CharField(max_length=24, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "client_id"], name="one_held_reply_per_id")]
        indexes = [
            models.Index(
                fields=["release_at"], condition=Q(state__in=("held", "scheduled")), name="replies_due"
            ),
            models.Index(
                fields=["case"], condition=Q(state__in=("held", "scheduled")), name="held_replies_of_case"
            ),
        ]

    def __str__(self) -> str:
        return f"held reply {self.pk}"
