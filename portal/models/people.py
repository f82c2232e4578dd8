"""People: whoever signs in, the patients of the supplier, and who may act for them."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from config.security import normal
from config.security.audit import AuditedQuerySet
from config.security.fields import (
    BlindIndexField,
    EncryptedCharField,
    EncryptedDateField,
    EncryptedEmailField,
    SearchTokensField,
)
from config.security.likeness import LikenessField
from portal import access

LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]


class UserManager(BaseUserManager.from_queryset(AuditedQuerySet)):  # type: ignore[misc]
    def by_email(self, email: str, realm: str) -> "User | None":
        found: User | None = self.filter(email_index__matches=email, realm=realm).first()
        return found

    def holding(self, roles: Iterable[str]) -> "models.QuerySet[User]":
        """Staff whose account is open and who hold one of ``roles`` now, each once."""
        in_force = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        held = RoleGrant.objects.filter(in_force, role__in=roles).values("user")
        found: models.QuerySet[User] = self.filter(realm=access.STAFF_REALM, is_active=True, pk__in=held)
        return found.order_by("pk")

    def get_by_natural_key(self, username: str | None) -> "User":
        found: User = self.get(ref=username)
        return found


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]
    """Somebody who signs in, in one of two realms. Deactivated when they leave, never deleted."""

    REALMS = [(access.PATIENT_REALM, _("Patient")), (access.STAFF_REALM, _("Staff"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    realm = models.CharField(max_length=8, choices=REALMS)
    email = EncryptedEmailField()
    email_index = BlindIndexField(source="email", normalise=normal.email)
    display_name = EncryptedCharField(max_length=120, blank=True)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deactivated_at = models.DateTimeField(null=True, blank=True)
    password_changed_at = models.DateTimeField(null=True, blank=True)
    must_enrol_factor_by = models.DateTimeField(null=True, blank=True)

    objects = UserManager()
    USERNAME_FIELD = "ref"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["realm", "email_index"], name="one_account_per_email_and_realm")
        ]

    def __str__(self) -> str:
        return f"{self.realm} user {self.pk}"

    @cached_property
    def _roles(self) -> frozenset[str]:
        grants = self.role_grants.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        roles = set(grants.values_list("role", flat=True))
        if self.realm == access.PATIENT_REALM:
            roles &= access.CUSTOMERS
        return frozenset(roles)

    def role_names(self) -> frozenset[str]:
        """Names of the roles in force, read once per object."""
        return self._roles

    @property
    def is_staff(self) -> bool:
        """Whether Django admin lets this person in (the factor is asked for at its door)."""
        return self.realm == access.STAFF_REALM and access.allowed(self, "admin.use")

    @property
    def is_superuser(self) -> bool:
        return False

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Django's own permission names are never granted: admin classes ask portal.access instead."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_staff


class RoleGrant(models.Model):
    """A role somebody holds, since when, by whose word and until when."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=16, choices=list(access.ROLES.items()))
    granted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "role"], name="one_grant_per_role")]

    def __str__(self) -> str:
        return f"role grant {self.pk}"


class UserSession(models.Model):
    """A session of somebody's: listed for them, ended by them, and the clock of its idle time."""

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="user_sessions")
    key_digest = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    factor_at = models.DateTimeField(null=True, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True, help_text=_("Last password or factor given."))
    remote_addr = models.GenericIPAddressField(null=True, blank=True)
    device = models.CharField(max_length=80, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=24, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user"], condition=Q(ended_at=None), name="live_sessions_of_user")]

    def __str__(self) -> str:
        return f"session {self.pk}"


class PatientQuerySet(AuditedQuerySet):
    def visible_to(self, user: Any) -> "PatientQuerySet":
        """Rows ``user`` may open: their own, those they care for, or all for staff who may view patients."""
        if isinstance(user, access.System):
            return self
        if getattr(user, "realm", None) == access.STAFF_REALM:
            return self if access.allowed(user, "patients.view") else self.none()
        if not access.allowed(user, "portal.use"):
            return self.none()
        cared_for = Caregiver.objects.in_force().filter(user=user).values("patient")
        return self.filter(Q(user=user) | Q(pk__in=cared_for))

    def in_force(self) -> "PatientQuerySet":
        """Without the records that were folded into another."""
        return self.filter(merged_into=None)


class Patient(models.Model):
    """A person the supplier serves. Everything that tells who they are is encrypted."""

    TIERS = [
        ("standard", _("Standard")),
        ("priority", _("Priority")),
        ("life_sustaining", _("On life-sustaining equipment")),
    ]
    SEX = [("F", _("Female")), ("M", _("Male")), ("U", _("Unknown"))]
    CHANNELS = [
        ("portal", _("Portal")),
        ("sms", _("Text message")),
        ("email", _("E-mail")),
        ("phone", _("Phone")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account_number = models.CharField(max_length=16, unique=True)
    user = models.OneToOneField(User, null=True, blank=True, on_delete=models.PROTECT, related_name="patient")
    first_name = EncryptedCharField(max_length=60)
    last_name = EncryptedCharField(max_length=60)
    birth_date = EncryptedDateField()
    sex = models.CharField(max_length=1, choices=SEX, default="U")
    ssn_last4 = EncryptedCharField(max_length=4, blank=True)
    email = EncryptedEmailField(blank=True)
    phone = EncryptedCharField(max_length=24, blank=True)
    address_line1 = EncryptedCharField(max_length=120, blank=True)
    address_line2 = EncryptedCharField(max_length=120, blank=True)
    city = EncryptedCharField(max_length=60, blank=True)
    state = models.CharField(max_length=2, blank=True)
    postal_code = EncryptedCharField(max_length=10, blank=True)
    email_index = BlindIndexField(source="email", normalise=normal.email)
    phone_index = BlindIndexField(source="phone", normalise=normal.phone)
    identity_index = BlindIndexField(
        source="identity", follows=("last_name", "birth_date"), normalise=normal.identity
    )
    name_tokens = SearchTokensField(sources=("first_name", "last_name"))
    likeness = LikenessField(sources=("first_name", "last_name", "birth_date"))
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    time_zone = models.CharField(max_length=40, default="America/Chicago")
    preferred_channel = models.CharField(max_length=8, choices=CHANNELS, default="portal")
    tier = models.CharField(max_length=16, choices=TIERS, default="standard")
    interpreter = models.CharField(
        max_length=40, blank=True, help_text=_("The language an interpreter is needed for.")
    )
    tty = models.BooleanField(default=False, help_text=_("Calls go by TTY or relay."))
    deceased_on = EncryptedDateField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged"
    )
    email_since = models.DateTimeField(null=True, editable=False)
    phone_since = models.DateTimeField(null=True, editable=False)
    address_since = models.DateTimeField(
        null=True, editable=False, help_text=_("Since when it is unchanged; empty: since the record began.")
    )
    synthetic = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PatientQuerySet.as_manager()
    ADDRESS = ("address_line1", "address_line2", "city", "state", "postal_code")

    class Meta:
        indexes = [
            GinIndex(fields=["name_tokens"], name="patients_by_name"),
            GinIndex(fields=["likeness"], name="patients_by_likeness"),
        ]

    def __str__(self) -> str:
        return f"patient {self.account_number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever changes a contact, and by whatever way, sets its clock anew."""
        if not self._state.adding and (changed := self._changed_contacts(kwargs.get("update_fields"))):
            for name in changed:
                setattr(self, f"{name}_since", timezone.now())
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], *(f"{name}_since" for name in changed)}
        super().save(*args, **kwargs)

    @property
    def in_force(self) -> "Patient":
        """The record this one was folded into, however often; itself where it was not."""
        return self if self.merged_into is None else self.merged_into.in_force

    def with_folded(self) -> list[int]:
        """Ids of this record and of all that were folded into it."""
        ids, latest = [self.pk], [self.pk]
        while latest:
            latest = list(Patient.objects.filter(merged_into__in=latest).values_list("pk", flat=True))
            ids += latest
        return ids

    def _changed_contacts(self, written: Any) -> list[str]:
        parts = {"email": ("email",), "phone": ("phone",), "address": self.ADDRESS}
        touched = {
            name: group for name, group in parts.items() if written is None or set(group) & set(written)
        }
        stored = type(self).objects.filter(pk=self.pk).only("email", "phone", *self.ADDRESS).first()
        if not touched or stored is None:
            return []
        return [
            name
            for name, group in touched.items()
            if any(getattr(stored, part) != getattr(self, part) for part in group)
        ]

    @property
    def identity(self) -> str:
        """Last name and birth date together: the one look-up by birth date there is."""
        return f"{self.last_name}|{self.birth_date}"

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def initials(self) -> str:
        return f"{self.first_name[:1]}{self.last_name[:1]}".upper()


class SourceRecord(models.Model):
    """Where an imported record came from, so that the same one imported again changes it and adds none.

    ``object_label`` is the model (``portal.patient``) and ``object_pk`` the row it became.
    """

    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.CASCADE, related_name="sources"
    )
    system = models.CharField(max_length=120)
    kind = models.CharField(max_length=40)
    key = EncryptedCharField(max_length=160)
    key_index = BlindIndexField(source="key", normalise=str)
    object_label = models.CharField(max_length=60)
    object_pk = models.BigIntegerField()

    objects = AuditedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "kind", "key_index"], name="one_row_per_source_record")
        ]

    def __str__(self) -> str:
        return f"source record {self.pk}"


class CaregiverQuerySet(AuditedQuerySet):
    def in_force(self) -> "CaregiverQuerySet":
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None, user__isnull=False
        )

    def visible_to(self, user: Any) -> "CaregiverQuerySet":
        return self.filter(Q(patient__in=Patient.objects.visible_to(user)) | Q(user=user))


class Caregiver(models.Model):
    """Somebody a patient lets act for them, for what and until when."""

    SCOPES = [("deliveries", _("Deliveries")), ("billing", _("Billing")), ("everything", _("Everything"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="caregivers")
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="cares_for")
    name = EncryptedCharField(max_length=120)
    relation = EncryptedCharField(max_length=40, blank=True)
    scopes = ArrayField(models.CharField(max_length=12, choices=SCOPES), default=list)
    invited_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = CaregiverQuerySet.as_manager()

    def __str__(self) -> str:
        return f"caregiver {self.pk}"

    def may(self, scope: str) -> bool:
        """Whether the scope covers ``scope`` (deliveries, billing, everything)."""
        return "everything" in self.scopes or scope in self.scopes

    @property
    def scope_names(self) -> list[str]:
        """What they may see and discuss, in words."""
        return [str(label) for scope, label in self.SCOPES if scope in self.scopes]


class Invitation(models.Model):
    """A single-use, expiring way in, bound to its purpose. Only the digest of its token is kept."""

    KINDS = [("patient", _("Patient")), ("caregiver", _("Caregiver")), ("staff", _("Staff"))]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=KINDS)
    token_digest = models.CharField(max_length=64, unique=True)
    email = EncryptedEmailField()
    name = EncryptedCharField(max_length=120, blank=True)
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    caregiver = models.ForeignKey(
        Caregiver, null=True, blank=True, on_delete=models.CASCADE, related_name="invitations"
    )
    roles = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    invited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"invitation {self.pk}"
