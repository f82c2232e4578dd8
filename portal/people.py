"""Accounts and roles: who holds which, by whose word; who leaves; whose address a contact came from."""

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from config.security import audit
from portal import account_mail, sessions
from portal.access import STAFF_REALM, STAFF_ROLES, may_grant, require_over
from portal.models import Patient, RoleGrant, User


def grant_role(actor: Any, *, user: User, role: str, expires_at: datetime | None = None) -> RoleGrant:
    """Give a staff role. Sessions end, so that the next one has it under a new key."""
    require_over(actor, "users.manage", user)
    if user.realm != STAFF_REALM or role not in STAFF_ROLES or not may_grant(actor, role):
        raise PermissionDenied("users.manage")
    giver = actor if isinstance(actor, User) else None
    with transaction.atomic():
        grant, _ = RoleGrant.objects.update_or_create(
            user=user, role=role, defaults={"granted_by": giver, "expires_at": expires_at}
        )
        audit.event("security", what=f"role {role} given", objects=[user], actor=actor)
        sessions.end_all(user, by="role-given")
    return grant


def drop_role(actor: Any, *, user: User, role: str) -> bool:
    """Take a role away; it acts at once. False where they did not hold it."""
    require_over(actor, "users.manage", user)
    if not may_grant(actor, role):
        raise PermissionDenied("users.manage")
    with transaction.atomic():
        dropped, _ = RoleGrant.objects.filter(user=user, role=role).delete()
        if dropped:
            audit.event("security", what=f"role {role} taken", objects=[user], actor=actor)
            sessions.end_all(user, by="role-taken")
    return bool(dropped)


def deactivate(actor: Any, *, user: User) -> None:
    """Close an account: nobody can sign in to it, and what is open ends."""
    require_over(actor, "users.manage", user)
    with transaction.atomic():
        user.is_active, user.deactivated_at = False, timezone.now()
        user.save(update_fields=["is_active", "deactivated_at"])
        audit.event("security", what="account closed", objects=[user], actor=actor)
        account_mail.tell(user, "deactivated")
        sessions.end_all(user, by="deactivation")


def reactivate(actor: Any, *, user: User) -> None:
    """Open a closed account again."""
    require_over(actor, "users.manage", user)
    with transaction.atomic():
        user.is_active, user.deactivated_at = True, None
        user.save(update_fields=["is_active", "deactivated_at"])
        audit.event("security", what="account opened again", objects=[user], actor=actor)


def match_sender(*, email: str = "", phone: str = "") -> Patient | None:
    """The one patient whose contact on file this is. Several or none: nobody. It proves nothing by itself."""
    if email:
        found = Patient.objects.in_force().filter(email_index__matches=email)
    elif phone:
        found = Patient.objects.in_force().filter(phone_index__matches=phone)
    else:
        return None
    patients: list[Patient] = list(found[:2])
    return patients[0] if len(patients) == 1 else None
