"""Numbers of cases."""

from portal import numbers

PREFIX, SEQUENCE = "C", "cases_case_number"


def case_number(count: int) -> str:
    return numbers.numbered(PREFIX, count)


def next_case_number() -> str:
    return numbers.next_number(PREFIX, SEQUENCE)
