from agents.models.presence import AgentPresence
from agents.models.workspace import Draft

__all__ = ["AgentPresence", "Draft"]
