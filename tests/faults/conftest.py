"""One rig for all fault runs: to prepare it takes longer than a run."""

from collections.abc import Iterator

import pytest

from tests.rig import Rig, rigged


@pytest.fixture(scope="session")
def rig() -> Iterator[Rig]:
    with rigged() as rig:
        rig.node()
        rig.node()
        yield rig
