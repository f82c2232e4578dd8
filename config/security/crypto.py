"""Keys, and what is done with them. Nothing else in the project touches a cipher or a keyed hash.

``MASTER_KEYS`` is a ring: ``id:base64 of 32 bytes``, newest first. Each purpose (fields, index, files,
audit, ...) has a key of its own, derived from a master key by HKDF-SHA256. What is sealed names its master
key, so old values stay readable while ``manage.py rotate_keys`` carries them over.

A sealed value is ``v1.<key id>.<base64url of nonce, ciphertext and tag>``: AES-256-GCM, a random 96-bit
nonce, and the place it belongs to as associated data. Whatever can't be proven whole is ``Unreadable``.
"""

import binascii
import hmac
import os
import re
from base64 import b64decode, urlsafe_b64decode
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from config.env import SettingError

VERSION = b"v1"
KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
LEGACY_PREFIX = b"gAAAA"
# Base64url without padding, and the letters that may stand last: others carry bits that mean nothing.
TO_URL, FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_+/=", b"+/\0\0\0")
PADDING = (b"", b"\0", b"==", b"=")
LAST = (bytes(range(256)), b"", b"AQgw", b"AEIMQUYcgkosw048")
PUBLIC_KEY = b"\0" * KEY_BYTES  # the placeholder that the fields package wants; it opens nothing


class Unreadable(Exception):
    """A stored value that can't be proven whole: wrong or missing key, tampered, truncated, misplaced."""

    def __init__(self) -> None:
        super().__init__("A sealed value could not be opened.")


class KeyRing:
    """Master keys by id, newest first. Raises SettingError when the text holds anything but good keys."""

    def __init__(self, text: str) -> None:
        self._masters = dict(_parse(entry) for entry in _entries(text))
        self.ids = tuple(self._masters)
        self.newest = self.ids[0]
        self._keys: dict[tuple[str, str], bytes] = {}
        self._ciphers: dict[tuple[str, bytes], AESGCM] = {}

    def derive(self, purpose: str, key_id: str | None = None) -> bytes:
        """The 32-byte key of a purpose under the newest master key, or under the one named."""
        where = (purpose, key_id or self.newest)
        if (key := self._keys.get(where)) is None:
            if (master := self._masters.get(where[1])) is None:
                raise Unreadable
            key = self._keys[where] = _hkdf(master, purpose)
        return key

    def cipher(self, purpose: str, key_id: bytes) -> AESGCM:
        if (cipher := self._ciphers.get((purpose, key_id))) is None:
            key = self.derive(purpose, key_id.decode("ascii", "replace"))
            cipher = self._ciphers[purpose, key_id] = AESGCM(key)
        return cipher


def _entries(text: str) -> list[str]:
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise SettingError("MASTER_KEYS: at least one key is wanted, as id:base64 of 32 bytes.")
    ids = [entry.partition(":")[0] for entry in entries]
    if twice := sorted({key_id for key_id in ids if ids.count(key_id) > 1}):
        raise SettingError(f"MASTER_KEYS: the id {twice[0]!r} stands there twice.")
    return entries


def _parse(entry: str) -> tuple[str, bytes]:
    key_id, _, encoded = entry.partition(":")
    if not KEY_ID.fullmatch(key_id):
        raise SettingError("MASTER_KEYS: a key id has 1 to 16 letters, digits, - or _, then a colon.")
    try:
        key = b64decode(encoded, validate=True)
    except binascii.Error:
        raise SettingError(f"MASTER_KEYS: the key {key_id!r} is not base64.") from None
    if len(key) != KEY_BYTES:
        raise SettingError(f"MASTER_KEYS: the key {key_id!r} has {len(key)} bytes, 32 are wanted.")
    return key_id, key


def _hkdf(master: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"dme/" + purpose.encode()).derive(
        master
    )


@lru_cache(maxsize=8)
def _ring(text: str) -> KeyRing:
    return KeyRing(text)


def ring() -> KeyRing:
    """The ring that the settings name now."""
    return _ring(settings.MASTER_KEYS)


def seal(purpose: str, data: bytes, aad: bytes) -> bytes:
    """Encrypt under the newest key. ``aad`` names the place the value belongs to and is asked for again."""
    keys = ring()
    key_id = keys.newest.encode()
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + keys.cipher(purpose, key_id).encrypt(nonce, data, aad)
    return b"v1.%b.%b" % (key_id, _encode(sealed))


def unseal(purpose: str, token: bytes, aad: bytes) -> bytes:
    """What ``seal`` was given, or Unreadable."""
    version, _, rest = token.partition(b".")
    key_id, _, body = rest.partition(b".")
    if version != VERSION or not body:
        raise Unreadable
    sealed = _decode(body)
    try:
        return ring().cipher(purpose, key_id).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except InvalidTag:
        raise Unreadable from None


def _encode(sealed: bytes) -> bytes:
    return b2a_base64(sealed, newline=False).translate(TO_URL).rstrip(b"=")


def _decode(body: bytes) -> bytes:
    """Base64url in its one canonical spelling: a decoder alone skips foreign letters and spare bits."""
    over = len(body) % 4
    try:
        sealed = a2b_base64(body.translate(FROM_URL) + PADDING[over], strict_mode=True)
    except binascii.Error:
        raise Unreadable from None
    if len(sealed) < NONCE_BYTES + TAG_BYTES or body[-1] not in LAST[over]:
        raise Unreadable
    return sealed


def key_of(token: str) -> str | None:
    """The id of the key that a sealed value, index digest or wrapped key stands under; None if legacy."""
    head, _, rest = token.partition(".")
    return rest.partition(".")[0] if head == VERSION.decode() else None


def mac(purpose: str, data: bytes, key_id: str | None = None) -> bytes:
    """HMAC-SHA256 (32 bytes) under the newest key, or under the one named."""
    return hmac.digest(ring().derive(purpose, key_id), data, "sha256")


def same(left: bytes | str, right: bytes | str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(_bytes(left), _bytes(right))


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def digest(purpose: str, data: bytes, key_id: str | None = None) -> str:
    """A keyed digest as text: ``v1.<key id>.<base64url>``."""
    keys = ring()
    key_id = key_id or keys.newest
    value = hmac.digest(keys.derive(purpose, key_id), data, "sha256")
    return f"v1.{key_id}.{_encode(value).decode()}"


def digests(purpose: str, data: bytes) -> list[str]:
    """One digest per live key, newest first: what a look-up asks for while keys rotate."""
    return [digest(purpose, data, key_id) for key_id in ring().ids]


def is_legacy(token: bytes) -> bool:
    """Did Fernet write it, before AES-256-GCM?"""
    return token.startswith(LEGACY_PREFIX)


def unseal_legacy(token: bytes) -> bytes:
    """A value that Fernet wrote. It knows no associated data; rotation rewrites it."""
    keys = settings.FIELD_ENCRYPTION_KEY
    fernet = _fernet((keys,) if isinstance(keys, str | bytes) else tuple(keys))
    if fernet is None:
        raise Unreadable
    try:
        return fernet.decrypt(token)
    except InvalidToken:
        raise Unreadable from None


@lru_cache(maxsize=8)
def _fernet(keys: Iterable[str | bytes]) -> MultiFernet | None:
    """None where only the placeholder is set: anybody could write values under a key that is public."""
    secret = [key for key in keys if urlsafe_b64decode(key) != PUBLIC_KEY]
    return MultiFernet([Fernet(key) for key in secret]) if secret else None
