"""What of the portal the access trail watches, and whose record each row belongs to."""

from typing import Any

from django_otp_webauthn.models import WebAuthnCredential

from config.security import audit
from portal import models as m

ABOUT_A_PATIENT = {
    m.Patient: "pk",
    m.PatientMerge: "kept",
    m.Referral: "patient",
    m.Caregiver: "patient",
    m.Consent: "patient",
    m.ContactChange: "patient",
    m.DataExport: "patient",
    m.Device: "patient",
    m.Diagnosis: "patient",
    m.Document: "patient",
    m.EmergencyAccess: "patient",
    m.FacilityStay: "patient",
    m.LookAlike: "first",
    m.Invitation: "patient",
    m.OneTimeSecret: "patient",
    m.Order: "patient",
    m.OrderLine: "order__patient",
    m.OrderMilestone: "order__patient",
    m.Prescription: "patient",
    m.Shipment: "order__patient",
    m.ShipmentEvent: "shipment__order__patient",
    m.ShipmentLine: "shipment__order__patient",
    m.Upload: "patient",
    m.Verification: "patient",
    m.VerificationLock: "patient",
}
ABOUT_RIGHTS_AND_RULES: tuple[type[Any], ...] = (
    m.User,
    m.RoleGrant,
    m.TotpDevice,
    m.RecoveryCode,
    WebAuthnCredential,
)
ABOUT_RIGHTS_AND_RULES += (m.LevelOpens, m.Practitioner, m.Product, m.VerificationRules)
QUIET = {
    m.User: ("last_login",),
    m.Upload: ("received",),
    m.Document: ("attempts", "changed_at"),
    m.DataExport: ("percent",),
    m.OneTimeSecret: ("tries",),
    m.Invitation: ("tries",),
    m.TotpDevice: ("last_step", "last_used_at", "throttling_failure_timestamp", "throttling_failure_count"),
    m.RecoveryCode: ("throttling_failure_timestamp", "throttling_failure_count"),
    WebAuthnCredential: ("sign_count", "last_used_at"),
}
EXEMPT = {
    m.UserSession: "Sign-in and sign-out are entries of their own; a session is a clock of idle time.",
    m.AccountMail: "A mail on its way out; what it announces is watched.",
    m.SourceRecord: "Digests that tell whether a record was imported before.",
}

for model, path in ABOUT_A_PATIENT.items():
    audit.register(model, subject=path, quiet=QUIET.get(model, ()))
for model in ABOUT_RIGHTS_AND_RULES:
    audit.register(model, mask=("password", "code_hash", "public_key"), quiet=QUIET.get(model, ()))
audit.EXEMPT.update({model._meta.label: reason for model, reason in EXEMPT.items()})
