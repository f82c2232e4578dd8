"""Escalations: who is called to a case, by which rota, in which steps, and every page that went out for it."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import Case, Reason
from cases.models.rota import Rota
from cases.models.sla import CLOCKS
from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedCharField, EncryptedTextField
from portal import access

LANES = [("specialist", _("Specialist")), ("clinical", _("Clinical")), ("manager", _("Manager"))]
TIERS = {"specialist": 2, "clinical": 2, "manager": 3}
PAGED_BY = [
    ("console", _("Console")),
    ("sms", _("Text message")),
    ("call", _("Call")),
    ("email", _("E-mail")),
]


class PagingContact(models.Model):
    """Where somebody of the staff is paged besides the console and the e-mail of their account."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="paging_contact"
    )
    phone = EncryptedCharField(max_length=20, blank=True, help_text=_("With country code: +1 512 555 0143"))
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"paging contact {self.pk}"


class EscalationPolicy(models.Model):
    """Whom a lane calls, in steps, and how long it may take. The one for the reason's family wins."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    lane = models.CharField(max_length=10, choices=LANES)
    family = models.CharField(
        max_length=10, choices=Reason.FAMILIES, blank=True, help_text=_("Empty: every other reason.")
    )
    rota = models.ForeignKey(Rota, null=True, blank=True, on_delete=models.PROTECT, related_name="policies")
    acknowledge_minutes = models.PositiveIntegerField(default=60, validators=[MinValueValidator(1)])
    resolve_minutes = models.PositiveIntegerField(default=240, validators=[MinValueValidator(1)])
    around_the_clock = models.BooleanField(
        default=True,
        help_text=_("Its times run and it pages day and night; otherwise in business hours alone."),
    )
    climbs_on = ArrayField(
        models.CharField(max_length=32, choices=CLOCKS),
        default=list,
        blank=True,
        help_text=_("A case comes here by itself when one of these clocks runs out."),
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["lane", "family"]
        verbose_name_plural = _("escalation policies")
        constraints = [
            models.UniqueConstraint(
                fields=["lane", "family"],
                condition=Q(active=True),
                name="one_policy_per_lane_and_family",
                violation_error_message=_("Another active policy has this lane and family already."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class PolicyStep(models.Model):
    """One link of the chain: who is paged, by what, and how long we wait before the next one."""

    WHO = [
        ("on_duty", _("Whoever is on duty")),
        ("backup", _("Whoever stands behind them")),
        ("all_on_duty", _("Everybody on duty")),
        ("person", _("The person named")),
        ("leads", _("Every lead")),
        ("supervisors", _("Every supervisor")),
    ]

    policy = models.ForeignKey(EscalationPolicy, on_delete=models.CASCADE, related_name="steps")
    place = models.PositiveSmallIntegerField(default=1)
    who = models.CharField(max_length=12, choices=WHO, default="on_duty")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    channels = ArrayField(
        models.CharField(max_length=8, choices=PAGED_BY),
        default=list,
        help_text=_("In this order: console, sms, call, email."),
    )
    between_minutes = models.PositiveSmallIntegerField(
        default=2, help_text=_("Between one channel and the next.")
    )
    wait_minutes = models.PositiveSmallIntegerField(default=10, validators=[MinValueValidator(1)])

    class Meta:
        ordering = ["place", "id"]

    def __str__(self) -> str:
        return f"policy step {self.pk}"

    def clean(self) -> None:
        if self.who == "person" and self.person_id is None:
            raise ValidationError({"person": _("Name the person.")})
        if not self.channels:
            raise ValidationError({"channels": _("Choose how they are paged.")})


class EscalationQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "EscalationQuerySet":
        """Staff who may see the case. Never a customer: what we call each other for is not theirs."""
        if isinstance(user, access.System):
            return self
        if getattr(user, "realm", None) != access.STAFF_REALM:
            return self.none()
        return self.filter(case__in=Case.objects.visible_to(user))

    def live(self) -> "EscalationQuerySet":
        return self.filter(state__in=Escalation.LIVE)


class Escalation(models.Model):
    """A case handed up: who asked, why, whom it called and what became of it."""

    STATES = [
        ("paging", _("Paging")),
        ("acknowledged", _("Acknowledged")),
        ("resolved", _("Resolved")),
        ("stood_down", _("Stood down")),
    ]
    LIVE = ("paging", "acknowledged")

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="escalations")
    policy = models.ForeignKey(EscalationPolicy, on_delete=models.PROTECT, related_name="escalations")
    lane = models.CharField(max_length=10, choices=LANES)
    tier = models.PositiveSmallIntegerField()
    why = EncryptedTextField(max_length=2000)
    symptoms = EncryptedTextField(max_length=2000, blank=True)
    clinician = EncryptedCharField(
        max_length=60, blank=True, help_text=_("NPI, or the id of one of the staff.")
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    opened_by_name = models.CharField(max_length=40, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, choices=STATES, default="paging")
    acknowledge_by = models.DateTimeField()
    due_at = models.DateTimeField()
    overdue_at = models.DateTimeField(null=True, blank=True)
    step = models.PositiveSmallIntegerField(default=0, help_text=_("Steps taken in this round."))
    round = models.PositiveSmallIntegerField(default=1)
    next_step_at = models.DateTimeField(null=True, blank=True)
    unstaffed_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When a step of the chain had nobody on duty.")
    )
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_through = models.CharField(max_length=8, choices=PAGED_BY, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = EncryptedTextField(max_length=2000, blank=True)

    objects = EscalationQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "lane"],
                condition=Q(state__in=["paging", "acknowledged"]),
                name="one_live_escalation_per_lane",
            ),
            models.CheckConstraint(
                condition=~Q(state="acknowledged") | Q(acknowledged_at__isnull=False),
                name="acknowledged_escalations_say_when",
            ),
        ]
        indexes = [
            models.Index(fields=["next_step_at"], condition=Q(state="paging"), name="escalations_to_climb"),
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["paging", "acknowledged"], overdue_at=None),
                name="escalations_running_out",
            ),
            models.Index(fields=["case", "-opened_at"], name="escalations_of_case"),
            models.Index(fields=["opened_at"], name="escalations_by_time"),
        ]

    def __str__(self) -> str:
        return f"escalation {self.pk}"


class PageQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "PageQuerySet":
        """Staff who may see the escalation, and whoever was paged."""
        seen = Q(escalation__in=Escalation.objects.visible_to(user))
        if isinstance(user, access.System) or getattr(user, "realm", None) != access.STAFF_REALM:
            return self.filter(seen)
        return self.filter(seen | Q(person=user))


class Page(models.Model):
    """One call for one person over one channel. Written with the escalation, sent by a task."""

    STATES = [
        ("due", _("Due")),
        ("sending", _("Being sent")),
        ("sent", _("Sent")),
        ("failed", _("Failed")),
        ("skipped", _("No longer needed")),
        ("acknowledged", _("Acknowledged")),
    ]
    FAULTS = [
        ("no_address", _("No number or address on file")),
        ("refused", _("The company refused it")),
        ("down", _("The company did not answer")),
        ("unanswered", _("Nobody picked up")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    escalation = models.ForeignKey(Escalation, on_delete=models.CASCADE, related_name="pages")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="pages")
    channel = models.CharField(max_length=8, choices=PAGED_BY)
    step = models.PositiveSmallIntegerField()
    round = models.PositiveSmallIntegerField(default=1)
    as_stand_in = models.BooleanField(default=False, help_text=_("Paged because nobody was on duty."))
    state = models.CharField(max_length=12, choices=STATES, default="due")
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    provider_id = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=12, choices=FAULTS, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    objects = PageQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "round", "step", "person", "channel"],
                name="one_page_per_step_and_channel",
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state__in=["due", "sending"]), name="pages_due"),
            models.Index(fields=["person", "escalation"], name="pages_of_person"),
        ]

    def __str__(self) -> str:
        return f"page {self.pk}"
