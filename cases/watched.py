"""What of the cases the access trail watches, and whose record each row belongs to."""

from cases import models as m
from config.security import audit

ABOUT_A_PATIENT = {
    m.Case: "patient",
    m.CaseEvent: "case__patient",
    m.Conversation: "patient",
    m.Message: "conversation__patient",
    m.MessageAttachment: "message__conversation__patient",
    m.CaseLink: "case__patient",
    m.Merge: "case__patient",
    m.PlaybookRun: "case__patient",
    m.PlaybookStepTaken: "run__case__patient",
}
QUIET = {
    m.Case: ("last_contact_at", "last_message", "unread", "version"),
    m.Conversation: ("last_seq", "last_staff_seq", "last_message_at"),
}
EXEMPT = {
    "cases.ReadMark": "How far somebody has read; the reading itself is on the trail.",
    "cases.Notice": "Whether a mail went out; the message it tells of is watched.",
    "cases.Inbound": "Ids of contacts taken in; the message each became is watched.",
    "cases.Follower": "Who wants to hear of a case; following it is an event of the case.",
    "cases.Notification": "That an agent was told of a case; what they were told of is watched.",
    "cases.CustomerDraft": "Words not sent yet, seen by their author alone; sent, they are watched.",
}

for model, path in ABOUT_A_PATIENT.items():
    audit.register(model, subject=path, quiet=QUIET.get(model, ()))
for rules in (
    m.Team,
    m.Reason,
    m.Tag,
    m.CannedReply,
    m.CaseRules,
    m.CloseRule,
    m.Playbook,
    m.PlaybookVersion,
):
    audit.register(rules)
audit.EXEMPT.update(EXEMPT)
