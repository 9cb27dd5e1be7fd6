"""Fixtures: ``kafka`` is one broker for the whole session, ``kafka_cluster`` three that a test may kill."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.kafka import broker
from tests.kafka.broker import Kafka, NoKafka

# Read before the settings from outside are taken away from the tests.
_IN_CI: Final = bool(os.environ.get("CI"))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker. Take topics of your own: ``topics`` gives them."""
    yield from _started(tmp_path_factory.mktemp("kafka"), 1)


@pytest.fixture
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Three brokers, made anew for each test."""
    yield from _started(tmp_path_factory.mktemp("cluster"), 3)


@pytest.fixture
def kafka_with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker that lets in only ``sales`` with the password ``open sesame``."""
    yield from _started(tmp_path_factory.mktemp("locked"), 1, ("sales", "open sesame"))


@pytest.fixture
def kafka_over_tls(tmp_path: Path) -> Iterator[Kafka]:
    """The same over TLS; who trusts ``tmp_path / "ca.pem"`` trusts it."""
    yield from _started(tmp_path, 1, ("sales", "open sesame"), tls=True)


def _started(folder: Path, count: int, login: tuple[str, str] | None = None, *, tls: bool = False) -> Iterator[Kafka]:
    try:
        kafka = broker.start(folder, count, login, tls=tls)
    except NoKafka as error:
        if _IN_CI:
            raise
        pytest.skip(str(error))
    yield kafka
    kafka.close()
