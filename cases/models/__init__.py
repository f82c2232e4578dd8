from cases.models.calendars import Calendar, OpenHours, SpecialDay
from cases.models.callbacks import Callback, CallbackRules
from cases.models.cases import Case, CaseEvent, Reason, Tag, Team
from cases.models.complaints import Complaint, ComplaintTerms
from cases.models.conversations import Conversation, Inbound, Message, MessageAttachment, ReadMark
from cases.models.drafts import CustomerDraft
from cases.models.escalation import (
    Escalation,
    EscalationPolicy,
    Page,
    PagingContact,
    PolicyStep,
)
from cases.models.incidents import Incident, IncidentOutcome, IncidentRun
from cases.models.kin import CaseLink, CaseRules, CloseRule, Follower, Merge, Notification
from cases.models.notices import Notice
from cases.models.playbooks import Playbook, PlaybookRun, PlaybookStepTaken, PlaybookVersion
from cases.models.rota import (
    Rota,
    RotaLayer,
    RotaMember,
    RotaOverride,
    RotaRestriction,
    RotaWarning,
)
from cases.models.sla import Attainment, Clock, ClockEvent, SlaPolicy, SlaTarget
from cases.models.surveys import Survey, SurveyAnswer, SurveyFollowUp, SurveyInvitation
from cases.models.words import (
    CannedReply,
    CannedUse,
    Checklist,
    Macro,
    OpeningScript,
    SubjectTemplate,
    WordsVersion,
)

__all__ = [
    "Attainment",
    "Calendar",
    "Callback",
    "CallbackRules",
    "CannedReply",
    "CannedUse",
    "Case",
    "CaseEvent",
    "CaseLink",
    "CaseRules",
    "Checklist",
    "Clock",
    "ClockEvent",
    "CloseRule",
    "Complaint",
    "ComplaintTerms",
    "Conversation",
    "CustomerDraft",
    "Escalation",
    "EscalationPolicy",
    "Follower",
    "Inbound",
    "Incident",
    "IncidentOutcome",
    "IncidentRun",
    "Macro",
    "Merge",
    "Message",
    "MessageAttachment",
    "Notice",
    "Notification",
    "OpenHours",
    "OpeningScript",
    "Page",
    "PagingContact",
    "Playbook",
    "PlaybookRun",
    "PlaybookStepTaken",
    "PlaybookVersion",
    "PolicyStep",
    "ReadMark",
    "Reason",
    "Rota",
    "RotaLayer",
    "RotaMember",
    "RotaOverride",
    "RotaRestriction",
    "RotaWarning",
    "SlaPolicy",
    "SlaTarget",
    "SpecialDay",
    "SubjectTemplate",
    "Survey",
    "SurveyAnswer",
    "SurveyFollowUp",
    "SurveyInvitation",
    "Tag",
    "Team",
    "WordsVersion",
]
