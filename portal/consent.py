"""What a patient allows on each channel for each topic. Each choice is a row; none is ever changed."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from portal import signals
from portal.access import require
from portal.models import Consent, Patient

# The portal itself needs no consent: what waits there is only seen by signing in.
CHANNELS = [(code, label) for code, label in Patient.CHANNELS if code != "portal"]
TOPICS: list[tuple[str, Any]] = list(Consent._meta.get_field("topic").flatchoices)

Choice = tuple[str, str]  # channel, topic


def standing(patient: Patient) -> dict[Choice, Consent]:
    """The latest word on each channel and topic the patient ever spoke about."""
    rows = Consent.objects.filter(patient=patient).order_by("channel", "topic", "-at", "-pk")
    return {(row.channel, row.topic): row for row in rows.distinct("channel", "topic")}


def allows(patient: Patient, channel: str, topic: str) -> bool:
    """Whether a notice on ``topic`` may go out on ``channel``. Silence is no."""
    if channel == "portal":
        return True
    row = standing(patient).get((channel, topic))
    return row is not None and row.granted


def refuses(patient: Patient, channel: str, topic: str) -> bool:
    """Whether the patient said no. Silence is none: an answer goes out where they wrote to us."""
    row = standing(patient).get((channel, topic))
    return row is not None and not row.granted


def choose(actor: Any, *, patient: Patient, choices: Mapping[Choice, bool], source: str = "portal") -> int:
    """Write down what changed of the patient's choices; how many rows that took."""
    require(actor, "portal.use" if source == "portal" else "patients.change", patient)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        known = standing(patient)
        changed = [choice for choice, wanted in choices.items() if _differs(known.get(choice), wanted)]
        for channel, topic in changed:
            _add(actor, patient, (channel, topic), choices[channel, topic], source)
        if changed:
            transaction.on_commit(lambda: _announce(patient.pk))
    return len(changed)


def stop(actor: Any, *, patient: Patient, channel: str) -> None:
    """STOP: nothing more goes out on ``channel``, whatever the topic, from this moment."""
    choose(actor, patient=patient, choices=_all(channel, False), source="stop")


def start(actor: Any, *, patient: Patient, channel: str) -> None:
    """START undoes a STOP: topics that were allowed when it came are allowed again, and no others."""
    known = standing(patient)
    stopped = {choice for choice, row in known.items() if row.channel == channel and row.source == "stop"}
    before = {choice: True for choice in stopped if _allowed_before_stop(patient, choice)}
    choose(actor, patient=patient, choices=before, source="start")


def _all(channel: str, granted: bool) -> dict[Choice, bool]:
    return {(channel, topic): granted for topic, _label in TOPICS}


def _differs(row: Consent | None, wanted: bool) -> bool:
    return wanted if row is None else row.granted != wanted


def _allowed_before_stop(patient: Patient, choice: Choice) -> bool:
    channel, topic = choice
    rows = Consent.objects.filter(patient=patient, channel=channel, topic=topic).exclude(source="stop")
    last = rows.order_by("-at", "-pk").first()
    return last is not None and last.granted


def _add(actor: Any, patient: Patient, choice: Choice, granted: bool, source: str) -> None:
    channel, topic = choice
    giver = actor if actor.pk else None
    Consent.objects.create(
        patient=patient, channel=channel, topic=topic, granted=granted, given_by=giver, source=source
    )


def _announce(patient_id: int) -> None:
    signals.patient_changed.send(sender=Consent, patient_id=patient_id, fields=["consent"])
