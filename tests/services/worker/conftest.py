"""What the worker's tests stand on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clickhouse.running import RunningServer
from tests.clickhouse.server import Fault
from tests.kafka.broker import Kafka
from tests.oracle.real_path import Backends
from tests.services.worker.harness import Site


@pytest.fixture(scope="session")
def clickhouse_of_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A ClickHouse server for the session; every site has a database of its own."""
    with RunningServer(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server


@pytest.fixture
def server(clickhouse_of_workers: RunningServer) -> Iterator[RunningServer]:
    """The server, on which nothing goes wrong yet."""
    yield clickhouse_of_workers
    clickhouse_of_workers.fault(Fault("503", times=0))


@pytest.fixture
def site(kafka: Kafka, server: RunningServer, tmp_path: Path) -> Iterator[Site]:
    """Topics and a database for this test."""
    opened = Site(kafka, server, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def right(site: Site, backends: Backends) -> Callable[[], None]:
    """Asserts that every equation holds, once everything is done."""

    def check(within_s: float = 60) -> None:
        site.settle(within_s)
        assert site.wrong(backends.journal, backends.store) == []

    return check
