from agents.models.announcements import Announcement, AnnouncementSeen
from agents.models.presence import AgentPresence
from agents.models.routing import (
    AgentCapacity,
    AgentSkill,
    ChannelLoad,
    Offer,
    RoutingRules,
    Shift,
    Skill,
    SkillDemand,
    TeamRouting,
)
from agents.models.saved_views import SavedView
from agents.models.sending import HeldReply
from agents.models.side import SideConversation, SideMessage
from agents.models.workspace import Draft, Preferences

__all__ = [
    "AgentCapacity",
    "AgentPresence",
    "AgentSkill",
    "Announcement",
    "AnnouncementSeen",
    "ChannelLoad",
    "Draft",
    "HeldReply",
    "Offer",
    "Preferences",
    "RoutingRules",
    "SavedView",
    "Shift",
    "SideConversation",
    "SideMessage",
    "Skill",
    "SkillDemand",
    "TeamRouting",
]
