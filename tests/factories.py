"""Rows for tests, as small as a test needs them. Names, numbers and addresses are invented."""

import uuid
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from billing.models import Coverage, Payer
from cases.models import Case, Conversation, Message, MessageAttachment, Reason, Team
from config.business_day import business_day
from portal.models import (
    Caregiver,
    ContactChange,
    DataExport,
    Device,
    Document,
    Order,
    OrderLine,
    OrderMilestone,
    Patient,
    Practitioner,
    Prescription,
    Product,
    RoleGrant,
    Shipment,
    ShipmentEvent,
    User,
    Verification,
)

PASSWORD = "correct horse battery staple"  # of the tests' own people


class UserFactory(DjangoModelFactory):
    """``UserFactory(roles=["agent"])``: staff by default, with a usable password."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    realm = "staff"
    email = factory.Sequence(lambda n: f"person{n}@example.org")
    display_name = factory.Sequence(lambda n: f"Robin Tester{n}")
    password = "!"  # none: with_password() sets one

    @factory.post_generation
    def roles(self: User, create: bool, extracted: Any, **_: Any) -> None:
        for role in extracted or ():
            RoleGrant.objects.create(user=self, role=role)


class PatientUserFactory(UserFactory):
    realm = "patient"
    email = factory.Sequence(lambda n: f"patient{n}@example.org")
    display_name = factory.Sequence(lambda n: f"Pat Tester{n}")


def with_password(user: User, password: str = PASSWORD) -> User:
    user.set_password(password)
    user.save()
    return user


class PatientFactory(DjangoModelFactory):
    """A patient without a sign-in of their own; ``PatientFactory(user=patient_user())`` has one."""

    class Meta:
        model = Patient

    account_number = factory.Sequence(lambda n: f"A{n:07d}")
    first_name = factory.Sequence(lambda n: f"Marisol{n}")
    last_name = "Testperson"
    birth_date = date(1961, 4, 12)
    ssn_last4 = "4321"
    email = factory.Sequence(lambda n: f"marisol{n}@example.org")
    phone = "+15125550143"
    address_line1 = "12 Sample Street"
    city = "Austin"
    state = "TX"
    postal_code = "78701"
    synthetic = True


def patient_user(**kwargs: Any) -> User:
    return PatientUserFactory(roles=["patient"], **kwargs)


def patient_with_user(**kwargs: Any) -> Patient:
    return PatientFactory(user=patient_user(), **kwargs)


def caregiver_of(patient: Patient, *scopes: str, **kwargs: Any) -> Caregiver:
    """Somebody with a sign-in who may act for ``patient`` (deliveries, billing, everything)."""
    return CaregiverFactory(patient=patient, scopes=list(scopes) or ["everything"], **kwargs)


class CaregiverFactory(DjangoModelFactory):
    class Meta:
        model = Caregiver

    patient = factory.SubFactory(PatientFactory)
    user = factory.LazyFunction(lambda: PatientUserFactory(roles=["caregiver"]))
    name = "Casey Helper"
    relation = "daughter"
    scopes = ["everything"]
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))


class PractitionerFactory(DjangoModelFactory):
    class Meta:
        model = Practitioner

    npi = factory.Sequence(lambda n: f"{1000000000 + n}")
    name = "Dr Lee"


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    sku = factory.Sequence(lambda n: f"CPAP-{n}")
    hcpcs = "E0601"
    name = "Continuous positive airway pressure device"
    plain_name = "CPAP machine"
    product_line = "cpap"
    category = "CR"
    price = Decimal("892.50")
    warranty_months = 24
    serialized = True


class OrderFactory(DjangoModelFactory):
    class Meta:
        model = Order

    number = factory.Sequence(lambda n: f"SO-{100000 + n}")
    patient = factory.SubFactory(PatientFactory)
    practitioner = factory.SubFactory(PractitionerFactory)
    product_line = "cpap"


class OrderLineFactory(DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderFactory)
    product = factory.SubFactory(ProductFactory)
    unit_price = Decimal("892.50")


class OrderMilestoneFactory(DjangoModelFactory):
    class Meta:
        model = OrderMilestone

    order = factory.SubFactory(OrderFactory)
    step = "prescription"


class ShipmentFactory(DjangoModelFactory):
    class Meta:
        model = Shipment

    order = factory.SubFactory(OrderFactory)
    carrier = "ups"
    tracking_number = "1Z999AA10123456784"
    state = "in_transit"
    shipped_on = factory.LazyFunction(lambda: business_day() - timedelta(days=1))
    window_start = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))
    window_end = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1, hours=4))


class ShipmentEventFactory(DjangoModelFactory):
    class Meta:
        model = ShipmentEvent

    shipment = factory.SubFactory(ShipmentFactory)
    at = factory.LazyFunction(timezone.now)
    code = "in_transit"
    external_id = factory.Sequence(lambda n: f"event-{n}")


class DeviceFactory(DjangoModelFactory):
    class Meta:
        model = Device

    patient = factory.SubFactory(PatientFactory)
    product = factory.SubFactory(ProductFactory)
    serial_number = factory.Sequence(lambda n: f"SN{n:08d}")
    delivered_on = factory.LazyFunction(lambda: business_day() - timedelta(days=30))


class PrescriptionFactory(DjangoModelFactory):
    class Meta:
        model = Prescription

    patient = factory.SubFactory(PatientFactory)
    practitioner = factory.SubFactory(PractitionerFactory)
    hcpcs = "E0601"
    diagnosis_codes = "G47.33"
    written_on = date(2026, 9, 1)


class DocumentFactory(DjangoModelFactory):
    """A document's row without a file in the vault."""

    class Meta:
        model = Document

    patient = factory.SubFactory(PatientFactory)
    kind = "insurance_card_front"
    filename = "card.jpg"
    content_type = "image/jpeg"
    size = 1024
    state = "ready"
    virus_checked = True
    uploaded_by = factory.LazyAttribute(lambda it: it.patient.user if it.patient else None)


class PayerFactory(DjangoModelFactory):
    class Meta:
        model = Payer

    payer_id = factory.Sequence(lambda n: f"P{n:05d}")
    name = "Sample Health Plan"
    payer_class = "commercial"


class CoverageFactory(DjangoModelFactory):
    class Meta:
        model = Coverage

    patient = factory.SubFactory(PatientFactory)
    payer = factory.SubFactory(PayerFactory)
    member_id = factory.Sequence(lambda n: f"W{n:09d}")
    plan_name = "Choice PPO"


class TeamFactory(DjangoModelFactory):
    class Meta:
        model = Team

    code = factory.Sequence(lambda n: f"team-{n}")
    name = "Front desk"


class ReasonFactory(DjangoModelFactory):
    class Meta:
        model = Reason

    code = factory.Sequence(lambda n: f"order-status-{n}")
    family = "delivery"
    label = "Order status"
    customer_label = "Where is my order?"
    customer_label_es = "¿Dónde está mi pedido?"


class CaseFactory(DjangoModelFactory):
    class Meta:
        model = Case

    number = factory.Sequence(lambda n: f"C-{100000 + n}")
    patient = factory.SubFactory(PatientFactory)
    channel = "portal"
    subject = "Where is my order?"


class ConversationFactory(DjangoModelFactory):
    class Meta:
        model = Conversation

    channel = "portal"
    patient = factory.SubFactory(PatientFactory)
    customer = factory.LazyAttribute(lambda it: it.patient.user if it.patient else None)
    subject = "Where is my order?"
    last_message_at = factory.LazyFunction(timezone.now)


def message_in(
    conversation: Conversation, body: str = "Hello", *, role: str = "agent", **kwargs: Any
) -> Message:
    """The next message of a conversation, numbered as the writer would number it."""
    staff_only = kwargs.get("kind") in {"note", "whisper"}
    conversation.refresh_from_db()
    counter = "last_staff_seq" if staff_only else "last_seq"
    number = getattr(conversation, counter) + 1
    setattr(conversation, counter, number)
    conversation.last_message_at = timezone.now()
    conversation.save()
    return Message.objects.create(
        conversation=conversation,
        seq=None if staff_only else number,
        staff_seq=number if staff_only else None,
        body=body,
        author_role=role,
        author_key=kwargs.pop("author_key", "system"),
        author_name=kwargs.pop("author_name", "Robin"),
        client_id=kwargs.pop("client_id", uuid.uuid4()),
        **kwargs,
    )


def attach(message: Message, document: Document) -> MessageAttachment:
    return MessageAttachment.objects.create(message=message, document=document)


def verified(agent: User, case: Case, level: int = 2, **kwargs: Any) -> Verification:
    """Whoever is on the line of ``case`` was verified by ``agent``, for half an hour."""
    known = {"how": "portal_code" if level == 2 else "identifiers", "passed": True, "level": level}
    until = timezone.now() + timedelta(minutes=30)
    return Verification.objects.create(
        patient=case.patient, purpose=f"case:{case.pk}", agent=agent, expires_at=until, **known | kwargs
    )


class DataExportFactory(DjangoModelFactory):
    class Meta:
        model = DataExport

    patient = factory.SubFactory(PatientFactory)
    state = "expired"


class ContactChangeFactory(DjangoModelFactory):
    class Meta:
        model = ContactChange

    patient = factory.SubFactory(PatientFactory)
    field = "email"
    old_value = "old@example.org"
    new_value = "new@example.org"
