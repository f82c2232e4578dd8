"""What ties cases to each other and people to cases: links, merges, followers, and who was told what."""

from typing import Any, cast

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models.cases import Case, Reason
from config.security.audit import AuditedQuerySet
from portal import access
from portal.models.orders import OfPatientQuerySet


class OfCaseQuerySet(OfPatientQuerySet):
    """What stands behind a case is seen by those who see the case, and by no customer."""

    permission = "cases.view"
    patient_path = "case__patient"

    def visible_to(self, user: Any) -> "OfCaseQuerySet":
        inside = isinstance(user, access.System) or getattr(user, "realm", None) == access.STAFF_REALM
        return cast(OfCaseQuerySet, super().visible_to(user)) if inside else self.none()


class CaseRules(models.Model):
    """The figures by which cases are kept together. One row; a supplier without it has the usual ones."""

    reopen_days = models.PositiveSmallIntegerField(
        default=7,
        validators=[MaxValueValidator(90)],
        help_text=_("For so long after closing a customer's message opens the case again; then a new one."),
    )
    repeat_days = models.PositiveSmallIntegerField(
        default=30,
        validators=[MaxValueValidator(365)],
        help_text=_("A contact on the same group of reasons within so many days of closing is a repeat."),
    )
    merge_undo_hours = models.PositiveSmallIntegerField(
        default=24, validators=[MaxValueValidator(720)], help_text=_("For so long a merge can be undone.")
    )
    bulk_most = models.PositiveSmallIntegerField(
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
        help_text=_("How many cases can be worked on in one go."),
    )

    class Meta:
        verbose_name = verbose_name_plural = _("rules of cases")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_case_rules")]

    def __str__(self) -> str:
        return "rules of cases"

    @classmethod
    def now(cls) -> "CaseRules":
        """The figures in force."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class CloseRule(models.Model):
    """What a case of a reason must have before it may close, beside what every case must have."""

    ASKS = [
        ("next_contact", _("A day of the next contact")),
        ("order", _("The order it is about")),
        ("product_line", _("A product line")),
        ("patient", _("The patient it is about")),
    ]

    reason = models.ForeignKey(Reason, on_delete=models.CASCADE, related_name="close_rules")
    asks = models.CharField(max_length=16, choices=ASKS)

    class Meta:
        ordering = ["reason", "asks"]
        constraints = [models.UniqueConstraint(fields=["reason", "asks"], name="asked_once_per_reason")]

    def __str__(self) -> str:
        return f"{self.reason_id} asks for {self.asks}"


class CaseLink(models.Model):
    """That two cases have to do with each other. Read from ``case`` to ``other``: case *kind* other."""

    KINDS = [
        ("related", _("Related to")),
        ("duplicate", _("Duplicate of")),
        ("caused", _("Caused by")),
        ("split", _("Split from")),
    ]

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="links")
    other = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="linked_from")
    kind = models.CharField(max_length=10, choices=KINDS, default="related")
    message = models.ForeignKey(
        "cases.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "other", "kind"], name="linked_once_a_kind"),
            models.CheckConstraint(condition=~Q(case=F("other")), name="linked_to_another_case"),
        ]

    def __str__(self) -> str:
        return f"link {self.pk}"


class Merge(models.Model):
    """One case gone into another. ``kept`` holds, by ids and codes, what it takes to undo it until ``until``."""

    into = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="merges_in")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="merges")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    kept = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(undone_at=None), name="one_standing_merge_per_case"
            )
        ]

    def __str__(self) -> str:
        return f"merge {self.pk}"


class Follower(models.Model):
    """Somebody who wants to hear what becomes of a case."""

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="followers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="followed")
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "user"], name="followed_once")]

    def __str__(self) -> str:
        return f"follower {self.pk}"


class NotificationQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "NotificationQuerySet":
        """Everybody has their own."""
        return self.filter(user=user) if access.allowed(user, "console.use") else self.none()


class Notification(models.Model):
    """That something happened on a case which somebody follows or was named on. One unread of a kind a case."""

    KINDS = [
        ("mentioned", _("You were mentioned")),
        ("message", _("The customer wrote")),
        ("closed", _("Closed")),
        ("reopened", _("Reopened")),
        ("transferred", _("Transferred")),
        ("merged", _("Merged")),
        ("woken", _("Snooze is over")),
        ("escalated", _("Escalated")),
        ("acknowledged", _("Acknowledged")),
        ("clock", _("Clock")),
        ("low_score", _("A customer gave a low score")),
        ("released", _("Its owner works here no more")),
        ("callback", _("A promised call was not made")),
        ("unsent", _("A reply did not go out")),
        ("next_contact", _("The day of the next contact")),
    ]

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notifications")
    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=12, choices=KINDS)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "case", "kind"], condition=Q(read_at=None), name="one_unread_of_a_kind"
            )
        ]
        indexes = [models.Index(fields=["user", "-at"], name="notifications_of_user")]

    def __str__(self) -> str:
        return f"notification {self.pk}"
