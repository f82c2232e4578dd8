"""The keys in the heads of stored files, as something to rotate (config/security/rotation.py)."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from django.db import transaction

from config.security import crypto, rotation
from config.security.rotation import Progress
from config.security.storage import NotStored
from config.security.streams import Damaged
from portal.documents import names_of
from portal.models import Document, Upload
from portal.models.documents import UNCHECKED, UploadState
from portal.parts import part_names, vault

Named = Callable[[Any], Iterable[str]]


class FileKeys:
    """Every document, its small picture, and the parts of uploads under way or not checked yet."""

    name = "stored files"

    def keys(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for rows, names in self._rows():
            for row in rows.iterator():
                with suppress(Damaged, NotStored):  # removed meanwhile, or nothing that a key could mend
                    counted.update(key for name in names(row) if (key := _key_of(name)))
        return counted

    def rotate(self, batch: int) -> Iterator[Progress]:
        for rows, names in self._rows():
            keys = list(rows.values_list("pk", flat=True))
            for start in range(0, len(keys), batch):
                progress = Progress()
                for key in keys[start : start + batch]:
                    self._rotate(rows, key, names, progress)
                yield progress

    def _rows(self) -> list[tuple[Any, Named]]:
        documents = (
            Document.objects.exclude(storage_name="").only("storage_name", "thumbnail_name").order_by("pk")
        )
        uploads = Upload.objects.filter(state=UploadState.OPEN).only("part_folder", "received").order_by("pk")
        # Last, as an upload that is finished meanwhile comes here. Whoever removes the parts holds the document.
        unchecked = Document.objects.filter(state__in=UNCHECKED, upload__isnull=False)
        waiting = unchecked.select_related("upload").order_by("pk")
        return [(documents, names_of), (uploads, part_names), (waiting, _parts_of)]

    def _rotate(self, rows: Any, key: int, names: Named, progress: Progress) -> None:
        """The row is held meanwhile, or a file that is just taken back would come to life again."""
        with transaction.atomic():
            row = rows.select_for_update(of=("self",)).filter(pk=key).first()
            if row is None:
                return
            try:
                for name in list(names(row)):
                    progress.done += _key_of(name) != crypto.ring().newest and vault().rewrap(name)
            except (Damaged, NotStored):
                progress.unreadable.append(f"{row._meta.label} {key}")


def _parts_of(document: Document) -> Iterator[str]:
    return part_names(document.upload)


def _key_of(name: str) -> str | None:
    try:
        return vault().key_id(name)
    except (Damaged, NotStored):
        return None


rotation.register(FileKeys())
