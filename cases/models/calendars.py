"""When business is open: weekly hours, days of their own, holidays of a country, in a time zone."""

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from holidays import list_supported_countries

WEEKDAYS = [
    (0, _("Monday")),
    (1, _("Tuesday")),
    (2, _("Wednesday")),
    (3, _("Thursday")),
    (4, _("Friday")),
    (5, _("Saturday")),
    (6, _("Sunday")),
]


def known_zone(name: str) -> None:
    """Refuse a time zone that does not exist."""
    if name not in available_timezones():
        raise ValidationError(_("There is no time zone of this name."))


class Calendar(models.Model):
    """Business hours in one time zone. ``always_open`` counts round the clock, whatever else stands here."""

    code = models.SlugField(max_length=24, unique=True)
    name = models.CharField(max_length=60)
    time_zone = models.CharField(max_length=40, default="America/Chicago", validators=[known_zone])
    always_open = models.BooleanField(default=False, help_text=_("Day and night, holidays too."))
    holiday_country = models.CharField(
        max_length=2,
        blank=True,
        help_text=_("Closed on the public holidays of this country (US); empty: no holidays."),
    )
    holiday_subdivision = models.CharField(
        max_length=8, blank=True, help_text=_("With those of one state (TX).")
    )
    is_default = models.BooleanField(
        default=False, help_text=_("The supplier's own hours. One calendar has this.")
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=Q(is_default=True),
                name="one_default_calendar",
                violation_error_message=_("Another calendar is the supplier's own already."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Holidays are those of a place that is known."""
        known = list_supported_countries()
        if self.holiday_country and self.holiday_country not in known:
            raise ValidationError({"holiday_country": _("The holidays of this country are not known.")})
        if self.holiday_subdivision and self.holiday_subdivision not in known.get(self.holiday_country, []):
            raise ValidationError({"holiday_subdivision": _("There is no such part of this country.")})


class OpenHours(models.Model):
    """One stretch of a weekday. It ends on the next day where it closes no later than it opens."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="hours")
    weekday = models.PositiveSmallIntegerField(choices=WEEKDAYS)
    opens = models.TimeField()
    closes = models.TimeField(help_text=_("No later than it opens: it goes past midnight."))

    class Meta:
        ordering = ["weekday", "opens"]
        verbose_name = verbose_name_plural = _("opening hours")

    def __str__(self) -> str:
        return f"opening hours {self.pk}"


class SpecialDay(models.Model):
    """A date that does not go by its weekday: closed, or open at hours of its own (a row for each stretch)."""

    calendar = models.ForeignKey(Calendar, on_delete=models.CASCADE, related_name="special_days")
    date = models.DateField()
    name = models.CharField(max_length=60)
    opens = models.TimeField(null=True, blank=True, help_text=_("Empty: closed all day."))
    closes = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ["date", "opens"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opens__isnull=True, closes__isnull=True)
                | Q(opens__isnull=False, closes__isnull=False),
                name="special_days_open_and_close",
            ),
            models.UniqueConstraint(
                fields=["calendar", "date"], condition=Q(opens=None), name="closed_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"special day {self.pk}"

    def clean(self) -> None:
        if (self.opens is None) != (self.closes is None):
            raise ValidationError(_("Say when it opens and when it closes, or neither."))
