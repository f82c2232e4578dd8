"""What an agent keeps between two moments of work."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agents.models.saved_views import SavedView
from cases.models import Case
from config.security.fields import EncryptedTextField


class Draft(models.Model):
    """What an agent was writing on a case, kept on the server so that nothing of PHI stays in a browser.

    ``since_message`` is the last message that stood in the thread when the draft began.
    """

    KINDS = [("reply", _("Reply")), ("note", _("Note")), ("whisper", _("Whisper"))]

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="drafts")
    kind = models.CharField(max_length=8, choices=KINDS, default="reply")
    body = EncryptedTextField(blank=True)
    made_from = models.CharField(max_length=24, blank=True, help_text=_("The reply kept ready behind it."))
    attachments = models.JSONField(
        default=list, db_default=[], blank=True, help_text=_("References of documents.")
    )
    since_message = models.BigIntegerField(default=0)
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "case"], name="one_draft_per_agent_and_case")]

    def __str__(self) -> str:
        return f"draft {self.pk}"


class Preferences(models.Model):
    """How an agent likes the console to behave."""

    UNDO = [(0, _("None")), (5, _("5 seconds")), (10, _("10 seconds")), (30, _("30 seconds"))]
    SOUNDS = [("none", _("Never")), ("mine", _("For my own cases")), ("all", _("For every new contact"))]

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences"
    )
    shortcuts = models.BooleanField(_("Keyboard shortcuts"), default=True)
    enter_sends = models.BooleanField(
        _("Enter sends"),
        default=False,
        help_text=_("Otherwise Ctrl+Enter sends and Enter begins a new line."),
    )
    sounds = models.CharField(_("Sounds"), max_length=4, choices=SOUNDS, default="mine")
    notices = models.BooleanField(
        _("Notices of the desktop"),
        default=False,
        help_text=_("They say that something waits and never what or whose. The browser asks you once."),
    )
    undo_seconds = models.PositiveSmallIntegerField(
        _("Time to take a reply back"),
        choices=UNDO,
        default=10,
        help_text=_("Replies wait so long before they leave; never in a live chat."),
    )
    sort = models.CharField(_("Order of lists"), max_length=8, choices=SavedView.SORTS, default="due")

    def __str__(self) -> str:
        return f"preferences {self.pk}"
