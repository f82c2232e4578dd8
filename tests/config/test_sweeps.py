"""A sweep: what fails stops nothing that comes after it, and is told."""

import pytest

from config import sweeps


def test_one_that_fails_stops_no_other_and_is_raised_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def act(number: int) -> bool:
        if number in {1, 3}:
            raise ValueError(number)
        done.append(number)
        return True

    with pytest.raises(ValueError, match="1"):
        sweeps.each(act, [1, 2, 3, 4])
    assert done == [2, 4]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize(("told", "count"), [(True, 2), (False, 0), (None, 0), (3, 6), (object(), 2)])
def test_what_each_gives_is_counted(told: object, count: int) -> None:
    assert sweeps.each(lambda _: told, ["a", "b"]) == count
