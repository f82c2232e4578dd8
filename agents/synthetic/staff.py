"""The demo's accounts: one of each staff role, a patient and a caregiver, with passwords anybody may read."""

import hmac
from base64 import b32encode
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from agents.models import AgentPresence
from cases.models import Team
from portal.access import CUSTOMERS, PATIENT_REALM, STAFF_REALM
from portal.demo import PASSWORD
from portal.models import Caregiver, Patient, RoleGrant, User
from portal.models.factors import TotpDevice

NAMES = {
    "agent": "Alex Agent",
    "billing": "Bea Billing",
    "clinician": "Cleo Clinician",
    "lead": "Lee Lead",
    "supervisor": "Sam Supervisor",
    "coach": "Casey Coach",
    "qa": "Quinn Reviewer",
    "intake": "Indy Intake",
    "warehouse": "Wren Warehouse",
    "technician": "Toni Technician",
    "auditor": "Audrey Auditor",
    "administrator": "Ada Administrator",
}
MORE_AGENTS = ["Riley Agent", "Jordan Agent", "Morgan Agent", "Avery Agent"]
TEAMS_OF = {"agent": ["front", "delivery", "device"], "billing": ["billing"], "clinician": ["clinical"]}


def email(role: str) -> str:
    return f"{role}@demo.example"


def password(role: str) -> str:
    return PASSWORD.format(role=role)


def totp_secret(seed: str, role: str) -> str:
    """Base32, 20 bytes, the same for the same seed."""
    return b32encode(hmac.digest(b"demo authenticator", f"{seed}:{role}".encode(), "sha1")).decode()


def accounts(seed: str) -> list[dict[str, Any]]:
    """Every demo account: role, realm, e-mail, password and, for staff, the authenticator's secret."""
    return [
        {
            "role": role,
            "realm": PATIENT_REALM if role in CUSTOMERS else STAFF_REALM,
            "email": email(role),
            "password": password(role),
            "totp_secret": None if role in CUSTOMERS else totp_secret(seed, role),
        }
        for role in [*NAMES, "patient", "caregiver"]
    ]


def create_staff(seed: str) -> None:
    for role, name in NAMES.items():
        user = _user(STAFF_REALM, email(role), name, password(role), role)
        TotpDevice.objects.create(user=user, name="demo", secret=totp_secret(seed, role), confirmed=True)
        AgentPresence.objects.create(user=user)
        for code in TEAMS_OF.get(role, ["front"]):
            Team.objects.get(code=code).members.add(user)
    for number, name in enumerate(MORE_AGENTS, 2):
        _user(STAFF_REALM, f"agent{number}@demo.example", name, None, "agent")


def create_customers(patients: list[Patient]) -> None:
    """The first patient signs in; somebody else cares for the second one, deliveries only, as well."""
    first, second = patients[0], patients[1]
    first.user = _user(PATIENT_REALM, email("patient"), first.name, password("patient"), "patient")
    first.email = email("patient")
    first.save()
    carer = _user(PATIENT_REALM, email("caregiver"), "Kim Caregiver-Demo", password("caregiver"), "caregiver")
    for patient, scopes in ((first, ["everything"]), (second, ["deliveries"])):
        Caregiver.objects.create(
            patient=patient, user=carer, name=carer.display_name, relation="family", scopes=scopes
        )


def add_staff(account: str, name: str, role: str) -> User:
    """One more of a role, who does not sign in."""
    return _user(STAFF_REALM, f"{account}@demo.example", name, None, role)


def _ref(address: str) -> UUID:
    """The same for the same account, whenever it is loaded."""
    return uuid5(NAMESPACE_URL, f"mailto:{address}")


def _user(realm: str, address: str, name: str, secret: str | None, role: str) -> User:
    user = User(ref=_ref(address), realm=realm, email=address, display_name=name)
    user.set_password(secret) if secret else user.set_unusable_password()
    user.save()
    RoleGrant.objects.create(user=user, role=role)
    return user
