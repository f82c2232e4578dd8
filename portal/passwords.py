"""What a password must be: long enough, and none that is guessed first. Nothing about its characters."""

import unicodedata


def normal(password: str) -> str:
    """One spelling for what looks the same (NFC); otherwise as typed, in full."""
    return unicodedata.normalize("NFC", password)
