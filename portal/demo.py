"""What the demo gives away: a login for each role and its code. In the demo profile only."""

from typing import Any

from django.conf import settings

from portal import access, factors
from portal.models import RoleGrant, TotpDevice, User

PASSWORD = "demo supplier {role} 2026"  # noqa: S105 - public by design; a production profile never seeds


def shown() -> bool:
    """Whether this is the demo. Nowhere else does anything here say a word."""
    return bool(settings.DEMO)


def logins(realm: str) -> list[dict[str, Any]]:
    """The first account of each role: role, address, password and code. Empty outside the demo."""
    if not shown():
        return []
    grants = RoleGrant.objects.filter(user__realm=realm, user__is_active=True).order_by("role", "user_id")
    firsts = grants.distinct("role").select_related("user")
    order = list(access.ROLES)
    return [_login(grant) for grant in sorted(firsts, key=lambda grant: order.index(grant.role))]


def _login(grant: RoleGrant) -> dict[str, Any]:
    password = PASSWORD.format(role=grant.role)
    known = {"email": grant.user.email, "password": password, "code": code_of(grant.user)}
    return {"role": access.ROLES[grant.role], **known}


def code_of(user: User) -> str:
    """The code that the person's authenticator would show now. Nothing outside the demo."""
    if not shown():
        return ""
    device: TotpDevice | None = factors.authenticators(user).first()
    return factors.code_now(device.secret) if device else ""
