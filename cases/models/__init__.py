from cases.models.cases import CannedReply, Case, CaseEvent, Reason, Tag, Team
from cases.models.conversations import Conversation, Inbound, Message, MessageAttachment, ReadMark
from cases.models.drafts import CustomerDraft
from cases.models.kin import CaseLink, CaseRules, CloseRule, Follower, Merge, Notification
from cases.models.notices import Notice
from cases.models.playbooks import Playbook, PlaybookRun, PlaybookStepTaken, PlaybookVersion

__all__ = [
    "CannedReply",
    "Case",
    "CaseEvent",
    "CaseLink",
    "CaseRules",
    "CloseRule",
    "Conversation",
    "CustomerDraft",
    "Follower",
    "Inbound",
    "Merge",
    "Message",
    "MessageAttachment",
    "Notice",
    "Notification",
    "Playbook",
    "PlaybookRun",
    "PlaybookStepTaken",
    "PlaybookVersion",
    "ReadMark",
    "Reason",
    "Tag",
    "Team",
]
