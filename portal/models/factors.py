"""What people prove themselves with beside a password, and the one-time secrets sent to them.

Passkeys stand in the tables of django-otp-webauthn. All of them are devices of django-otp.
"""

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device

from config.security.fields import EncryptedCharField, EncryptedEmailField
from portal.models.people import LANGUAGES, Invitation, Patient, User


class TotpDevice(Device):
    """An authenticator app. Its secret is sealed; a code is good once."""

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    secret = EncryptedCharField(max_length=64)
    last_step = models.BigIntegerField(default=0, help_text=_("Time step of the last code accepted."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"authenticator {self.pk}"


class RecoveryCode(Device):
    """A printed code that stands in for a lost factor, once. ``label`` is its first, public group."""

    label = models.CharField(max_length=8)
    code_hash = models.CharField(max_length=128)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "label"], name="one_recovery_code_per_label")]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class OneTimeSecret(models.Model):
    """A link or a code sent to a contact on file: for one purpose, one person, once, and not for long."""

    PURPOSES = [
        ("reset", _("New password")),
        ("enrolment", _("New factor")),
        ("registration", _("Registration")),
        ("email", _("New e-mail address")),
        ("portal_code", _("Code for an agent")),
        ("verify", _("Code sent to a caller")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    purpose = models.CharField(max_length=12, choices=PURPOSES)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE, related_name="secrets")
    patient = models.ForeignKey(
        Patient, null=True, blank=True, on_delete=models.CASCADE, related_name="secrets"
    )
    digest = models.CharField(max_length=64, null=True, unique=True)
    new_email = EncryptedEmailField(blank=True)
    bound_to = models.CharField(max_length=80, blank=True, help_text=_("The one purpose it was sent for."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["user", "purpose"], name="secrets_of_user")]

    def __str__(self) -> str:
        return f"one-time secret {self.pk}"


class AccountMail(models.Model):
    """A letter or a text about somebody's account, waiting to be sent. The secret it carries is made when it goes."""

    VIAS = [("email", _("E-mail")), ("sms", _("Text message"))]

    via = models.CharField(max_length=5, choices=VIAS, default="email")
    to = EncryptedCharField(max_length=254, blank=True)
    kind = models.CharField(max_length=24)
    language = models.CharField(max_length=2, choices=LANGUAGES, default="en")
    realm = models.CharField(max_length=8, choices=User.REALMS)
    secret = models.ForeignKey(
        OneTimeSecret, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    invitation = models.ForeignKey(
        Invitation, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["created_at"], condition=models.Q(sent_at=None), name="mail_to_send")]

    def __str__(self) -> str:
        return f"account mail {self.pk}"
