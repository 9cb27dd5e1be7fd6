"""A topic as a log: where its partitions begin and end, and its records from an offset on."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from threading import RLock
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition

from services.closing import Closing
from services.journal.port import JournalError
from services.kafka.clients import Cluster, in_a_sentence
from services.kafka.records import Record, of_kafka

_POLL_MS: Final = 200


class Log(Closing):
    """One topic, read by offsets. Threads take turns. Raises JournalError where Kafka fails or the topic is missing."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster = cluster
        self.topic: Final = topic
        self._lock = RLock()
        with ExitStack() as opened, in_a_sentence(cluster):
            self._consumer: KafkaConsumer = opened.enter_context(closing(cluster.consumer()))
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise JournalError(f"Kafka at {cluster.name} has no topic {topic}; make it with `salestream setup`")
            self.partitions: Final = len(numbers)
            self._all = [TopicPartition(topic, number) for number in range(self.partitions)]
            opened.pop_all()

    def begins(self) -> dict[int, int]:
        """The first offset of each partition."""
        with self._lock, in_a_sentence(self._cluster):
            return self._by_number(self._consumer.beginning_offsets(self._all))

    def ends(self) -> dict[int, int]:
        """The offset that each partition's next record will have."""
        with self._lock, in_a_sentence(self._cluster):
            return self._by_number(self._consumer.end_offsets(self._all))

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[tuple[list[Record], dict[int, int]]]:
        """Records from ``starts`` on, at least up to ``ends``, and with each list where to read on, by partition.

        Both have the same partitions. Records that came along beyond the ends are given too.
        """
        with self._lock, in_a_sentence(self._cluster):
            wanted = {number: end for number, end in ends.items() if starts[number] < end}
            self._aim({number: starts[number] for number in wanted})
            deadline = time.monotonic() + self._cluster.timeout_s
            before: dict[int, int] = {}
            while wanted:
                found = self._consumer.poll(timeout_ms=_POLL_MS)
                nexts = {number: self._position(number) for number in wanted}
                if found or nexts != before:  # the ends of transactions take an offset and are no record
                    before = nexts
                    deadline = time.monotonic() + self._cluster.timeout_s
                    yield [of_kafka(record) for records in found.values() for record in records], nexts
                wanted = {number: end for number, end in wanted.items() if nexts[number] < end}
                if time.monotonic() > deadline:
                    raise JournalError(
                        f"Kafka at {self._cluster.name} gives no records of {self.topic}; see whether the leader of "
                        "its partitions runs, or raise SALESTREAM_KAFKA_TIMEOUT_S"
                    )

    def _aim(self, starts: Mapping[int, int]) -> None:
        """Read these partitions, from these offsets; what was fetched ahead stays where it fits."""
        tps = [TopicPartition(self.topic, number) for number in starts]
        if self._consumer.assignment() != set(tps):
            self._consumer.assign(tps)
            for tp in tps:
                self._consumer.seek(tp, starts[tp.partition])
            return
        for tp in tps:
            if self._position(tp.partition) != starts[tp.partition]:
                self._consumer.seek(tp, starts[tp.partition])

    def _position(self, number: int) -> int:
        position: int = self._consumer.position(TopicPartition(self.topic, number))
        return position

    @staticmethod
    def _by_number(offsets: Mapping[Any, int]) -> dict[int, int]:
        return {tp.partition: offset for tp, offset in offsets.items()}

    def close(self) -> None:
        """Let go of the connections. Closing twice is fine."""
        with self._lock:
            self._consumer.close()
