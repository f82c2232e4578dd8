"""A field with its key ring, beside the bare cipher and Fernet (both ways at most 10 us)."""

import os

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.models import Patient
from tests.benchmarks.harness import compare

pytestmark = pytest.mark.benchmark

TEXT = "x" * 256
TIMES = 5000


def test_a_field_in_and_out():
    field = Patient._meta.get_field("address_line1")
    cipher, nonce, plain = AESGCM(os.urandom(32)), os.urandom(12), TEXT.encode()
    sealed, token = cipher.encrypt(nonce, plain, b""), field.get_db_prep_save(TEXT, None)
    compare(
        "field, 256 bytes, in (floor: bare AES-GCM)",
        lambda: field.get_db_prep_save(TEXT, None),
        lambda: cipher.encrypt(os.urandom(12), plain, b""),
        times=TIMES,
        target="<= 10 us",
    )
    compare(
        "field, 256 bytes, out (floor: bare AES-GCM)",
        lambda: field.from_db_value(token),
        lambda: cipher.decrypt(nonce, sealed, b""),
        times=TIMES,
        target="<= 10 us",
    )


def test_a_field_beside_fernet():
    field, fernet = Patient._meta.get_field("address_line1"), Fernet(Fernet.generate_key())
    compare(
        "field in and out (floor: Fernet)",
        lambda: field.from_db_value(field.get_db_prep_save(TEXT, None)),
        lambda: fernet.decrypt(fernet.encrypt(TEXT.encode())).decode(),
        times=TIMES,
        target="< 1",
    )


def test_an_index_and_its_look_up():
    field, plain = Patient._meta.get_field("email_index"), "kim@example.org"
    compare(
        "blind index (floor: one HMAC)",
        lambda: field.derived([plain]),
        lambda: __import__("hmac").digest(b"k" * 32, plain.encode(), "sha256"),
        times=TIMES,
    )
