"""Brokers and feeders are killed under load, and every record of the inbox still counts once and in order."""

import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from services.journal.kafka import KafkaJournal
from services.journal.port import JournalError, Tally
from services.kafka.clients import cluster_of
from services.kafka.topics import Names, plans, set_up
from tests.kafka.broker import Kafka
from tests.kafka.topics import make, settings
from tests.services.journal.telling import everything, told

ROOT = Path(__file__).parents[3]


class Load:
    """A process that feeds, with a mirror of its own."""

    def __init__(self, kafka: Kafka, prefix: str, folder: Path, name: str) -> None:
        self._out = folder / f"{name}.out"
        with self._out.open("wb") as out, (folder / f"{name}.err").open("wb") as err:
            command = [sys.executable, "-m", "tests.services.journal.feeding", kafka.url, prefix, str(folder / name)]
            self._process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT)

    @property
    def fed(self) -> int:
        """How far it is."""
        lines = self._out.read_bytes().split(b"\n")[:-1]
        return int(lines[-1]) if lines else 0

    def get_on(self, timeout_s: float = 30) -> None:
        """Wait until it has fed some more."""
        before, deadline = self.fed, time.monotonic() + timeout_s
        while self.fed < before + 200:
            assert self._process.poll() is None, "it ended"
            assert time.monotonic() < deadline, "it got no further"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._process.kill()
        self._process.wait()


@pytest.mark.slow
def test_brokers_and_feeders_are_killed(kafka_cluster: Kafka, tmp_path: Path) -> None:
    names = Names(f"killed-{uuid.uuid4().hex[:8]}")
    three = settings(kafka_cluster, names.prefix).model_copy(update={"kafka_replication": 3})
    assert set_up(cluster_of(three), plans(three)).problems == []
    loads = [Load(kafka_cluster, names.prefix, tmp_path, "first")]

    try:
        loads[0].get_on()
        for broker in kafka_cluster.brokers:
            broker.kill()
            loads[-1].get_on()
            broker.start()
            # Two feed at once for a while: the one before does not know that it was replaced.
            loads.append(Load(kafka_cluster, names.prefix, tmp_path, f"beside-{broker.number}"))
            loads[-1].get_on()
            loads[-2].kill()
            loads[-1].get_on()
    finally:
        for load in loads:
            load.kill()
    kafka_cluster.wait()

    contents = []
    for mirror in ("beside-2", "made anew"):
        with KafkaJournal(tmp_path / mirror, cluster_of(three), names) as journal:
            fed = journal.watermark(0) + 1
            assert fed >= max(load.fed for load in loads), "what was acknowledged is there"
            assert journal.tally("default") == Tally(fed, fed, 0, 0)
            contents.append(everything(journal, page=1000))
    assert contents[0] == contents[1]
    assert [entry.id for entry in contents[0]] == [str(n) for n in range(fed)]


def test_a_broker_that_hangs_is_a_sentence_and_nothing_is_lost(kafka: Kafka, tmp_path: Path) -> None:
    if not kafka.brokers:
        pytest.skip("the broker is not ours to be stopped")
    names = make(kafka, f"hangs-{uuid.uuid4().hex[:8]}")
    impatient = cluster_of(settings(kafka).model_copy(update={"kafka_timeout_s": 3}))
    (broker,) = kafka.brokers

    with KafkaJournal(tmp_path / "m", impatient, names) as journal:
        journal.append([told("1")], now_ms=0)
        broker.pause()
        try:
            for _ in range(2):
                with pytest.raises(JournalError, match="does not answer in time"):
                    journal.append([told("2")], now_ms=0)
            with pytest.raises(JournalError, match="does not answer in time"):
                journal.head("default")
        finally:
            broker.resume()
        kafka.wait()
        verdicts = journal.append([told("2"), told("3")], now_ms=0)

        assert [verdict.position for verdict in verdicts] == [2, 3]
        assert [entry.id for entry in everything(journal)] == ["1", "2", "3"]
        tally = journal.tally("default")
        assert tally.accepted == 3
        assert tally.told == tally.accepted + tally.duplicates
