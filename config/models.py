"""What the floor itself keeps: tries that are being counted."""

from django.db import models
from django.db.models.functions import Now


class Attempt(models.Model):
    """One try against a limit. ``bucket`` is the digest of what is limited, so it names nobody."""

    bucket = models.CharField(max_length=64)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["bucket", "at"], name="attempts_of_bucket")]

    def __str__(self) -> str:
        return f"attempt {self.pk}"
