"""Notifications: one unread of a kind on a case for each who is to hear of it, made new when it happens again."""

from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from cases.models import Follower, Notification

TOLD_TO_FOLLOWERS = frozenset(
    {"closed", "reopened", "transferred", "merged", "woken", "escalated", "acknowledged"}
)
TELL = """
    INSERT INTO cases_notification (user_id, case_id, kind, by_id, at)
    SELECT unnest(%s::bigint[]), %s, %s, %s, now()
    ON CONFLICT (user_id, case_id, kind) WHERE read_at IS NULL
    DO UPDATE SET at = excluded.at, by_id = excluded.by_id
"""


def tell(users: Iterable[int], *, case_id: int, kind: str, by: int | None = None) -> None:
    """Leave a notification with each of ``users`` (ids) but the one who did it."""
    others = sorted({user for user in users if user != by})
    if others:
        with connection.cursor() as cursor:
            cursor.execute(TELL, [others, case_id, kind, by])


def tell_followers(case_id: int, kind: str, by: int | None = None) -> None:
    if kind in TOLD_TO_FOLLOWERS:
        followers = Follower.objects.filter(case_id=case_id).values_list("user_id", flat=True)
        tell(followers, case_id=case_id, kind=kind, by=by)


def heard(user: int | None, *, case_id: int) -> None:
    """Somebody has the case before them: what they were told of it is no news any more."""
    if user is not None:
        Notification.objects.filter(user=user, case=case_id, read_at=None).update(read_at=timezone.now())
