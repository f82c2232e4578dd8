from cases.models.cases import CannedReply, Case, CaseEvent, Reason, Tag, Team
from cases.models.conversations import Conversation, Inbound, Message, MessageAttachment, ReadMark
from cases.models.drafts import CustomerDraft
from cases.models.notices import Notice

__all__ = [
    "CannedReply",
    "Case",
    "CaseEvent",
    "Conversation",
    "CustomerDraft",
    "Inbound",
    "Message",
    "MessageAttachment",
    "Notice",
    "ReadMark",
    "Reason",
    "Tag",
    "Team",
]
