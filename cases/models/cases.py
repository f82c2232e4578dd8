"""Cases: what somebody wants of us, who has it in hand and what became of it."""

import uuid

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security.fields import EncryptedCharField, EncryptedJSONField, SearchTokensField
from portal.models import Order, Patient
from portal.models.orders import PRODUCT_LINES, OfPatientQuerySet

CHANNELS = [
    ("phone", _("Phone")),
    ("portal", _("Portal")),
    ("chat", _("Chat")),
    ("email", _("E-mail")),
    ("sms", _("Text message")),
]
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]


class Team(models.Model):
    """A group of staff that cases go to."""

    code = models.SlugField(max_length=24, unique=True)
    name = models.CharField(max_length=60)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="teams", blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Reason(models.Model):
    """Why somebody got in touch: a family and a finer code."""

    FAMILIES = [
        ("billing", _("Billing")),
        ("delivery", _("Delivery")),
        ("warranty", _("Warranty")),
        ("clinical", _("Clinical")),
    ]

    LANES = [("equipment_down", _("Equipment down")), ("clinical", _("Clinical"))]

    code = models.SlugField(max_length=40, unique=True)
    family = models.CharField(max_length=10, choices=FAMILIES)
    label = models.CharField(max_length=80)
    customer_label = models.CharField(
        max_length=80, help_text=_("In words a patient uses; offered as a topic.")
    )
    customer_label_es = models.CharField(max_length=80, blank=True)
    offered = models.BooleanField(default=True, help_text=_("Offered to customers as a topic."))
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    priority = models.PositiveSmallIntegerField(default=3)
    lane = models.CharField(
        max_length=16,
        choices=LANES,
        blank=True,
        help_text=_("Equipment down and clinical cases go before all others."),
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["family", "label"]

    def __str__(self) -> str:
        return f"{self.family}: {self.label}"


class Tag(models.Model):
    """A word that cases are gathered by, whatever they are about."""

    name = models.SlugField(max_length=32, unique=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CaseQuerySet(OfPatientQuerySet):
    permission = "cases.view"
    caregiver_scope = "everything"

    def open(self) -> "CaseQuerySet":
        return self.exclude(state="closed")


class Case(models.Model):
    """One matter of one customer, over every channel it is spoken of on."""

    STATES = [
        ("new", _("New")),
        ("open", _("Open")),
        ("waiting", _("Waiting on customer")),
        ("closed", _("Closed")),
    ]
    WAITED_FOR = [
        ("customer", _("The customer")),
        ("prescriber", _("The prescriber")),
        ("carrier", _("The carrier")),
        ("payer", _("The payer")),
    ]
    PRIORITIES = [(1, _("Urgent")), (2, _("High")), (3, _("Normal")), (4, _("Low"))]
    DISPOSITIONS = [
        ("answered", _("Answered")),
        ("action_taken", _("Action taken")),
        ("handed_on", _("Handed on")),
        ("no_reply", _("Customer did not reply")),
        ("duplicate", _("Duplicate")),
        ("abuse", _("Abuse or spam")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=16, unique=True)
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.PROTECT, related_name="cases"
    )
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="cases")
    guest_name = EncryptedCharField(max_length=80, blank=True)
    subject = EncryptedCharField(max_length=160, blank=True)
    subject_tokens = SearchTokensField(sources=("subject",))
    channel = models.CharField(max_length=8, choices=CHANNELS)
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.PROTECT, related_name="cases")
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES, blank=True)
    priority = models.PositiveSmallIntegerField(choices=PRIORITIES, default=3)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="owned_cases"
    )
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.PROTECT, related_name="cases")
    state = models.CharField(max_length=8, choices=STATES, default="new")
    waiting_on = models.CharField(max_length=10, choices=WAITED_FOR, blank=True)
    tier = models.PositiveSmallIntegerField(default=1, help_text=_("How far it has been escalated, 1 to 3."))
    tags = models.ManyToManyField(Tag, related_name="cases", blank=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    follows_on = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="followed_on_by",
        help_text=_("The closed case that this one takes up again."),
    )
    repeat_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="repeats",
        help_text=_("The case whose matter came back within the repeat window."),
    )
    snoozed_until = models.DateTimeField(null=True, blank=True)
    wake_only_then = models.BooleanField(default=False)
    next_due_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the first of its running clocks runs out.")
    )
    next_warn_at = models.DateTimeField(null=True, blank=True)
    next_due_kind = models.CharField(max_length=32, blank=True)
    next_due_calendar = models.ForeignKey(
        "cases.Calendar", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    disposition = models.CharField(max_length=16, choices=DISPOSITIONS, blank=True)
    next_step = EncryptedCharField(max_length=200, blank=True)
    next_contact_on = models.DateField(
        null=True, blank=True, help_text=_("When we get in touch again, as promised at the closing.")
    )
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    last_contact_at = models.DateTimeField(default=timezone.now)
    last_message = models.ForeignKey(
        "cases.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    unread = models.PositiveIntegerField(default=0, help_text=_("Customer messages no agent has seen."))
    version = models.PositiveIntegerField(default=0)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="closed") | Q(closed_at__isnull=False), name="closed_cases_say_when"
            ),
            models.CheckConstraint(
                condition=~Q(state="closed") | ~Q(disposition=""), name="closed_cases_say_how"
            ),
        ]
        indexes = [
            models.Index(
                fields=["owner", "-last_contact_at", "-id"],
                condition=~Q(state="closed"),
                name="open_cases_of_owner",
            ),
            models.Index(
                fields=["state", "-last_contact_at", "-id"],
                condition=~Q(state="closed"),
                name="open_cases_by_state",
            ),
            models.Index(fields=["-last_contact_at", "-id"], condition=~Q(state="closed"), name="open_cases"),
            models.Index(fields=["-last_contact_at", "-id"], name="cases_by_last_contact"),
            models.Index(fields=["channel", "-last_contact_at", "-id"], name="cases_by_channel"),
            models.Index(fields=["-last_contact_at", "-id"], condition=Q(priority=1), name="urgent_cases"),
            models.Index(
                fields=["-last_contact_at", "-id"],
                condition=Q(owner=None) & ~Q(state="closed"),
                name="unassigned_cases",
            ),
            models.Index(
                fields=["-last_contact_at", "-id"],
                condition=Q(unread__gt=0) & ~Q(state="closed"),
                name="unread_cases",
            ),
            models.Index(
                fields=["waiting_on", "-last_contact_at", "-id"],
                condition=~Q(waiting_on="") & ~Q(state="closed"),
                name="cases_waiting_on",
            ),
            models.Index(fields=["-closed_at", "-id"], condition=Q(state="closed"), name="closed_cases"),
            models.Index(
                fields=["next_contact_on", "id"],
                condition=Q(state="closed", next_contact_on__isnull=False),
                name="cases_to_contact_again",
            ),
            models.Index(
                fields=["next_due_at", "id"],
                condition=~Q(state="closed"),
                name="cases_by_next_breach",
            ),
            *(
                models.Index(
                    fields=[*first, "next_due_at", "id"],
                    condition=~Q(state="closed") & more,
                    name=f"{name}_by_next_breach",
                )
                for name, first, more in (
                    ("own_cases", ["owner"], Q()),
                    ("unassigned", [], Q(owner=None)),
                    ("escalated", [], Q(tier__gt=1)),
                    ("reason", ["reason"], Q()),
                    ("team", ["team"], Q()),
                    ("priority", ["priority"], Q()),
                    ("channel", ["channel"], Q()),
                )
            ),
            models.Index(
                fields=["reason", "-last_contact_at", "-id"],
                condition=~Q(state="closed"),
                name="open_by_reason",
            ),
            models.Index(
                fields=["team", "-last_contact_at", "-id"], condition=~Q(state="closed"), name="open_by_team"
            ),
            models.Index(
                fields=["-last_contact_at", "-id"],
                condition=Q(tier__gt=1) & ~Q(state="closed"),
                name="escalated_cases",
            ),
            models.Index(
                fields=["snoozed_until", "id"],
                condition=Q(snoozed_until__isnull=False),
                name="snoozed_cases",
            ),
            models.Index(fields=["patient", "-last_contact_at"], name="cases_of_patient"),
            GinIndex(fields=["subject_tokens"], name="cases_by_subject"),
        ]

    def __str__(self) -> str:
        return f"case {self.number}"


class CaseEvent(models.Model):
    """Something done to a case, in its timeline. Rows are only added."""

    KINDS = [
        ("opened", _("Opened")),
        ("assigned", _("Assigned")),
        ("released", _("Put back in the queue")),
        ("transferred", _("Transferred")),
        ("changed", _("Changed")),
        ("closed", _("Closed")),
        ("reopened", _("Reopened")),
        ("linked", _("Linked")),
        ("document", _("Document received")),
        ("merged", _("Merged")),
        ("unmerged", _("Merge undone")),
        ("split", _("Split")),
        ("snoozed", _("Snoozed")),
        ("woken", _("Woken")),
        ("followed", _("Followed")),
        ("mentioned", _("Mentioned")),
        ("tagged", _("Tagged")),
        ("clock", _("Clock")),
        ("escalated", _("Escalated")),
        ("paged", _("Paged")),
        ("acknowledged", _("Acknowledged")),
        ("offered", _("Offered")),
        ("placed", _("Placed")),
        ("verification", _("Verification")),
        ("glass_broken", _("Opened in an emergency")),
        ("playbook", _("Playbook")),
        ("macro", _("Macro")),
        ("survey", _("Survey")),
        ("side", _("Side conversation")),
        ("callback", _("Callback")),
        ("incident", _("Incident")),
        ("steered", _("Came on the wrong channel")),
    ]

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=16, choices=KINDS)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    actor_name = models.CharField(
        max_length=40, blank=True, help_text=_("Where no person acted: the bot, a task.")
    )
    at = models.DateTimeField(default=timezone.now)
    detail = EncryptedJSONField(default=dict, blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["case", "at", "id"], name="events_of_case")]

    def __str__(self) -> str:
        return f"case event {self.pk}"
