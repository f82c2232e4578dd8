from cases.models.cases import CannedReply, Case, CaseEvent, Reason, Team
from cases.models.conversations import Conversation, Inbound, Message, MessageAttachment, ReadMark
from cases.models.drafts import CustomerDraft

__all__ = [
    "CustomerDraft",
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
