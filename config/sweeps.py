"""What a sweep does for each thing that is due: one that fails stops no other."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

logger = logging.getLogger(__name__)
Thing = TypeVar("Thing")


def each(act: Callable[[Thing], Any], due: Iterable[Thing]) -> int:
    """The sum of what ``act`` gives for each (nothing counts 0, a thing 1). What failed is logged, and the first
    failure is raised once all had their turn, so that the run counts as failed.
    """
    done, failures = 0, []
    for thing in due:
        try:
            told = act(thing)
        except Exception as error:
            logger.exception("One of a sweep failed, the rest goes on: %s.", type(error).__name__)
            failures.append(error)
        else:
            done += told if isinstance(told, int) else told is not None
    if failures:
        raise failures[0]
    return done
