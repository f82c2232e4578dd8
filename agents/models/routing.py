"""What work is given out by: skills, room, how teams are served, and what was offered to whom, and why."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Conversation, Reason, Team
from cases.models.cases import CHANNELS, LANGUAGES
from config.security.fields import EncryptedTextField
from portal.models.orders import PRODUCT_LINES, OfPatientQuerySet

LEVELS = [(1, _("Learning")), (2, _("Able")), (3, _("Expert"))]


def _units(**kwargs: Any) -> models.DecimalField:
    return models.DecimalField(
        max_digits=6, decimal_places=2, validators=[MinValueValidator(Decimal(0))], **kwargs
    )


class RoutingRules(models.Model):
    """The floor's own figures, one row."""

    units_in_all = _units(
        default=Decimal(6),
        help_text=_("Units an agent carries over all channels, unless theirs say otherwise."),
    )
    away_after = models.PositiveIntegerField(
        default=60, help_text=_("Seconds without a sign of an agent's console until they are away.")
    )
    offline_after = models.PositiveIntegerField(
        default=300, help_text=_("Seconds without one until they are offline and their chats go to others.")
    )
    idle_after = models.PositiveIntegerField(
        default=600, help_text=_("Seconds without use of an open console until the agent is away; 0: never.")
    )
    overlap_minutes = models.PositiveSmallIntegerField(
        default=15, help_text=_("How long before the end of a shift its open work is handed over.")
    )
    baton_minutes = models.PositiveSmallIntegerField(
        default=15, help_text=_("How long somebody has to take over what a shift hands them.")
    )
    transfer_within = models.PositiveIntegerField(
        default=60, help_text=_("Seconds somebody has to accept what a colleague hands them.")
    )
    passed_minutes = models.PositiveSmallIntegerField(
        default=15, help_text=_("How long whoever passed on a contact is not offered it again.")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("rules of routing")
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_routing_rules")]

    def __str__(self) -> str:
        return "rules of routing"

    def clean(self) -> None:
        if self.offline_after <= self.away_after:
            raise ValidationError({"offline_after": _("Offline comes after away.")})


class Skill(models.Model):
    """Something that not every agent can do."""

    code = models.SlugField(max_length=24, unique=True)
    name = models.CharField(max_length=60)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AgentSkill(models.Model):
    """A skill that an agent has, and how well."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="holders")
    level = models.PositiveSmallIntegerField(choices=LEVELS, default=2)

    class Meta:
        ordering = ["user", "skill"]
        constraints = [
            models.UniqueConstraint(fields=["user", "skill"], name="one_level_per_agent_and_skill")
        ]

    def __str__(self) -> str:
        return f"skill {self.skill_id} of user {self.user_id}"


class SkillDemand(models.Model):
    """What a contact asks of whoever takes it, where all that is named here fits it.

    After ``wider_after`` minutes of waiting, ``wider_skill`` is enough; where there is none, any agent is.
    """

    skill = models.ForeignKey(Skill, on_delete=models.CASCADE, related_name="demands")
    level = models.PositiveSmallIntegerField(choices=LEVELS, default=1, help_text=_("At least this level."))
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    family = models.CharField(max_length=10, choices=Reason.FAMILIES, blank=True)
    reason = models.ForeignKey(Reason, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    channel = models.CharField(max_length=8, choices=CHANNELS, blank=True)
    language = models.CharField(max_length=2, choices=LANGUAGES, blank=True)
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES, blank=True)
    wider_after = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("Minutes of waiting after which less is asked; empty: never.")
    )
    wider_skill = models.ForeignKey(Skill, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"demand {self.pk}"

    def clean(self) -> None:
        named = (self.team_id, self.family, self.reason_id, self.channel, self.language, self.product_line)
        if not any(named):
            raise ValidationError(_("Say which contacts ask for it: at least one of the fields above."))
        if self.wider_skill_id and self.wider_after is None:
            raise ValidationError({"wider_after": _("Say after how many minutes the wider skill is enough.")})


class ChannelLoad(models.Model):
    """What one contact of a channel weighs, and how much of it an agent carries at once."""

    channel = models.CharField(max_length=8, choices=CHANNELS, unique=True)
    cost = _units(default=Decimal(1), help_text=_("Units that one contact takes of an agent."))
    capacity = _units(default=Decimal(3), help_text=_("Units of this channel an agent carries at once."))

    class Meta:
        ordering = ["channel"]

    def __str__(self) -> str:
        return f"load of {self.channel}"


class AgentCapacity(models.Model):
    """How much an agent carries at once where that is not the usual: of one channel, or in all."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="capacities")
    channel = models.CharField(max_length=8, choices=CHANNELS, blank=True, help_text=_("Empty: in all."))
    units = _units()

    class Meta:
        ordering = ["user", "channel"]
        verbose_name_plural = _("agent capacities")
        constraints = [
            models.UniqueConstraint(fields=["user", "channel"], name="one_capacity_per_agent_and_channel")
        ]

    def __str__(self) -> str:
        return f"capacity {self.pk}"


class TeamRouting(models.Model):
    """How a team is served: contacts are pushed to its agents, or its agents take the next themselves."""

    MODES = [("pull", _("Agents take the next")), ("push", _("Contacts are offered"))]

    team = models.OneToOneField(
        Team,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="routing",
        help_text=_("Empty: contacts that no team has."),
    )
    mode = models.CharField(max_length=4, choices=MODES, default="pull")
    auto_accept = models.BooleanField(default=False, help_text=_("What is offered is taken at once."))
    accept_within = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(5)], help_text=_("Seconds an offer stands.")
    )

    class Meta:
        ordering = ["team"]
        constraints = [
            models.UniqueConstraint(fields=["team"], nulls_distinct=False, name="one_way_of_routing_per_team")
        ]

    def __str__(self) -> str:
        return f"routing of team {self.team_id or 'none'}"


class OfCaseQuerySet(OfPatientQuerySet):
    permission = "cases.view"
    patient_path = "case__patient"
    caregiver_scope = "everything"


class Offer(models.Model):
    """A case held out to an agent. ``giver`` hands it on in person; without one, routing found the agent.

    ``why`` is how the agent was found: codes and figures alone (see agents.reasons).
    """

    KINDS = [("placed", _("Routed")), ("transfer", _("Warm transfer")), ("baton", _("Shift baton"))]
    STATES = [
        ("open", _("Waiting for an answer")),
        ("accepted", _("Accepted")),
        ("declined", _("Declined")),
        ("timed_out", _("Not answered in time")),
        ("withdrawn", _("Withdrawn")),
    ]
    REASONS = [
        ("busy", _("In the middle of something else")),
        ("skill", _("Needs somebody else's knowledge")),
        ("break", _("About to leave the desk")),
        ("conflict", _("I know this person privately")),
        ("other", _("Another reason")),
    ]

    case = models.ForeignKey(Case, on_delete=models.CASCADE, related_name="offers")
    conversation = models.ForeignKey(
        Conversation, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="offers")
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="given_offers"
    )
    kind = models.CharField(max_length=8, choices=KINDS, default="placed")
    state = models.CharField(max_length=9, choices=STATES, default="open")
    summary = EncryptedTextField(blank=True)
    why = models.JSONField(default=dict, blank=True)
    declined_for = models.CharField(max_length=8, choices=REASONS, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = OfCaseQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["case"], condition=Q(state="open"), name="one_open_offer_per_case"
            )
        ]
        indexes = [
            models.Index(fields=["agent"], condition=Q(state="open"), name="open_offers_of_agent"),
            models.Index(fields=["expires_at"], condition=Q(state="open"), name="open_offers_by_end"),
            models.Index(fields=["case", "-made_at"], name="offers_of_case"),
        ]

    def __str__(self) -> str:
        return f"offer {self.pk}"


class Shift(models.Model):
    """When an agent is on duty."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="shifts")
    start = models.DateTimeField()
    end = models.DateTimeField()
    handed_over_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["start", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(end__gt=models.F("start")), name="shifts_end_after_they_start")
        ]
        indexes = [
            models.Index(fields=["user", "end"], name="shifts_of_agent"),
            models.Index(fields=["end"], name="shifts_by_end"),
        ]

    def __str__(self) -> str:
        return f"shift {self.pk}"

    @property
    def is_over(self) -> bool:
        return self.end <= timezone.now()

    def clean(self) -> None:
        if self.start is None or self.end is None:
            return
        if self.end <= self.start:
            raise ValidationError({"end": _("A shift ends after it starts.")})
        others = Shift.objects.filter(user=self.user_id, start__lt=self.end, end__gt=self.start)
        if others.exclude(pk=self.pk).exists():
            raise ValidationError(_("This agent has another shift in these hours."))
