"""How sure we are of whom we speak with: what each level opens, who was verified how, locks and emergencies."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security.audit import AuditedQuerySet
from config.security.fields import EncryptedTextField
from portal import access
from portal.models.people import Caregiver, Patient

# What a level may open. The rows of LevelOpens say which; those of ALWAYS_VERIFIED never stand below level 2.
WHATS = [
    ("orders", _("Order and delivery status")),
    ("appointments", _("Appointments")),
    ("asked", _("What is asked of the customer")),
    ("contact", _("Contact details")),
    ("clinical", _("Clinical detail")),
    ("insurance", _("Insurance detail")),
    ("documents", _("Documents")),
    ("contact_change", _("Changes of contact")),
    ("payment_change", _("Changes of payment")),
]
ALWAYS_VERIFIED = ("clinical", "insurance", "documents", "contact_change", "payment_change")
LEVELS = [(1, _("1, identified")), (2, _("2, verified"))]
HOW = [
    ("identifiers", _("Two identifiers")),
    ("chat_form", _("Form in the chat")),
    ("registration", _("Registration in the portal")),
    ("session", _("Signed in")),
    ("portal_code", _("Code from the portal")),
    ("sent_code", _("Code sent to a contact on file")),
    ("call_back", _("Call back to a number on file")),
]


class VerificationRules(models.Model):
    """The figures of verification: one row, which a supervisor changes."""

    tries = models.PositiveSmallIntegerField(default=3, help_text=_("Failures that lock a patient."))
    failures_within_minutes = models.PositiveIntegerField(default=1440)
    lock_minutes = models.PositiveIntegerField(default=60)
    identified_minutes = models.PositiveIntegerField(default=30, help_text=_("How long level 1 lasts."))
    verified_minutes = models.PositiveIntegerField(default=30, help_text=_("How long level 2 lasts."))
    written_hours = models.PositiveIntegerField(
        default=72, help_text=_("How long a portal message keeps its writer verified.")
    )
    code_minutes = models.PositiveSmallIntegerField(default=5)
    codes_an_hour = models.PositiveSmallIntegerField(
        default=3, help_text=_("Codes sent to one patient in an hour.")
    )
    delivery_hold_hours = models.PositiveIntegerField(
        default=24, help_text=_("Until a new contact is used for deliveries and payments.")
    )
    proof_hold_days = models.PositiveIntegerField(
        default=30, help_text=_("How long a contact has to stand unchanged before it proves anything.")
    )
    glass_minutes = models.PositiveSmallIntegerField(default=30)
    glass_reason_length = models.PositiveSmallIntegerField(default=20)

    class Meta:
        verbose_name = _("figures of verification")
        verbose_name_plural = _("figures of verification")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_row_of_verification_rules"),
            models.CheckConstraint(
                condition=Q(tries__gte=1, lock_minutes__gte=1, code_minutes__range=(1, 10)),
                name="verification_stays_limited",
                violation_error_message=_(
                    "At least one try, a lock of a minute, and codes of 1 to 10 minutes."
                ),
            ),
        ]

    def __str__(self) -> str:
        return "figures of verification"


class LevelOpens(models.Model):
    """One line of the table: from which level on something is opened, for every playbook or for one alone."""

    what = models.CharField(max_length=16, choices=WHATS)
    level = models.PositiveSmallIntegerField(choices=LEVELS)
    playbook = models.SlugField(
        max_length=40,
        blank=True,
        help_text=_("Code of a playbook; with lines of its own it opens those alone at level 1."),
    )

    class Meta:
        ordering = ["playbook", "level", "what"]
        verbose_name = _("what a level opens")
        verbose_name_plural = _("what each level opens")
        constraints = [
            models.UniqueConstraint(fields=["what", "playbook"], name="one_level_per_thing_and_playbook"),
            models.CheckConstraint(
                condition=~Q(what__in=ALWAYS_VERIFIED) | Q(level=2),
                name="knowledge_alone_opens_no_more",
                violation_error_message=_("This takes a proof: it never stands below level 2."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} from level {self.level}{' in ' if self.playbook else ''}{self.playbook}"


class OfPatientForStaffQuerySet(AuditedQuerySet):
    """Rows about a patient that staff alone see."""

    permission = "patients.view"

    def visible_to(self, user: Any) -> "OfPatientForStaffQuerySet":
        if isinstance(user, access.System):
            return self
        inside = getattr(user, "realm", None) == access.STAFF_REALM
        return self if inside and access.allowed(user, self.permission) else self.none()


class Verification(models.Model):
    """A try to show who somebody is: for which purpose, by whom asked, how, what came of it and until when.

    What was typed is not kept, nor which part of it was wrong.
    """

    HOW = HOW

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="verifications")
    purpose = models.CharField(max_length=80, blank=True)
    agent = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    caregiver = models.ForeignKey(
        Caregiver, null=True, blank=True, on_delete=models.CASCADE, related_name="verifications"
    )
    how = models.CharField(max_length=16, choices=HOW)
    passed = models.BooleanField()
    level = models.PositiveSmallIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfPatientForStaffQuerySet.as_manager()

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["patient", "purpose", "agent"], name="verifications_in_force"),
            models.Index(fields=["patient", "-at"], condition=Q(passed=False), name="failed_verifications"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(passed=False, level=0) | Q(passed=True, level__gt=0, expires_at__isnull=False),
                name="only_a_pass_gives_a_level",
            ),
            models.CheckConstraint(
                condition=~Q(how__in=["identifiers", "chat_form", "registration"]) | Q(level__lte=1),
                name="knowledge_gives_level_one_at_most",
            ),
        ]

    def __str__(self) -> str:
        return f"verification {self.pk}"


class VerificationLock(models.Model):
    """After too many failures nobody is verified as this patient, on any channel, until then."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="verification_locks")
    locked_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = OfPatientForStaffQuerySet.as_manager()

    class Meta:
        ordering = ["-locked_at"]
        indexes = [models.Index(fields=["patient", "-until"], name="locks_of_patient")]

    def __str__(self) -> str:
        return f"verification lock {self.pk}"


class EmergencyAccess(models.Model):
    """A record opened without anybody's proof, for a typed reason and a short while, and reviewed afterwards."""

    STATES = [
        ("waiting", _("To be reviewed")),
        ("justified", _("Justified")),
        ("not_justified", _("Not justified")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="emergency_accesses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=80, blank=True)
    reason = EncryptedTextField()
    began_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    state = models.CharField(max_length=14, choices=STATES, default="waiting")
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    note = EncryptedTextField(blank=True)

    objects = OfPatientForStaffQuerySet.as_manager()

    class Meta:
        ordering = ["-began_at"]
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        indexes = [
            models.Index(fields=["user", "patient", "-until"], name="emergencies_of_user"),
            models.Index(fields=["began_at"], condition=Q(state="waiting"), name="emergencies_to_review"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting") | Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="reviews_say_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=models.F("user")),
                name="nobody_reviews_their_own_emergency",
            ),
        ]

    def __str__(self) -> str:
        return f"emergency access {self.pk}"
