"""Lists that agents make for themselves."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SavedView(models.Model):
    """Filters under a name. ``filters`` holds codes and references; ``shared`` ones stand in everybody's rail."""

    SORTS = [("due", _("By next breach")), ("contact", _("By last contact"))]

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(_("Name"), max_length=40)
    key = models.CharField(_("Letter after g"), max_length=1, blank=True)
    filters = models.JSONField(default=dict)
    sort = models.CharField(_("Order"), max_length=8, choices=SORTS, default="due")
    shared = models.BooleanField(_("Everybody sees it"), default=False)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_saved_view_per_name"),
            models.UniqueConstraint(
                fields=["owner", "key"], condition=~Q(key=""), name="one_saved_view_per_letter"
            ),
        ]

    def __str__(self) -> str:
        return f"saved view {self.pk}"
