"""Keys and sealed values (R-SEC-1)."""

from base64 import b64encode

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config.env import SettingError
from config.security import crypto

OLD = "old:" + b64encode(b"o" * 32).decode()
NEW = "new:" + b64encode(b"n" * 32).decode()

# NIST's AES-256-GCM test cases 13 to 16 (key, nonce, plaintext, associated data, ciphertext, tag).
KEY = "feffe9928665731c6d6a8f9467308308" * 2
TEXT = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
SEALED = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
VECTORS = [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    (
        "00" * 32,
        "00" * 12,
        "00" * 16,
        "",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "d0d1c8a799996bf0265b98b5d48ab919",
    ),
    (KEY, "cafebabefacedbaddecaf888", TEXT, "", SEALED, "b094dac5d93471bdec1a502270e3cc6c"),
    (
        KEY,
        "cafebabefacedbaddecaf888",
        TEXT[:120],
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        SEALED[:120],
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]


@pytest.fixture(autouse=True)
def ring(settings):
    settings.MASTER_KEYS = OLD


@pytest.mark.parametrize(("key", "nonce", "plain", "aad", "sealed", "tag"), VECTORS)
def test_the_cipher_meets_nists_vectors(monkeypatch, key, nonce, plain, aad, sealed, tag):
    monkeypatch.setattr(crypto.KeyRing, "derive", lambda *_: bytes.fromhex(key))
    monkeypatch.setattr(crypto.os, "urandom", lambda _: bytes.fromhex(nonce))
    monkeypatch.setattr(crypto, "ring", lambda: crypto.KeyRing(OLD))
    token = crypto.seal("fields", bytes.fromhex(plain), bytes.fromhex(aad))
    assert crypto._decode(token.split(b".")[2]).hex() == nonce + sealed + tag
    assert crypto.unseal("fields", token, bytes.fromhex(aad)).hex() == plain


def test_every_changed_byte_of_a_token_is_an_error():
    token = crypto.seal("fields", b"123-45-6789", b"patient.ssn")
    for place in range(len(token)):
        for other in range(256):
            if other != token[place]:
                forged = token[:place] + bytes([other]) + token[place + 1 :]
                with pytest.raises(crypto.Unreadable):
                    crypto.unseal("fields", forged, b"patient.ssn")


@pytest.mark.parametrize("cut", [0, 1, 10, -1, -5])
def test_a_truncated_token_is_an_error(cut):
    token = crypto.seal("fields", b"secret", b"place")
    with pytest.raises(crypto.Unreadable):
        crypto.unseal("fields", token[:cut], b"place")


def test_a_lengthened_token_is_an_error():
    token = crypto.seal("fields", b"secret", b"place")
    for more in (b"=", b"A", b"\n", b"AAAA", b"."):
        with pytest.raises(crypto.Unreadable):
            crypto.unseal("fields", token + more, b"place")


def test_a_token_opens_only_in_its_place_and_for_its_purpose():
    token = crypto.seal("fields", b"secret", b"patient.ssn")
    for purpose, place in (("fields", b"patient.name"), ("files", b"patient.ssn")):
        with pytest.raises(crypto.Unreadable):
            crypto.unseal(purpose, token, place)


def test_nonces_never_meet():
    tokens = {crypto.seal("fields", b"", b"") for _ in range(100_000)}
    assert len({crypto._decode(token.split(b".")[2])[:12] for token in tokens}) == 100_000


def test_an_error_says_nothing_of_the_value():
    with pytest.raises(crypto.Unreadable) as caught:
        crypto.unseal("fields", b"v1.old.c2VjcmV0", b"place")
    assert str(caught.value) == "A sealed value could not be opened."
    assert caught.value.__cause__ is None


def test_old_keys_read_and_the_newest_writes(settings):
    token = crypto.seal("fields", b"secret", b"place")
    settings.MASTER_KEYS = f"{NEW},{OLD}"
    assert crypto.unseal("fields", token, b"place") == b"secret"
    assert crypto.key_of(crypto.seal("fields", b"secret", b"place").decode()) == "new"
    settings.MASTER_KEYS = NEW
    with pytest.raises(crypto.Unreadable):
        crypto.unseal("fields", token, b"place")


def test_the_same_id_with_another_key_opens_nothing(settings):
    token = crypto.seal("fields", b"secret", b"place")
    settings.MASTER_KEYS = NEW.replace("new:", "old:")
    with pytest.raises(crypto.Unreadable):
        crypto.unseal("fields", token, b"place")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("", "at least one key"),
        ("justtext", "has 0 bytes"),
        ("a:", "has 0 bytes"),
        ("a:***", "is not base64"),
        ("a:" + b64encode(b"short").decode(), "has 5 bytes, 32 are wanted"),
        ("a.b:" + b64encode(b"k" * 32).decode(), "then a colon"),
        (f"{OLD},{OLD}", "stands there twice"),
    ],
)
def test_a_bad_ring_is_named(keys, says):
    with pytest.raises(SettingError, match="MASTER_KEYS") as caught:
        crypto.KeyRing(keys)
    assert says in str(caught.value)
    assert b64encode(b"short").decode() not in str(caught.value)


def test_purposes_have_keys_of_their_own():
    keys = {crypto.ring().derive(purpose) for purpose in ("fields", "index", "files", "audit")}
    assert len(keys) == 4
    assert all(len(key) == 32 for key in keys)


def test_digests_are_one_per_live_key_newest_first(settings):
    first = crypto.digest("index", b"value")
    settings.MASTER_KEYS = f"{NEW},{OLD}"
    assert crypto.digests("index", b"value") == [crypto.digest("index", b"value"), first]
    assert crypto.mac("index", b"value") != crypto.mac("audit", b"value")


def test_fernet_values_are_read_with_a_secret_key_and_never_with_the_placeholder(settings):
    key = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEY = [key]
    token = Fernet(key).encrypt(b"written long ago")
    assert crypto.is_legacy(token)
    assert crypto.unseal_legacy(token) == b"written long ago"
    with pytest.raises(crypto.Unreadable):
        crypto.unseal_legacy(token[:-4] + b"AAAA")
    placeholder = b64encode(bytes(32)).decode()
    settings.FIELD_ENCRYPTION_KEY = [placeholder]
    with pytest.raises(crypto.Unreadable):
        crypto.unseal_legacy(Fernet(placeholder).encrypt(b"forged by anybody"))


def test_only_authenticated_encryption_with_whole_keys_is_used():
    assert isinstance(crypto.ring().cipher("fields", b"old"), AESGCM)
    assert crypto.KEY_BYTES * 8 == 256
