"""What of the cases the access trail watches, and whose record each row belongs to."""

from cases import models as m
from config.security import audit
from portal import access_trail

ABOUT_A_PATIENT = {
    m.Callback: "case__patient",
    m.Case: "patient",
    m.Complaint: "patient",
    m.Incident: "case__patient",
    m.IncidentRun: "incident__case__patient",
    m.CaseEvent: "case__patient",
    m.Conversation: "patient",
    m.Message: "conversation__patient",
    m.MessageAttachment: "message__conversation__patient",
    m.SurveyInvitation: "patient",
    m.SurveyAnswer: "invitation__patient",
    m.SurveyFollowUp: "answer__invitation__patient",
    m.CaseLink: "case__patient",
    m.Merge: "case__patient",
    m.PlaybookRun: "case__patient",
    m.PlaybookStepTaken: "run__case__patient",
    m.Escalation: "case__patient",
    m.Page: "escalation__case__patient",
}
QUIET = {
    m.Case: (
        *("last_contact_at", "last_message", "unread", "version"),
        *("next_due_at", "next_warn_at", "next_due_kind", "next_due_calendar"),
    ),
    m.Escalation: ("step", "round", "next_step_at"),
    m.Page: ("tries", "due_at"),
    m.Conversation: ("last_seq", "last_staff_seq", "last_message_at"),
    m.CannedReply: ("used",),
}
EXEMPT = {
    "cases.IncidentOutcome": "Whether a case was reached; the message or the closing it tells of is watched.",
    "cases.Clock": "How long a promise has left; what was done to it by hand is an event of the case.",
    "cases.ClockEvent": "The story of a clock, itself only added to; its reasons are sealed.",
    "cases.Attainment": "Counts of promises kept; nobody's record.",
    "cases.RotaWarning": "That a lead was told of a gap in a rota; nothing of a patient stands in it.",
    "cases.ReadMark": "How far somebody has read; the reading itself is on the trail.",
    "cases.Notice": "Whether a mail went out; the message it tells of is watched.",
    "cases.Inbound": "Ids of contacts taken in; the message each became is watched.",
    "cases.Follower": "Who wants to hear of a case; following it is an event of the case.",
    "cases.Notification": "That an agent was told of a case; what they were told of is watched.",
    "cases.CannedUse": "Which reply a message was made from; the message is watched.",
    "cases.WordsVersion": "What words were before; each save of them is watched.",
    "cases.CustomerDraft": "Words not sent yet, seen by their author alone; sent, they are watched.",
}

for model, path in ABOUT_A_PATIENT.items():
    audit.register(model, subject=path, quiet=QUIET.get(model, ()))
for rules in (
    m.Team,
    m.Reason,
    m.Tag,
    m.CannedReply,
    m.Checklist,
    m.OpeningScript,
    m.SubjectTemplate,
    m.Macro,
    m.Survey,
    m.CaseRules,
    m.ComplaintTerms,
    m.CallbackRules,
    m.CloseRule,
    m.Playbook,
    m.PlaybookVersion,
):
    audit.register(rules, quiet=QUIET.get(rules, ()))
for duty in (m.Rota, m.RotaLayer, m.RotaMember, m.RotaRestriction, m.RotaOverride, m.PagingContact):
    audit.register(duty)
for promise in (m.Calendar, m.OpenHours, m.SpecialDay, m.SlaPolicy, m.SlaTarget):
    audit.register(promise)
for chain in (m.EscalationPolicy, m.PolicyStep):
    audit.register(chain)
audit.EXEMPT.update(EXEMPT)
access_trail.UNTOLD_THINGS |= {m.Escalation._meta.label_lower, m.Page._meta.label_lower}
