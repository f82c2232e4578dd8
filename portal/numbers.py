"""Numbers people read aloud: a counter with a check digit, so that a slip of the tongue is noticed."""

import re

from django.db import connection

ACCOUNTS, ORDERS = "portal_account_number", "portal_order_number"
SHAPE = re.compile(r"[A-Z]{1,4}-\d{1,9}(-\d)?")


def check_digit(digits: str) -> int:
    """Luhn's check digit for ``digits``."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def numbered(prefix: str, count: int) -> str:
    """``numbered("DME", 10001)`` is ``DME-10001-4``."""
    return f"{prefix}-{count}-{check_digit(str(count))}"


def is_right(number: str) -> bool:
    """Whether the check digit of ``number`` fits. Case and missing hyphens are forgiven."""
    digits = "".join(char for char in number if char.isdigit())
    return len(digits) > 1 and check_digit(digits[:-1]) == int(digits[-1])


def is_shaped(word: str) -> bool:
    """Whether ``word`` looks like one of our numbers, which tell nothing of anybody: ``DME-10001-4``."""
    return SHAPE.fullmatch(word.upper()) is not None


def next_count(sequence: str) -> int:
    """The next value of a PostgreSQL ``sequence`` (a name of ours, never a visitor's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass)", [sequence])
        return int(cursor.fetchone()[0])


def next_number(prefix: str, sequence: str) -> str:
    return numbered(prefix, next_count(sequence))


def account_number(count: int) -> str:
    return numbered("A", count)


def order_number(count: int) -> str:
    return numbered("DME", count)
