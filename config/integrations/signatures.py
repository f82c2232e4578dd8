"""How the telephone company signs what it posts to us."""

import base64
import hmac
from collections.abc import Mapping


def signature(url: str, fields: Mapping[str, str], token: str) -> str:
    """What X-Twilio-Signature holds: the address as it was called, then each field with its name, sorted."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
