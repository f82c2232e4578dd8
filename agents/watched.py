"""What of the agents' work the access trail watches, and what it need not."""

from agents import models as m
from config.security import audit

ABOUT_A_PATIENT = {
    m.HeldReply: "case__patient",
    m.Offer: "case__patient",
    m.SideConversation: "case__patient",
    m.SideMessage: "side__case__patient",
}

for model, path in ABOUT_A_PATIENT.items():
    audit.register(model, subject=path)
for rules in (
    m.Announcement,
    m.RoutingRules,
    m.Skill,
    m.AgentSkill,
    m.SkillDemand,
    m.ChannelLoad,
    m.AgentCapacity,
    m.TeamRouting,
    m.Shift,
):
    audit.register(rules)
audit.EXEMPT.update(
    {
        "agents.AnnouncementSeen": "That somebody read an announcement, which names no patient.",
        "agents.AgentPresence": "Whether an agent is at the desk.",
        "agents.Draft": "Words not sent yet, seen by their author alone; sent, they are a watched message.",
        "agents.Preferences": "How an agent likes the console.",
        "agents.SavedView": "Which cases an agent likes to see together; it names nobody.",
    }
)
