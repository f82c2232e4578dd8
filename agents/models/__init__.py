from agents.models.presence import AgentPresence
from agents.models.workspace import Draft, Preferences

__all__ = ["AgentPresence", "Draft", "Preferences"]
