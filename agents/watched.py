"""What of the agents' work the access trail need not watch."""

from config.security import audit

audit.EXEMPT.update(
    {
        "agents.AgentPresence": "Whether an agent is at the desk.",
        "agents.Draft": "Words not sent yet, seen by their author alone; sent, they are a watched message.",
        "agents.Preferences": "How an agent likes the console.",
    }
)
