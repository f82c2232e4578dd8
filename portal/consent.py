"""What a patient allows on each channel for each topic. Each choice is a row; none is ever changed."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from portal import signals
from portal.access import require
from portal.models import Consent, Patient

# The portal itself needs no consent: what waits there is only seen by signing in.
CHANNELS = [(code, label) for code, label in Patient.CHANNELS if code != "portal"]
TOPICS: list[tuple[str, Any]] = list(Consent._meta.get_field("topic").flatchoices)

Choice = tuple[str, str]  # channel, topic
DEATH = "deceased"  # the source of rows that a death adds
SILENT_AGAIN = "start"  # the source of rows that a START adds; one that grants nothing is silence


def standing(patient: Patient) -> dict[Choice, Consent]:
    """The latest word on each channel and topic the patient ever spoke about."""
    rows = Consent.objects.filter(patient=patient).order_by("channel", "topic", "-at", "-pk")
    return {(row.channel, row.topic): row for row in rows.distinct("channel", "topic")}


def allows(patient: Patient, channel: str, topic: str) -> bool:
    """Whether a notice on ``topic`` may go out on ``channel``. Silence is no."""
    return channel == "portal" or _word(standing(patient).get((channel, topic))) is True


def refuses(patient: Patient, channel: str, topic: str) -> bool:
    """Whether the patient said no. Silence is none: an answer goes out where they wrote to us."""
    return _word(standing(patient).get((channel, topic))) is False


def choose(actor: Any, *, patient: Patient, choices: Mapping[Choice, bool], source: str = "portal") -> int:
    """Write down what changed of the patient's choices; how many rows that took."""
    require(actor, "portal.use" if source == "portal" else "patients.change", patient)

    def changed(known: Mapping[Choice, Consent]) -> dict[Choice, bool]:
        return {choice: wanted for choice, wanted in choices.items() if _differs(known.get(choice), wanted)}

    return _write(actor, patient, changed, source)


def stop(actor: Any, *, patient: Patient, channel: str) -> None:
    """STOP: nothing more goes out on ``channel``, whatever the topic and whoever never spoke about it."""
    require(actor, "patients.change", patient)

    def open_still(known: Mapping[Choice, Consent]) -> dict[Choice, bool]:
        every = [(channel, topic) for topic, _label in TOPICS]
        return {choice: False for choice in every if _word(known.get(choice)) is not False}

    _write(actor, patient, open_still, "stop")


def start(actor: Any, *, patient: Patient, channel: str) -> None:
    """START undoes a STOP: each topic is again as it was when that came: allowed, or never spoken about."""
    require(actor, "patients.change", patient)

    def stopped(known: Mapping[Choice, Consent]) -> dict[Choice, bool]:
        rows = {choice: row for choice, row in known.items() if choice[0] == channel and row.source == "stop"}
        return {choice: _allowed_before_stop(patient, choice) for choice in rows}

    _write(actor, patient, stopped, SILENT_AGAIN)


def again_alive(actor: Any, *, patient: Patient) -> None:
    """A death was written down in error: each topic is again as it was when that came."""
    require(actor, "patients.merge", patient)

    def ended(known: Mapping[Choice, Consent]) -> dict[Choice, bool]:
        words = {
            choice: _word(_last_but(patient, choice, DEATH))
            for choice, row in known.items()
            if row.source == DEATH
        }
        return {choice: bool(word) for choice, word in words.items() if word is not False}

    _write(actor, patient, ended, SILENT_AGAIN)


def _word(row: Consent | None) -> bool | None:
    """Yes, no, or None where the patient never spoke, or took their STOP back and had not before."""
    if row is None or (row.source == SILENT_AGAIN and not row.granted):
        return None
    return row.granted


def _differs(row: Consent | None, wanted: bool) -> bool:
    word = _word(row)
    return wanted if word is None else word != wanted


def _allowed_before_stop(patient: Patient, choice: Choice) -> bool:
    last = _last_but(patient, choice, "stop")
    return last is not None and last.granted


def _last_but(patient: Patient, choice: Choice, source: str) -> Consent | None:
    channel, topic = choice
    rows = Consent.objects.filter(patient=patient, channel=channel, topic=topic).exclude(source=source)
    last: Consent | None = rows.order_by("-at", "-pk").first()
    return last


def _write(
    actor: Any,
    patient: Patient,
    changes: Callable[[Mapping[Choice, Consent]], dict[Choice, bool]],
    source: str,
) -> int:
    """Add a row for each of ``changes``, which are found under the patient's lock."""
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        found = changes(standing(patient))
        for choice, granted in found.items():
            _add(actor, patient, choice, granted, source)
        if found:
            transaction.on_commit(lambda: _announce(patient.pk))
    return len(found)


def _add(actor: Any, patient: Patient, choice: Choice, granted: bool, source: str) -> None:
    channel, topic = choice
    giver = actor if actor.pk else None
    Consent.objects.create(
        patient=patient, channel=channel, topic=topic, granted=granted, given_by=giver, source=source
    )


def _announce(patient_id: int) -> None:
    signals.patient_changed.send(sender=Consent, patient_id=patient_id, fields=["consent"])
