"""What every template may know about the supplier."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "supplier_name": settings.SUPPLIER_NAME,
        "supplier_phone": settings.SUPPLIER_PHONE,
        "demo": settings.DEMO,
        "idle_seconds": settings.IDLE_SECONDS,
        "idle_warning_seconds": settings.IDLE_WARNING_SECONDS,
    }
