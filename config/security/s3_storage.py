"""Encrypted files as objects of an S3-compatible bucket. The bucket sees sealed bytes and server-made names.

A part left by a killed writer is the bucket's to expire: give it a life-cycle rule for unfinished uploads.
"""

import errno
import io
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError
from storages.backends.s3 import S3Storage

from config.security import streams
from config.security.storage import NotStored, StorageFull, Vault
from config.security.streams import CHUNK, HEADER_SIZE, Readable, Reader, SealedStream, Sealer

STRIDE = 8 * streams.SEALED_CHUNK
NO_ROOM = {"InsufficientCapacity", "QuotaExceeded", "XMinioStorageFull"}
MISSING = {"404", "NoSuchKey", "NotFound"}


class EncryptedS3Storage(Vault, S3Storage):
    """Encrypted files in a bucket. An object appears whole or not at all."""

    def get_default_settings(self) -> dict[str, Any]:
        # Two parts of 8 MiB under way at a time: memory stays flat however large the file is.
        config = TransferConfig(max_concurrency=2, multipart_chunksize=8 * CHUNK)
        return {**super().get_default_settings(), "transfer_config": config}

    def open_reader(self, name: str) -> Reader:
        item = self._object(name)
        try:
            stored = item.content_length
        except ClientError as error:
            raise _meaning(error) from None
        return Reader(name, stored, ReadAhead(lambda start, stop: _ranged(item, start, stop), stored))

    def put(self, name: str, source: Readable) -> int:
        sealer = Sealer(name, source)
        self._upload(name, sealer)
        return sealer.size

    def key_id(self, name: str) -> str:
        try:
            return streams.key_id(_ranged(self._object(name), 0, HEADER_SIZE))
        except ClientError as error:
            raise _meaning(error) from None

    def rewrap(self, name: str) -> bool:
        try:
            body = self._object(name).get()["Body"]
        except ClientError as error:
            raise _meaning(error) from None
        header = streams.rewrap_header(name, body.read(HEADER_SIZE))
        if header is None:
            return False
        self._upload(name, chain([header], iter(lambda: body.read(CHUNK), b"")))
        return True

    def size(self, name: str) -> int:
        try:
            return streams.plain_size(super().size(name))
        except FileNotFoundError:
            raise NotStored(errno.ENOENT, "There is no such file in the storage.") from None

    def tidy(self, older_than: float) -> int:
        return 0

    def _object(self, name: str) -> Any:
        return self.bucket.Object(self._normalize_name(name))

    def _upload(self, name: str, pieces: Iterable[bytes | memoryview]) -> None:
        params = {**self.get_object_parameters(name), "ContentType": "application/octet-stream"}
        stream = io.BufferedReader(SealedStream(pieces), CHUNK)
        try:
            self._object(name).upload_fileobj(stream, ExtraArgs=params, Config=self.transfer_config)
        except ClientError as error:
            raise _meaning(error) from None


class ReadAhead:
    """Fetches from afar in strides, so that reading on costs one request for eight chunks."""

    def __init__(self, get: Callable[[int, int], bytes], stored: int) -> None:
        self.get, self.stored = get, stored
        self.start, self.held = 0, b""
        self.expected = HEADER_SIZE

    def __call__(self, offset: int, length: int) -> bytes:
        start = offset - self.start
        if start < 0 or start + length > len(self.held):
            wanted = max(STRIDE, length) if offset == self.expected else length
            self.start, self.held = offset, self.get(offset, min(offset + wanted, self.stored))
            start = 0
        self.expected = offset + length
        return self.held[start : start + length]


def _ranged(item: Any, start: int, stop: int) -> bytes:
    body: bytes = item.get(Range=f"bytes={start}-{stop - 1}")["Body"].read()
    return body


def _meaning(error: Any) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code in NO_ROOM or status == 507:
        return StorageFull(errno.ENOSPC, "Storage is full, nothing was saved.")
    if code in MISSING:
        return NotStored(errno.ENOENT, "There is no such file in the storage.")
    unknown: Exception = error
    return unknown
