"""Fills a run's database with people who are canaries, and says on standard output how to be one of them.

Run as a program: the test that starts it has another database.
"""

import json
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402 - the settings need Django up
from django.test import Client  # noqa: E402

from agents.synthetic import catalogue  # noqa: E402
from portal.models import Patient, Product  # noqa: E402
from tests import factories  # noqa: E402
from tests.guards import canaries  # noqa: E402
from tests.people import signed_in  # noqa: E402


def main() -> None:
    Product.objects.bulk_create(catalogue.products())
    patient = _patient("chart", user=_user("sign in"))
    stranger = _patient("stranger")
    order = factories.OrderFactory(patient=patient, notes=canaries.word("order notes"))
    factories.OrderLineFactory(order=order)
    factories.ShipmentFactory(order=order)
    factories.DeviceFactory(patient=patient, serial_number=canaries.word("serial number"))
    factories.CoverageFactory(patient=patient, member_id=canaries.MEMBER_ID)
    reason = factories.ReasonFactory(code="canary-reason", offered=True)
    staff = {role: factories.UserFactory(roles=[role]) for role in ("agent", "supervisor", "auditor")}
    cookies = {role: _cookie(signed_in(user)) for role, user in staff.items()}
    cookies["patient"] = _cookie(signed_in(patient.user))
    told = {"patient": str(patient.ref), "pk": patient.pk, "account": patient.account_number}
    told |= {"stranger": stranger.account_number, "order": str(order.ref), "order_number": order.number}
    told |= {"order_pk": order.pk, "reason": reason.code, "cookie_name": settings.SESSION_COOKIE_NAME}
    print(json.dumps(told | {"csrf_name": settings.CSRF_COOKIE_NAME, "cookies": cookies}))


def _user(way: str) -> Any:
    user = factories.patient_user(email=canaries.address(way), display_name=canaries.word("display name"))
    return factories.with_password(user)


def _patient(way: str, **more: Any) -> Patient:
    return factories.PatientFactory(
        first_name=canaries.word(f"{way} first name"),
        last_name=canaries.word(f"{way} last name"),
        birth_date=canaries.BIRTH_DATE,
        email=canaries.address(way),
        phone=canaries.PHONE,
        address_line1=canaries.word(f"{way} street"),
        city=canaries.word(f"{way} city"),
        **more,
    )


def _cookie(client: Client) -> str:
    return client.cookies[settings.SESSION_COOKIE_NAME].value


if __name__ == "__main__":
    main()
