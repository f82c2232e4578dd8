"""What the portal does when something is announced."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from portal import sessions
from portal.models import User


@receiver(user_logged_in)
def put_session_on_record(request: HttpRequest, user: User, **_: Any) -> None:
    """Whatever way somebody came in: without a record of it the session opens nothing."""
    sessions.begin(request, user)
