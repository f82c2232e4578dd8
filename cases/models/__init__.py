from cases.models.cases import CannedReply, Case, CaseEvent, Reason, Team
from cases.models.conversations import Conversation, Inbound, Message, MessageAttachment, ReadMark

__all__ = [
    "CannedReply",
    "Case",
    "CaseEvent",
    "Conversation",
    "Inbound",
    "Message",
    "MessageAttachment",
    "ReadMark",
    "Reason",
    "Team",
]
