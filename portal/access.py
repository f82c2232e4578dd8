"""Who may do what: the one table of roles and permissions, and the two questions asked of it.

A permission is ``noun.verb``. Staff hold it by role; patients and caregivers hold theirs for their own
records alone, which ``visible_to`` on each queryset decides row by row. Every URL and socket is closed
unless it carries a ``door`` from here (config.security.middleware.ClosedDoors refuses the rest).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

PATIENT_REALM, STAFF_REALM = "patient", "staff"

ROLES = {
    "agent": _("Agent"),
    "billing": _("Billing specialist"),
    "clinician": _("Clinician"),
    "lead": _("Lead"),
    "supervisor": _("Supervisor"),
    "coach": _("Coach"),
    "qa": _("QA reviewer"),
    "intake": _("Intake"),
    "warehouse": _("Warehouse"),
    "technician": _("Technician"),
    "auditor": _("Auditor"),
    "administrator": _("Administrator"),
    "patient": _("Patient"),
    "caregiver": _("Caregiver"),
}
STAFF_ROLES = frozenset(ROLES) - {"patient", "caregiver"}
CUSTOMERS = frozenset({"patient", "caregiver"})

DESK = frozenset({"agent", "billing", "clinician", "lead", "supervisor", "intake"})
FLOOR = frozenset({"lead", "supervisor"})

PERMISSIONS: dict[str, frozenset[str]] = {
    # what any signed-in person may do with what is theirs
    "account.manage": frozenset(ROLES),
    "portal.use": CUSTOMERS,
    "caregivers.manage": frozenset({"patient"}),
    "my_data.export": frozenset({"patient"}),
    "uploads.create": CUSTOMERS | DESK,
    # the desk
    "console.use": DESK,
    "cases.view": DESK | {"qa", "coach", "auditor"},
    "cases.work": DESK,
    "cases.assign": DESK,
    "cases.assign_others": FLOOR,
    "cases.merge": DESK,
    "cases.bulk": DESK,
    "clocks.change": FLOOR,
    "cases.escalate": DESK,
    "pages.acknowledge": DESK,
    "verification.attempt": DESK,
    "break_glass.use": DESK,
    "break_glass.review": frozenset({"supervisor", "auditor"}),
    "playbooks.run": DESK,
    "macros.use": DESK,
    "intake.work": frozenset({"agent", "intake", "lead", "supervisor"}),
    "patients.merge": frozenset({"intake", "lead", "supervisor"}),
    "complaints.work": DESK | {"qa"},
    "downtime.print": DESK,
    "chat.serve": DESK,
    "chat.whisper": FLOOR | {"coach"},
    "patients.view": DESK | {"auditor"},
    "patients.search": DESK,
    "patients.change": DESK - {"clinician"},
    "patients.import": frozenset({"intake", "supervisor"}),
    "patients.unmask": DESK | {"auditor"},
    "orders.view": DESK | {"warehouse", "technician", "auditor"},
    "orders.change": DESK - {"clinician"},
    "shipments.change": FLOOR | {"warehouse"},
    "documents.view": DESK | {"auditor"},
    "documents.review": frozenset({"billing", "intake", "clinician", "lead", "supervisor"}),
    "coverage.view": frozenset({"agent", "billing", "intake", "lead", "supervisor", "auditor"}),
    # the floor and its workshop
    # the workshop's door; who is not among ``workshop.view`` sees there what they work on, and nothing else
    "admin.use": frozenset({"lead", "coach", "supervisor", "auditor", "administrator"}),
    "workshop.view": frozenset({"supervisor", "auditor", "administrator"}),
    "products.manage": frozenset({"supervisor", "administrator"}),
    "canned.manage": frozenset({"lead", "supervisor", "administrator"}),
    "cases.manage": frozenset({"supervisor"}),
    "clocks.manage": frozenset({"supervisor", "administrator"}),
    "rota.manage": frozenset({"lead", "supervisor", "administrator"}),
    "floor.manage": FLOOR,
    "playbooks.edit": frozenset({"lead", "supervisor", "coach"}),
    "playbooks.publish": frozenset({"supervisor"}),
    "verification.manage": frozenset({"supervisor", "administrator"}),
    "surveys.manage": frozenset({"supervisor", "coach"}),
    "announcements.manage": FLOOR,
    "incidents.manage": FLOOR,
    "users.view": frozenset({"supervisor", "administrator", "auditor"}),
    "users.invite": frozenset({"supervisor", "administrator", "intake"}),
    "users.manage": frozenset({"supervisor", "administrator"}),
    "users.end_sessions": frozenset({"supervisor", "administrator"}),
    "users.reset_factor": frozenset({"supervisor", "administrator"}),
    "trail.view": frozenset({"supervisor", "auditor", "administrator"}),
    "trail.export": frozenset({"supervisor", "auditor", "administrator"}),
    "records.export": frozenset({"supervisor"}),
    "records.unmask": frozenset({"supervisor", "auditor"}),
    "system.manage": frozenset({"administrator"}),
}


# Whom one may make what: nobody gives a role that stands as high as their own, but an administrator.
MAY_GRANT: dict[str, frozenset[str]] = {
    "administrator": frozenset(STAFF_ROLES),
    "supervisor": STAFF_ROLES - {"supervisor", "auditor", "administrator"},
}

# URL names that open to everybody. Each view is marked ``public`` as well; every other URL wants a door.
PUBLIC = frozenset(
    {
        "set_language",
        "healthz",
        "readyz",
        "metrics",
        "portal:sign-in",
        "portal:staff-sign-in",
        "portal:passkey-begin",
        "portal:passkey-complete",
        "portal:forgot-password",
        "portal:staff-forgot-password",
        "portal:new-password",
        "portal:confirm-email",
        "portal:invitation",
        "portal:register",
        "portal:register-code",
        "cases:chat-start",
        "cases:privacy",
        "cases:chat-frame",
        "cases:chat-widget",
        "cases:chat-messages",
        "cases:chat-close",
        "cases:chat-form",
        "cases:survey",
        "cases:chat-file",
        "cases:chat-upload",
        "cases:chat-uploads",
        "cases:chat-upload-chunk",
        "cases:chat-upload-finish",
        "agents:mail-in",
        "cases:sms-in",
        "cases:voice",
        "cases:voice-digits",
        "cases:voice-status",
    }
)


@dataclass(frozen=True)
class System:
    """The actor of what nobody asked for: a task, a webhook, the bot. ``name`` goes on the trail."""

    name: str
    pk: None = None
    is_authenticated: bool = True
    is_active: bool = True
    realm: str = "system"

    def role_names(self) -> frozenset[str]:
        return frozenset()


def allowed(actor: Any, permission: str, obj: Any = None) -> bool:
    """Whether ``actor`` (a User, a System or an anonymous user) holds ``permission`` (over ``obj``)."""
    holders = PERMISSIONS[permission]
    if isinstance(actor, System):
        return True
    if not getattr(actor, "is_authenticated", False) or not actor.is_active:
        return False
    if not actor.role_names() & holders:
        return False
    return obj is None or _within_reach(actor, obj)


def may_grant(actor: Any, role: str) -> bool:
    """Whether ``actor`` may give or take ``role``."""
    if isinstance(actor, System):
        return True
    return any(role in MAY_GRANT.get(held, ()) for held in actor.role_names())


def require(actor: Any, permission: str, obj: Any = None) -> None:
    """Raise PermissionDenied unless ``allowed``."""
    if not allowed(actor, permission, obj):
        raise PermissionDenied(permission)


def require_over(actor: Any, permission: str, user: Any) -> None:
    """Nobody changes their own rights, nor those of somebody who stands as high."""
    require(actor, permission)
    if actor.pk is not None and actor.pk == user.pk:
        raise PermissionDenied(permission)
    if user.realm == STAFF_REALM and not all(may_grant(actor, role) for role in user.role_names()):
        raise PermissionDenied(permission)


def _within_reach(actor: Any, obj: Any) -> bool:
    queryset = type(obj)._default_manager.all()
    if not hasattr(queryset, "visible_to"):
        return True
    return bool(queryset.visible_to(actor).filter(pk=obj.pk).exists())


@dataclass(frozen=True)
class Door:
    """What stands before a view: who may pass, and with which proofs."""

    permission: str | None
    realms: frozenset[str]
    step_up: bool = False
    factor: bool = True
    extends_session: bool = True


# Django admin's views carry no doors of ours: its whole namespace stands behind this one.
NAMESPACE_DOORS = {"admin": Door("admin.use", frozenset({STAFF_REALM}))}


View = TypeVar("View", bound=Callable[..., Any])


def door(
    permission: str | None,
    *,
    realm: str | Iterable[str] = (PATIENT_REALM, STAFF_REALM),
    step_up: bool = False,
    factor: bool = True,
    extends_session: bool = True,
) -> Callable[[View], View]:
    """Open a view to holders of ``permission`` in ``realm``. ``factor=False``: before the second factor."""
    realms = frozenset([realm] if isinstance(realm, str) else realm)
    rule = Door(permission, realms, step_up, factor, extends_session)

    def mark(view: View) -> View:
        view.door = rule  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Open a view to everybody. Its URL's name must also stand in PUBLIC."""
    view.door = None  # type: ignore[attr-defined]
    return view
