"""What is promised to customers by when, and the clocks that count towards it."""

from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.calendars import Calendar
from cases.models.cases import CHANNELS, Case, Reason
from cases.models.kin import OfCaseQuerySet
from config.business_day import business_day
from config.security.fields import EncryptedCharField
from portal.models import Patient

CLOCKS = [
    ("first_response", _("First reply")),
    ("next_response", _("Next reply")),
    ("acknowledgement", _("Acknowledgement")),
    ("resolution", _("Solved")),
    ("complaint_acknowledgement", _("Complaint acknowledged")),
    ("complaint_answer", _("Complaint answered")),
]


class SlaPolicy(models.Model):
    """Promises to the cases it fits. Of several that promise the same, the one that names more wins."""

    name = models.CharField(max_length=80, unique=True)
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    reason_family = models.CharField(max_length=10, choices=Reason.FAMILIES, blank=True)
    customer_tier = models.CharField(
        max_length=16, choices=Patient._meta.get_field("tier").choices, blank=True
    )
    priority = models.PositiveSmallIntegerField(choices=Case.PRIORITIES, null=True, blank=True)
    channel = models.CharField(max_length=8, choices=CHANNELS, blank=True)
    effective_from = models.DateField(default=business_day)
    effective_until = models.DateField(null=True, blank=True, help_text=_("The last day; empty: no end."))
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("SLA policy")
        verbose_name_plural = _("SLA policies")
        constraints = [
            models.CheckConstraint(
                condition=Q(effective_until=None) | Q(effective_until__gte=models.F("effective_from")),
                name="policies_end_after_they_begin",
                violation_error_message=_("A policy can't end before it begins."),
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.reason and self.reason_family and self.reason.family != self.reason_family:
            raise ValidationError({"reason_family": _("The reason is of another family: name one of them.")})


class SlaTarget(models.Model):
    """How long one kind of clock may run, in the open time of its calendar."""

    policy = models.ForeignKey(SlaPolicy, on_delete=models.CASCADE, related_name="targets")
    kind = models.CharField(max_length=32, choices=CLOCKS)
    within = models.DurationField(help_text=_("Days and hours:minutes:seconds, as 04:00:00 or 2 00:00:00."))
    calendar = models.ForeignKey(Calendar, on_delete=models.PROTECT, related_name="+")
    warn_at_percent = models.PositiveSmallIntegerField(
        default=75, help_text=_("Owner and lead are warned when this share of the time is used.")
    )
    pauses = models.BooleanField(default=True, help_text=_("Stands still while the customer has the word."))

    class Meta:
        ordering = ["policy", "kind"]
        verbose_name = _("target")
        constraints = [
            models.UniqueConstraint(fields=["policy", "kind"], name="one_target_of_a_kind"),
            models.CheckConstraint(
                condition=Q(within__gt=timedelta(0)),
                name="targets_take_time",
                violation_error_message=_("A promise takes some time: more than nothing."),
            ),
            models.CheckConstraint(
                condition=Q(warn_at_percent__gte=1, warn_at_percent__lte=100),
                name="warnings_come_before",
                violation_error_message=_("Warn at 1 to 100 percent of the time."),
            ),
        ]

    def __str__(self) -> str:
        return f"target {self.pk}"

    def clean(self) -> None:
        """What is promised must come in the hours it is counted in."""
        from cases import calendars  # which reads these models

        if not self.calendar_id or not isinstance(self.within, timedelta):
            return
        if not calendars.is_reached(calendars.hours_of(self.calendar), timezone.now(), self.within):
            words = _("It cannot be counted: calendar %(calendar)s is never open so long.")
            raise ValidationError({"calendar": words % {"calendar": self.calendar.name}})


class Clock(models.Model):
    """One promise on one case. ``used`` is what had run before ``running_since``; both count open time.

    ``next_moment_at`` is when somebody must look: at the warning, then at the breach. A breach stays on record.
    """

    STATES = [
        ("running", _("Running")),
        ("paused", _("Paused")),
        ("stopped", _("Stopped")),
        ("cancelled", _("Cancelled")),
    ]

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=32, choices=CLOCKS)
    channel = models.CharField(max_length=8, choices=CHANNELS)
    state = models.CharField(max_length=10, choices=STATES, default="running")
    policy_name = models.CharField(max_length=80)
    calendar = models.ForeignKey(Calendar, null=True, on_delete=models.PROTECT, related_name="+")
    within = models.DurationField()
    warn_at_percent = models.PositiveSmallIntegerField(default=75)
    pauses = models.BooleanField(default=True)
    started_at = models.DateTimeField()
    running_since = models.DateTimeField(null=True, blank=True)
    used = models.DurationField(default=timedelta)
    changed_at = models.DateTimeField(help_text=_("When it was last started, paused, moved or stopped."))
    due_at = models.DateTimeField(null=True, blank=True)
    warn_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    next_moment_at = models.DateTimeField(null=True, blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "kind"],
                condition=Q(state__in=["running", "paused"]),
                name="one_clock_of_a_kind_runs",
            ),
            models.CheckConstraint(condition=Q(used__gte=timedelta(0)), name="clocks_never_run_backwards"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(running_since__isnull=False, due_at__isnull=False),
                name="running_clocks_are_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_moment_at"], condition=Q(next_moment_at__isnull=False), name="clocks_due_next"
            ),
            models.Index(fields=["case", "id"], name="clocks_of_case"),
            models.Index(fields=["stopped_at"], condition=Q(stopped_at__isnull=False), name="clocks_by_end"),
            models.Index(
                fields=["breached_at"], condition=Q(breached_at__isnull=False), name="clocks_by_breach"
            ),
        ]

    def __str__(self) -> str:
        return f"clock {self.pk}"


class ClockEvent(models.Model):
    """Something that happened to a clock, and why. Rows are only added."""

    KINDS = [
        ("started", _("Started")),
        ("paused", _("Paused")),
        ("resumed", _("Resumed")),
        ("stopped", _("Stopped")),
        ("cancelled", _("Cancelled")),
        ("retargeted", _("Measured by another policy")),
        ("warned", _("Warning given")),
        ("breached", _("Ran out")),
        ("moved", _("Moved by hand")),
    ]

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="story")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="clock_events")
    kind = models.CharField(max_length=12, choices=KINDS)
    cause = models.CharField(max_length=32, help_text=_("What happened on the case."))
    reason = EncryptedCharField(max_length=400, null=True, blank=True)
    at = models.DateTimeField()
    noted_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True)
    was_due_at = models.DateTimeField(null=True, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_name = models.CharField(max_length=40, blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["case", "at", "id"], name="clock_events_of_case")]

    def __str__(self) -> str:
        return f"clock event {self.pk}"


class Attainment(models.Model):
    """How many clocks of a kind were kept and missed in an hour or a day, on one channel."""

    SPANS = [("hour", _("Hour")), ("day", _("Day"))]

    span = models.CharField(max_length=4, choices=SPANS)
    begins_at = models.DateTimeField()
    channel = models.CharField(max_length=8, choices=CHANNELS)
    kind = models.CharField(max_length=32, choices=CLOCKS)
    kept = models.PositiveIntegerField(default=0)
    missed = models.PositiveIntegerField(default=0)
    counted_at = models.DateTimeField()

    class Meta:
        ordering = ["-begins_at", "channel", "kind"]
        verbose_name_plural = _("attainment")
        constraints = [
            models.UniqueConstraint(
                fields=["span", "begins_at", "channel", "kind"], name="one_attainment_a_span"
            )
        ]

    def __str__(self) -> str:
        return f"attainment {self.pk}"

    @property
    def share(self) -> float:
        """Kept of all, from 0 to 1."""
        counted = self.kept + self.missed
        return self.kept / counted if counted else 1.0
