"""Who of the staff is there to answer."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class AgentPresence(models.Model):
    """What an agent says of their availability, and how many chats they take at once.

    ``put_away_from`` is what they had said when they were put away for their silence; it comes back with them.
    """

    STATES = [("online", _("Online")), ("busy", _("Busy")), ("away", _("Away")), ("offline", _("Offline"))]

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presence")
    state = models.CharField(max_length=8, choices=STATES, default="offline")
    put_away_from = models.CharField(max_length=8, choices=STATES, blank=True, editable=False)
    chat_capacity = models.PositiveSmallIntegerField(default=3)
    changed_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    last_given_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"presence {self.pk}"
