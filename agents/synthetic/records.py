"""What the first patients have on file: both sides of the insurance card and a signed order."""

from io import BytesIO
from random import Random

from agents.synthetic import files
from billing.models import Coverage
from portal import documents
from portal.access import System
from portal.models import Document, Patient, Prescription

WITH_FILES = 24


def add_files(actor: System, seed: str, patients: list[Patient]) -> int:
    """Put documents into the vault for these patients; how many."""
    rng = Random(f"{seed}:files")  # noqa: S311
    for patient in patients:
        cover = Coverage.objects.filter(patient=patient, rank=1).select_related("payer").get()
        cover.card_front = _card(actor, rng, patient, cover, "front")
        cover.card_back = _card(actor, rng, patient, cover, "back")
        cover.save()
        for prescription in Prescription.objects.filter(patient=patient)[:1]:
            prescription.document = _keep(
                actor, patient, "prescription", "order.pdf", "application/pdf", files.one_page_pdf()
            )
            prescription.save()
    return len(patients) * 3


def _card(actor: System, rng: Random, patient: Patient, cover: Coverage, side: str) -> Document:
    picture = files.insurance_card(rng, cover.payer.name, side)
    return _keep(actor, patient, f"insurance_card_{side}", f"card-{side}.jpg", "image/jpeg", picture)


def _keep(
    actor: System, patient: Patient, kind: str, filename: str, content_type: str, content: bytes
) -> Document:
    return documents.keep(
        actor,
        kind=kind,
        filename=filename,
        content_type=content_type,
        source=BytesIO(content),
        patient=patient,
        pages=1,
    )
