"""Duty rotas: who takes turns when, in layers, with the hours they serve and who stands in for them."""

from datetime import time
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

DAYS = [
    (0, _("Monday")),
    (1, _("Tuesday")),
    (2, _("Wednesday")),
    (3, _("Thursday")),
    (4, _("Friday")),
    (5, _("Saturday")),
    (6, _("Sunday")),
]


def check_zone(name: str) -> None:
    """Raise ValidationError unless ``name`` is a time zone of the world's list."""
    if name not in available_timezones():
        raise ValidationError(_("There is no time zone of this name. One is America/Chicago."))


def supplier_zone() -> str:
    return settings.SUPPLIER_TIME_ZONE


class Rota(models.Model):
    """Who is on duty when, in layers: the first layer that has somebody wins, an override wins over all."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    time_zone = models.CharField(max_length=64, default=supplier_zone, validators=[check_zone])
    around_the_clock = models.BooleanField(
        default=True, help_text=_("Somebody is wanted day and night; otherwise in business hours alone.")
    )
    warn_days = models.PositiveSmallIntegerField(
        default=14, help_text=_("How many days ahead gaps are looked for and told.")
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class RotaLayer(models.Model):
    """People who take turns. Turns begin on ``begins_on`` at ``hand_over_at`` by the layer's own clock."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="layers")
    name = models.CharField(max_length=60)
    rank = models.PositiveSmallIntegerField(
        default=1, help_text=_("1 is asked first; the next stand behind.")
    )
    turn_days = models.PositiveSmallIntegerField(default=7, validators=[MinValueValidator(1)])
    begins_on = models.DateField(default=timezone.localdate)
    hand_over_at = models.TimeField(default=time(8))
    time_zone = models.CharField(
        max_length=64, blank=True, validators=[check_zone], help_text=_("Empty: the rota's.")
    )

    class Meta:
        ordering = ["rank", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(turn_days__gte=1), name="a_turn_lasts_a_day_or_more")
        ]

    def __str__(self) -> str:
        return f"rota layer {self.pk}"


class RotaMember(models.Model):
    """Somebody who takes turns in a layer, in the order of ``place``."""

    layer = models.ForeignKey(RotaLayer, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["place", "id"]

    def __str__(self) -> str:
        return f"rota member {self.pk}"


class RotaRestriction(models.Model):
    """Hours a layer serves; without any it always does. Until at or before from: into the next day."""

    layer = models.ForeignKey(RotaLayer, on_delete=models.CASCADE, related_name="restrictions")
    weekday = models.PositiveSmallIntegerField(
        choices=DAYS, null=True, blank=True, help_text=_("Empty: every day.")
    )
    from_time = models.TimeField(_("from"))
    until_time = models.TimeField(_("until"))

    class Meta:
        ordering = ["weekday", "from_time", "id"]

    def __str__(self) -> str:
        return f"rota restriction {self.pk}"


class RotaOverride(models.Model):
    """Somebody who stands in for whoever would be on duty. Of two at once the one made last wins."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="overrides")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="overrides_end_after_they_start",
                violation_error_message=_("It ends before it begins."),
            )
        ]

    def __str__(self) -> str:
        return f"rota override {self.pk}"


class RotaWarning(models.Model):
    """That somebody was told of the gaps of a rota, and on which day."""

    rota = models.ForeignKey(Rota, on_delete=models.CASCADE, related_name="warnings")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    on = models.DateField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rota", "person", "on"], name="one_warning_of_gaps_a_day")
        ]

    def __str__(self) -> str:
        return f"rota warning {self.pk}"
