"""What patients bought, what was shipped to them and what stands in their homes."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from config.security import normal
from config.security.audit import AuditedQuerySet
from config.security.fields import BlindIndexField, EncryptedCharField, EncryptedTextField
from portal import access
from portal.models.people import Patient

PRODUCT_LINES = [
    ("cpap", _("Sleep therapy")),
    ("oxygen", _("Oxygen")),
    ("nebulizer", _("Nebulizer")),
    ("breast_pump", _("Breast pump")),
    ("mobility", _("Beds and mobility")),
]
CARRIERS = [("ups", "UPS"), ("fedex", "FedEx"), ("usps", "USPS"), ("own", _("Our own van"))]


class OfPatientQuerySet(AuditedQuerySet):
    """Rows that belong to a patient: seen by whoever may see the patient and holds ``permission``."""

    permission = "orders.view"
    patient_path = "patient"
    caregiver_scope = "deliveries"

    def visible_to(self, user: Any) -> "OfPatientQuerySet":
        if isinstance(user, access.System):
            return self
        if getattr(user, "realm", None) == access.STAFF_REALM:
            return self if access.allowed(user, self.permission) else self.none()
        return self.filter(**{f"{self.patient_path}__in": self._patients_of(user)})

    def _patients_of(self, user: Any) -> Any:
        if not access.allowed(user, "portal.use"):
            return Patient.objects.none()
        scope = Q(caregivers__scopes__contains=[self.caregiver_scope]) | Q(
            caregivers__scopes__contains=["everything"]
        )
        in_force = Q(caregivers__expires_at=None) | Q(caregivers__expires_at__gt=timezone.now())
        cared_for = Q(caregivers__user=user, caregivers__revoked_at=None) & scope & in_force
        return Patient.objects.filter(Q(user=user) | cared_for).values("pk")


class OfOrderQuerySet(OfPatientQuerySet):
    patient_path = "order__patient"


class PrescriptionQuerySet(OfPatientQuerySet):
    """A prescription names a diagnosis: seeing deliveries is not enough."""

    caregiver_scope = "everything"


class Practitioner(models.Model):
    """Somebody who orders equipment for patients."""

    npi = models.CharField(max_length=10, unique=True, null=True, blank=True)
    name = models.CharField(max_length=120)
    phone = models.CharField(max_length=24, blank=True)
    fax = models.CharField(max_length=24, blank=True)
    synthetic = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"practitioner {self.pk}"


class Product(models.Model):
    """Something in the catalogue: an item with its HCPCS code, price and terms."""

    CATEGORIES = [
        ("IN", _("Inexpensive or routinely purchased")),
        ("CR", _("Capped rental")),
        ("OX", _("Oxygen")),
        ("FS", _("Frequent servicing")),
        ("SU", _("Supplies")),
        ("NC", _("Not covered")),
    ]

    sku = models.CharField(max_length=24, unique=True)
    hcpcs = models.CharField(max_length=5, db_index=True)
    name = models.CharField(max_length=120)
    plain_name = models.CharField(max_length=120, help_text=_("In words a patient uses."))
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES)
    category = models.CharField(max_length=2, choices=CATEGORIES)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    rental_month_price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    warranty_months = models.PositiveSmallIntegerField(default=0)
    return_days = models.PositiveSmallIntegerField(default=30)
    restocking_percent = models.PositiveSmallIntegerField(default=0)
    consumable = models.BooleanField(default=False)
    serialized = models.BooleanField(default=False)
    life_sustaining = models.BooleanField(default=False)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["product_line", "hcpcs", "sku"]
        constraints = [
            models.CheckConstraint(
                condition=Q(restocking_percent__lte=20), name="restocking_fee_at_most_20_percent"
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_never_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


class Order(models.Model):
    """What a patient ordered or a practitioner ordered for them."""

    STATES = [
        ("draft", _("Draft")),
        ("open", _("Open")),
        ("held", _("On hold")),
        ("shipped", _("Shipped")),
        ("delivered", _("Delivered")),
        ("closed", _("Closed")),
        ("cancelled", _("Cancelled")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=16, unique=True)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="orders")
    practitioner = models.ForeignKey(
        Practitioner, null=True, blank=True, on_delete=models.PROTECT, related_name="orders"
    )
    state = models.CharField(max_length=10, choices=STATES, default="open", db_index=True)
    product_line = models.CharField(max_length=16, choices=PRODUCT_LINES)
    placed_at = models.DateTimeField(default=timezone.now)
    expected_ship_on = models.DateField(null=True, blank=True)
    expected_delivery_on = models.DateField(null=True, blank=True)
    hold_reason = models.CharField(max_length=60, blank=True)
    diagnosis_codes = EncryptedCharField(
        max_length=120, blank=True, help_text=_("ICD-10 codes, comma-separated.")
    )
    notes = EncryptedTextField(blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at"]
        indexes = [models.Index(fields=["patient", "-placed_at"], name="orders_of_patient")]

    def __str__(self) -> str:
        return f"order {self.number}"


class OrderLine(models.Model):
    """An item of an order. ``rental_month`` counts from 1 where the item is rented."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveSmallIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)
    modifiers = models.CharField(max_length=16, blank=True)
    rental_month = models.PositiveSmallIntegerField(null=True, blank=True)

    objects = OfOrderQuerySet.as_manager()

    def __str__(self) -> str:
        return f"order line {self.pk}"


class OrderMilestone(models.Model):
    """A step on the way of an order, with whoever has it in hand and by when."""

    STEPS = [
        ("prescription", _("Prescription")),
        ("insurance", _("Insurance check")),
        ("prior_auth", _("Prior authorization")),
        ("packing", _("Packing")),
        ("shipped", _("Shipped")),
        ("delivered", _("Delivered")),
        ("claim", _("Claim")),
        ("cost", _("Your cost")),
    ]
    STATES = [
        ("waiting", _("Waiting")),
        ("now", _("In progress")),
        ("done", _("Done")),
        ("not_needed", _("Not needed")),
    ]

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="milestones")
    step = models.CharField(max_length=12, choices=STEPS)
    state = models.CharField(max_length=10, choices=STATES, default="waiting")
    owner = EncryptedCharField(max_length=80, blank=True, help_text=_("Who has it in hand, in words."))
    started_at = models.DateTimeField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = OfOrderQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "step"], name="one_milestone_per_step")]

    def __str__(self) -> str:
        return f"milestone {self.pk}"


class Shipment(models.Model):
    """A parcel or a van's visit, with its tracking number and window."""

    STATES = [
        ("planned", _("Planned")),
        ("packed", _("Packed")),
        ("in_transit", _("On its way")),
        ("out_for_delivery", _("Out for delivery")),
        ("delivered", _("Delivered")),
        ("exception", _("Delayed")),
    ]

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="shipments")
    carrier = models.CharField(max_length=8, choices=CARRIERS)
    tracking_number = models.CharField(max_length=40, blank=True, db_index=True)
    state = models.CharField(max_length=16, choices=STATES, default="planned")
    shipped_on = models.DateField(null=True, blank=True)
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = OfOrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(window_start=None) | Q(window_end__gt=models.F("window_start")),
                name="window_ends_after_it_starts",
            )
        ]

    def __str__(self) -> str:
        return f"shipment {self.pk}"


class ShipmentLine(models.Model):
    """What of an order line is in a shipment, with serial and lot."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(OrderLine, on_delete=models.CASCADE, related_name="shipped")
    quantity = models.PositiveSmallIntegerField(default=1)
    serial_number = EncryptedCharField(max_length=40, blank=True)
    lot = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return f"shipment line {self.pk}"


class ShipmentEvent(models.Model):
    """What a carrier reported, normalised."""

    shipment = models.ForeignKey(Shipment, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    code = models.CharField(max_length=24)
    place = models.CharField(max_length=80, blank=True)
    external_id = models.CharField(max_length=80)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["shipment", "external_id"], name="one_row_per_carrier_event")
        ]

    def __str__(self) -> str:
        return f"shipment event {self.pk}"


class Device(models.Model):
    """A machine in somebody's home. The serial number is an identifier under HIPAA and is encrypted."""

    ref = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="devices")
    product = models.ForeignKey(
        Product, null=True, blank=True, on_delete=models.PROTECT, related_name="devices"
    )
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="devices")
    description = models.CharField(max_length=160, blank=True)
    serial_number = EncryptedCharField(max_length=80, blank=True)
    serial_index = BlindIndexField(source="serial_number", normalise=normal.member_id)
    lot = models.CharField(max_length=40, blank=True, db_index=True)
    delivered_on = models.DateField(null=True, blank=True)
    warranty_until = models.DateField(null=True, blank=True)
    rented = models.BooleanField(default=False)
    returned_on = models.DateField(null=True, blank=True)

    objects = OfPatientQuerySet.as_manager()

    class Meta:
        ordering = ["-delivered_on"]

    def __str__(self) -> str:
        return f"device {self.pk}"


class Prescription(models.Model):
    """What a practitioner ordered, from when to when, and for what diagnosis."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="prescriptions")
    practitioner = models.ForeignKey(
        Practitioner, null=True, blank=True, on_delete=models.PROTECT, related_name="prescriptions"
    )
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.SET_NULL, related_name="prescriptions"
    )
    document = models.ForeignKey(
        "portal.Document", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    hcpcs = models.CharField(max_length=5)
    diagnosis_codes = EncryptedCharField(max_length=120, blank=True)
    written_on = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    objects = PrescriptionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"prescription {self.pk}"
