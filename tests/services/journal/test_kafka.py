"""The journal on Kafka keeps the contract, on a real broker."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from services.journal.kafka import KafkaJournal
from services.journal.port import Journal
from services.kafka.topics import Names
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.services.journal.contract import JournalContract

PARTITIONS = 3
"""Few, and such that the tenants of the contract lie apart."""


class TestKafkaJournal(JournalContract):
    """The contract, on topics that keep the times of their writers, so that a test may say what time it is."""

    @pytest.fixture
    def opener(self, kafka: Kafka, tmp_path: Path) -> Callable[[str], Journal]:
        names: dict[str, Names] = {}

        def opened(name: str) -> Journal:
            if name not in names:
                names[name] = make(kafka, f"{name}-{uuid.uuid4().hex[:8]}", PARTITIONS, stamped=False)
            return KafkaJournal(tmp_path / f"{name}.sqlite", cluster(kafka), names[name])

        return opened
