"""What the store's tests stand on."""

from collections.abc import Iterator
from itertools import count

import pytest

from services.store.clickhouse import ClickHouseStore
from services.store.server import ServerStore, open_server
from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.oracle.real_path import Backends

# The contract's assertions explain themselves, as a test's own do.
pytest.register_assert_rewrite("tests.services.store.contract")

_numbers = count(1)


@pytest.fixture
def tenant() -> str:
    """A tenant whose ledger is empty."""
    return f"store-{next(_numbers)}"


@pytest.fixture
def embedded(backends: Backends) -> ClickHouseStore:
    """The store in this process."""
    return backends.store


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A ClickHouse server for the session."""
    with RunningServer(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture
def clickhouse(running: RunningServer) -> Iterator[RunningServer]:
    """The server, on which nothing goes wrong yet."""
    running.fault(Fault("503", times=0))
    yield running
    running.fault(Fault("503", times=0))


@pytest.fixture
def server_store(clickhouse: RunningServer) -> Iterator[ServerStore]:
    """A store on the server."""
    store = open_server(clickhouse.url)
    yield store
    store.close()
