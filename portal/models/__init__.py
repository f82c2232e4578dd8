from portal.models.access_trail import AccessEntry, AccessReason, TrailQueue, TrailSeal
from portal.models.clinical import Diagnosis
from portal.models.contacts import Consent, ContactChange
from portal.models.documents import Document, Upload
from portal.models.exports import DataExport
from portal.models.factors import AccountMail, OneTimeSecret, RecoveryCode, TotpDevice
from portal.models.intake import FacilityStay, LookAlike, PatientMerge, Referral
from portal.models.orders import (
    Device,
    Order,
    OrderLine,
    OrderMilestone,
    Practitioner,
    Prescription,
    Product,
    Shipment,
    ShipmentEvent,
    ShipmentLine,
)
from portal.models.people import (
    Caregiver,
    Invitation,
    Patient,
    RoleGrant,
    SourceRecord,
    User,
    UserSession,
)
from portal.models.verification import (
    EmergencyAccess,
    LevelOpens,
    Verification,
    VerificationLock,
    VerificationRules,
)

__all__ = [
    "AccessEntry",
    "AccessReason",
    "AccountMail",
    "Caregiver",
    "Consent",
    "ContactChange",
    "DataExport",
    "Device",
    "Diagnosis",
    "Document",
    "EmergencyAccess",
    "FacilityStay",
    "Invitation",
    "LevelOpens",
    "LookAlike",
    "OneTimeSecret",
    "Order",
    "OrderLine",
    "OrderMilestone",
    "Patient",
    "PatientMerge",
    "Practitioner",
    "Prescription",
    "Product",
    "RecoveryCode",
    "Referral",
    "RoleGrant",
    "Shipment",
    "ShipmentEvent",
    "ShipmentLine",
    "SourceRecord",
    "TotpDevice",
    "TrailQueue",
    "TrailSeal",
    "Upload",
    "User",
    "UserSession",
    "Verification",
    "VerificationLock",
    "VerificationRules",
]
