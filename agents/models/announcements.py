"""What the floor is told by those who run it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal import access


class Announcement(models.Model):
    """A few words for everybody at the desk, or for some roles, from a time until another."""

    LEVELS = [("info", _("Good to know")), ("warn", _("Act on it")), ("urgent", _("Now"))]

    title = models.CharField(max_length=120)
    body = models.TextField(max_length=2000, blank=True)
    level = models.CharField(max_length=6, choices=LEVELS, default="info")
    roles = ArrayField(
        models.CharField(max_length=16, choices=list(access.ROLES.items())),
        default=list,
        blank=True,
        help_text=_("Empty: everybody at the desk."),
    )
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-since"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("since")), name="announcements_end_after_they_begin"
            )
        ]

    def __str__(self) -> str:
        return f"announcement {self.pk}"


class AnnouncementSeen(models.Model):
    """That somebody has read it."""

    announcement = models.ForeignKey(Announcement, on_delete=models.CASCADE, related_name="seen")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["announcement", "user"], name="seen_once_by_each")]

    def __str__(self) -> str:
        return f"announcement seen {self.pk}"
