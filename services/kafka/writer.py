"""Writes records to a topic and says where they came to stand."""

from collections.abc import Sequence
from contextlib import suppress
from threading import Lock
from typing import Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.journal.port import JournalError
from services.kafka.clients import Cluster, in_a_sentence, partition_of, problem_of
from services.kafka.records import Outgoing, Record


class Writer:
    """Writes to one topic; each tenant's records to its partition, in order. Threads take turns."""

    def __init__(self, cluster: Cluster, topic: str, partitions: int) -> None:
        self._cluster = cluster
        self.topic: Final = topic
        self._partitions = partitions
        self._lock = Lock()
        self._producer: KafkaProducer | None = None
        self._closed = False

    def write(self, batch: Sequence[Outgoing]) -> list[Record]:
        """Write a batch and wait until every replica in sync has it; the records as they now stand in the topic.

        Raises JournalError where some were not acknowledged. Then any of them may be in the topic or not, also later
        ones without earlier ones: write the batch again. An offset is -1 where the broker says no more than that it
        has the record already.
        """
        with self._lock, in_a_sentence(self._cluster):
            if self._closed:
                raise JournalError("the journal is closed; open it again")
            producer = self._producer = self._producer or self._cluster.producer()
            try:
                return self._sent(producer, batch)
            except KafkaError as error:
                # A producer that has lost a record may go on with those behind it; a new one knows nothing of them.
                self._producer = None
                self._abandon(producer)
                raise JournalError(
                    f"Kafka at {self._cluster.name} {problem_of(error, self._cluster)}; what was told may be told again"
                ) from error

    def _sent(self, producer: KafkaProducer, batch: Sequence[Outgoing]) -> list[Record]:
        waiting = []
        for out in batch:
            number = partition_of(out.tenant, self._partitions)
            sent = producer.send(
                self.topic, out.value, out.tenant.encode(), out.headers, number, max(out.timestamp_ms, 0)
            )
            waiting.append((number, out, sent))
        producer.flush(timeout=self._cluster.timeout_s + 5)
        records = []
        for number, out, sent in waiting:
            done = sent.value if sent.succeeded() else sent.get(timeout=1)
            key = out.tenant.encode()
            records.append(Record(number, done.offset, done.timestamp, key, out.value, out.headers, out.known))
        return records

    @staticmethod
    def _abandon(producer: KafkaProducer) -> None:
        with suppress(KafkaError):  # why it is given up was raised already, and nothing of it is acknowledged
            producer.close(timeout=1)

    def close(self) -> None:
        """Let go of the connections. Closing twice is fine."""
        with self._lock:
            self._closed = True
            if self._producer is not None:
                self._abandon(self._producer)
                self._producer = None
