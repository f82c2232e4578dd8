from collections.abc import Iterator

import pytest

from tests.servers import Server, serving


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A web process on this test process's database. Use it with ``django_db(transaction=True)``."""
    with serving(CHAT_STARTS_PER_MINUTE="100000") as server:
        yield server
