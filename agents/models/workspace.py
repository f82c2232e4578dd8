"""What an agent keeps between two moments of work."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case
from config.security.fields import EncryptedTextField


class Draft(models.Model):
    """What an agent was writing on a case, kept on the server so that nothing of PHI stays in a browser."""

    KINDS = [("reply", _("Reply")), ("note", _("Note"))]

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=8, choices=KINDS, default="reply")
    body = EncryptedTextField(blank=True)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "case"], name="one_draft_per_agent_and_case")]

    def __str__(self) -> str:
        return f"draft {self.pk}"
