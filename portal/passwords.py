"""What a password must be: long enough, and none that is guessed first. Nothing about its characters.

Patients have the password alone, so theirs is longer; staff's stands beside a second factor.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from portal.access import STAFF_REALM

SHORTEST = {"patient": 15, STAFF_REALM: 8}
LONGEST = 1024  # a bound on work, far above what anybody types
CONTEXT_LEFT = 5  # letters that must remain when all that is known about the person is taken out
SHORTEST_WORD = 4
# What anybody would guess of a service like ours.
SERVICE_WORDS = (
    "account access breathing care chair clinic contraseña cpap cuenta doctor equipment equipo health home hospital"
    " login medical medicare medicaid medicine mobility médico oxygen oxígeno paciente patient password portal"
    " salud secret secure sleep supplies supply support user walker welcome wheelchair"
)
ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


def normal(password: str) -> str:
    """One spelling for what looks the same (NFC); otherwise as typed, in full."""
    return unicodedata.normalize("NFC", password)


def check(password: str, *, realm: str, known: Iterable[str] = ()) -> str:
    """The password as it is to be hashed. Raises ValidationError where it is too short, or guessed first.

    ``known``: the person's name and e-mail address.
    """
    password = normal(password)
    if len(password) < SHORTEST[realm]:
        raise ValidationError(
            ngettext_lazy(
                "Use at least %(count)d character. Several words make a good password.",
                "Use at least %(count)d characters. Several words make a good password.",
                SHORTEST[realm],
            )
            % {"count": SHORTEST[realm]}
        )
    if len(password) > LONGEST:
        raise ValidationError(_("Use at most %(count)d characters.") % {"count": LONGEST})
    if is_common(password):
        raise ValidationError(_("This password is one of those that are guessed first. Choose another."))
    if is_about(password, [settings.SUPPLIER_NAME, SERVICE_WORDS, *known]):
        raise ValidationError(
            _("This password says too much of your name, your address or ours. Choose another.")
        )
    return password


def is_common(password: str) -> bool:
    """Whether it is on the list of leaked passwords, such a one repeated or padded with figures, or a run."""
    plain = password.casefold()
    bare = plain.strip(" 0123456789!@#$%^&*().,?_-+=")
    return any(core in _leaked() or _is_run(core) for core in {plain, _unit(plain), bare, _unit(bare)})


@lru_cache(maxsize=1)
def _leaked() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def _unit(text: str) -> str:
    """What a text is a repetition of: ``abcabcabc`` is ``abc``."""
    return text[: (text + text).find(text, 1)] if text else text


def _is_run(text: str) -> bool:
    """Nothing, one character, or neighbours on the keyboard, there or back."""
    return len(text) < 2 or any(text in row * 2 or text in row[::-1] * 2 for row in ROWS)


def is_about(password: str, known: Iterable[str]) -> bool:
    """Whether hardly a letter remains once the words of ``known`` are taken out."""
    rest = password.casefold()
    words = {
        word for text in known for word in re.split(r"\W+", text.casefold()) if len(word) >= SHORTEST_WORD
    }
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "")
    if rest == password.casefold():
        return False
    return sum(char.isalpha() for char in rest) < CONTEXT_LEFT
