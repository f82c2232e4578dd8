"""What opens a chat, and for how long: live sessions, rights that still hold, and tickets tied to both."""

import pytest
from django.utils import timezone

from cases.models import Conversation
from portal.models import Caregiver
from tests.factories import ConversationFactory, caregiver_of, patient_with_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


def take_back(caregiver: Caregiver, how: str) -> None:
    """Without a word to her sessions, as where time alone does it."""
    gone = {"revoked_at": timezone.now()} if how == "revoked" else {"expires_at": timezone.now()}
    Caregiver.objects.filter(pk=caregiver.pk).update(**gone)


def path_of(conversation: Conversation) -> str:
    return f"/ws/chat/{conversation.pk}/"


# --- caregivers --------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_who_no_longer_cares_for_a_patient_sees_no_chat_she_began(how: str) -> None:
    """What was begun for a patient is the patient's (R-SEC-3)."""
    caregiver = caregiver_of(patient_with_user())
    begun = ConversationFactory(patient=caregiver.patient, customer=caregiver.user)
    own = ConversationFactory(patient=None, customer=caregiver.user)
    theirs = Conversation.objects.visible_to
    assert set(theirs(caregiver.user)) == {begun, own}
    take_back(caregiver, how)
    assert list(theirs(caregiver.user)) == [own]
    assert list(theirs(caregiver.patient.user)) == [begun]
