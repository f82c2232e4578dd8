"""Files that were sent in a conversation, read again by those who take part in it."""

import uuid
from typing import Any

from django.db.models import Q

from cases.models import Conversation, MessageAttachment
from portal import documents
from portal.documents import Opened
from portal.models import Document


def open_file(actor: Any, *, conversation: Conversation, document: uuid.UUID) -> Opened:
    """Open a file that customers see in ``conversation``, which the caller found to be theirs.

    Raises Document.DoesNotExist, and what ``documents.open_document`` raises.
    """
    here = Q(message__conversation=conversation, message__seq__isnull=False)
    if not MessageAttachment.objects.filter(here, document__ref=document).exists():
        raise Document.DoesNotExist
    return documents.open_document(actor, document, purpose=f"case:{conversation.case_id}")
