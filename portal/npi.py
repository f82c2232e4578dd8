"""National Provider Identifiers."""


def npi_ok(npi: str) -> bool:
    """Ten digits that pass Luhn's check over ``80840`` and the number.

    Real ones begin with 1 or 2. Those that begin with 9 are synthetic: taken from records, refused for
    billing (``billable``).
    """
    return len(npi) == 10 and npi.isdecimal() and npi.isascii() and _luhn("80840" + npi)


def billable(npi: str) -> bool:
    return npi_ok(npi) and npi[0] in "12"


def _luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
