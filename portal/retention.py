"""What is of no more use and names people: ended sessions, spent links and codes, letters that went out.

Nothing of anybody's care or rights is dropped here, and nothing of the access trail.
"""

from datetime import timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.db import models
from django.utils import timezone

from config.security import audit
from portal.access import System
from portal.models import AccountMail, OneTimeSecret, UserSession

KEEPER = System("retention")
# After a sign-in its address counts as known for this long (portal/sign_in.py).
SESSIONS_KEPT = timedelta(days=180)
# Who asks why a letter did or did not come, asks sooner.
LETTERS_KEPT = timedelta(days=90)
AT_ONCE = 1000


def sweep() -> int:
    """Drop what is older than it is kept for. Gives how many rows, but for those of Django's own sessions."""
    now = timezone.now()
    SessionStore.clear_expired()
    with audit.acting(actor=KEEPER, purpose="retention"):
        return (
            _drop(AccountMail.objects.filter(created_at__lt=now - LETTERS_KEPT))
            + _drop(OneTimeSecret.objects.filter(expires_at__lt=now - LETTERS_KEPT))
            + _drop(UserSession.objects.filter(last_used_at__lt=now - SESSIONS_KEPT))
        )


def _drop(old: "models.QuerySet[models.Model]") -> int:
    """Some at a time, so that no lock is held for long."""
    dropped = 0
    while some := list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        old.filter(pk__in=some).delete()
        dropped += len(some)
    return dropped
