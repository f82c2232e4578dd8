"""The workshop's pages of the floor: who can do what, how much they carry, how teams are served, and shifts."""

from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agents import presence
from agents.models import (
    AgentCapacity,
    AgentPresence,
    AgentSkill,
    ChannelLoad,
    Offer,
    RoutingRules,
    Shift,
    Skill,
    SkillDemand,
    TeamRouting,
)
from portal.access import STAFF_REALM
from portal.models import User
from portal.workshop import WorkshopAdmin


class OfAgentAdmin(WorkshopAdmin):
    """Rows of somebody of the staff, shown and chosen by name."""

    works, adds = "floor.manage", True
    list_select_related: ClassVar[Any] = ("user",)

    @admin.display(description=_("Agent"), ordering="user")
    def agent(self, row: Any) -> str:
        return str(row.user.display_name)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.related_model is User and field is not None:
            field.queryset = User.objects.filter(realm=STAFF_REALM, is_active=True)
            field.label_from_instance = lambda user: user.display_name
        return field


class Removable(WorkshopAdmin):
    """Settings that may be taken away again; the trail keeps what they were."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(Skill)
class SkillAdmin(WorkshopAdmin):
    works, adds = "floor.manage", True
    list_display = ("code", "name", "active")
    list_filter = ("active",)
    search_fields = ("code", "name")


@admin.register(AgentSkill)
class AgentSkillAdmin(Removable, OfAgentAdmin):
    list_display = ("agent", "skill", "level")
    list_filter = ("skill", "level")
    list_select_related: ClassVar[Any] = ("user", "skill")
    search_fields = ("skill__code",)


@admin.register(SkillDemand)
class SkillDemandAdmin(Removable):
    works, adds = "floor.manage", True
    list_display = (
        "skill", "level", "team", "family", "reason", "channel", "language", "product_line",
        "wider_after", "wider_skill", "active",
    )  # fmt: skip
    list_filter = ("skill", "channel", "language", "product_line", "active")
    list_select_related = ("skill", "team", "reason", "wider_skill")
    search_fields = ("skill__code", "reason__code", "team__code")


@admin.register(ChannelLoad)
class ChannelLoadAdmin(WorkshopAdmin):
    works, adds = "floor.manage", True
    list_display = ("channel", "cost", "capacity")


@admin.register(AgentCapacity)
class AgentCapacityAdmin(Removable, OfAgentAdmin):
    list_display = ("agent", "channel", "units")
    list_filter = ("channel",)


@admin.register(AgentPresence)
class AgentPresenceAdmin(OfAgentAdmin):
    """How everybody stands now; what a supervisor sets here is how many chats somebody takes."""

    adds = False
    list_display = ("agent", "state", "chat_capacity", "changed_at", "seen_at")
    list_filter = ("state",)
    readonly_fields = ("user", "state", "changed_at", "seen_at")
    actions = ("put_offline",)

    @admin.action(description=_("Put offline; what they serve goes to others"))
    def put_offline(self, request: HttpRequest, queryset: Any) -> None:
        by, rows = cast(User, request.user), queryset.select_related("user")
        self.each(request, rows, lambda row: presence.put_offline(by, user=row.user), _("Put offline"))


@admin.register(TeamRouting)
class TeamRoutingAdmin(WorkshopAdmin):
    works, adds = "floor.manage", True
    list_display = ("served", "mode", "auto_accept", "accept_within")
    list_filter = ("mode", "auto_accept")
    list_select_related = ("team",)

    @admin.display(description=_("Team"))
    def served(self, row: TeamRouting) -> str:
        return str(row.team or _("Contacts of no team"))


@admin.register(RoutingRules)
class RoutingRulesAdmin(WorkshopAdmin):
    works = "floor.manage"
    list_display = (
        "__str__",
        "units_in_all",
        "overlap_minutes",
        "baton_minutes",
        "away_after",
        "offline_after",
    )


@admin.register(Offer)
class OfferAdmin(WorkshopAdmin):
    """What was offered to whom; read-only."""

    list_display = ("case", "kind", "state", "declined_for", "made_at", "answered_at")
    list_filter = ("kind", "state", "declined_for")
    list_select_related = ("case",)
    search_fields = ("=case__number",)
    ordering = ("-made_at",)
    raw_id_fields = ("case", "conversation", "agent", "giver")

    def whose(self, obj: Offer) -> Any:
        return obj.case.patient_id


@admin.register(Shift)
class ShiftAdmin(Removable, OfAgentAdmin):
    list_display = ("agent", "start", "end", "handed_over_at")
    list_filter = ("start",)
    date_hierarchy = "start"
    ordering = ("-start",)
