"""Nothing of an escalation stands in what a customer's socket or HTTP chat is sent (R-SLA-2)."""

import json

import pytest

from cases import conversations, frames, history
from cases import escalation as rules
from tests.cases.rotas import clinical_desk
from tests.factories import CaseFactory, ConversationFactory, UserFactory, message_in, patient_with_user

pytestmark = pytest.mark.django_db


def test_no_frame_to_a_customer_speaks_of_an_escalation() -> None:
    clinical_desk()
    patient = patient_with_user()
    case = CaseFactory(patient=patient, channel="chat", state="open")
    talk = ConversationFactory(case=case, patient=patient, customer=patient.user, channel="chat")
    message_in(talk, "It beeps.", role="customer", author=patient.user)
    before = history.since([(talk.pk, 0, history.NOTHING)])
    rules.escalate(
        UserFactory(roles=["agent"]),
        case=case,
        lane="clinical",
        why="Canary reason",
        symptoms="Canary symptom",
        clinician="1234567893",
    )
    after = history.since([(talk.pk, 0, history.NOTHING)])
    assert [frames.line(each) for each in after] == [frames.line(each) for each in before]
    said = json.dumps(conversations.messages(patient.user, conversation=talk))
    assert "It beeps." in said
    assert "Canary" not in said
    assert "escalat" not in said.casefold()
