"""What has to be told somebody outside of the portal, and whether it was."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.conversations import Message


class Notice(models.Model):
    """That a message waits. Written with the message it tells of, so that none is forgotten."""

    STATES = [("due", _("Due")), ("sent", _("Sent")), ("skipped", _("Not wanted")), ("failed", _("Given up"))]

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="notice")
    state = models.CharField(max_length=8, choices=STATES, default="due")
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="due"), name="notices_due")]

    def __str__(self) -> str:
        return f"notice {self.pk}"
