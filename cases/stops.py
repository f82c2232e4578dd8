"""Numbers that said STOP while no patient has them on file: nothing is texted to them until they say START.

A patient's own word is a consent of theirs (portal.consent). These are kept as digests, beside the ids of what came in.
"""

from django.db import models

from cases.models import Inbound
from config.security import crypto

PURPOSE = "stopped-numbers"


def keep(number: str) -> None:
    Inbound.objects.get_or_create(channel="sms", external_id=_mark(number))


def lift(number: str) -> None:
    _rows(number).delete()


def stands(number: str) -> bool:
    return bool(_rows(number).exists())


def _rows(number: str) -> "models.QuerySet[Inbound]":
    marks = [_mark(number, key_id) for key_id in crypto.ring().ids]
    return Inbound.objects.filter(channel="sms", external_id__in=marks)


def _mark(number: str, key_id: str | None = None) -> str:
    return "stop:" + crypto.mac(PURPOSE, number.encode(), key_id).hex()
