"""Raw deliveries of webhooks in a topic of their own; the broker deletes them when their time is over."""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from kafka import TopicPartition

from services.journal.port import Delivery
from services.kafka.clients import Cluster, in_a_sentence, partition_of
from services.kafka.log import Log
from services.kafka.records import Outgoing, Record
from services.kafka.writer import Writer

_BITS: Final = 12
"""A number is offset << 12 | partition, so it grows along a partition and none is used twice."""
_SYSTEM: Final = "salestream-system"
_RECEIVED: Final = "salestream-received"
_HEADERS: Final = "salestream-headers"


class Deliveries:
    """What came over webhooks, by tenant. The topic is opened when it is first needed."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._opened: tuple[Log, Writer] | None = None

    def keep(self, tenant: str, system: str, received_ms: int, raw: bytes, headers: Mapping[str, str]) -> int:
        """As Journal.keep."""
        _, writer = self._open()
        told = [
            (_SYSTEM, system.encode()),
            (_RECEIVED, b"%d" % received_ms),
            (_HEADERS, msgspec.json.encode(dict(headers))),
        ]
        (record,) = writer.write([Outgoing(tenant, raw, told, received_ms)])
        return record.offset << _BITS | record.partition

    def read(self, tenant: str, after: int, limit: int) -> list[Delivery]:
        """As Journal.inbox."""
        log, _ = self._open()
        number = partition_of(tenant, log.partitions)
        start = max((after >> _BITS) + 1, 0) if after > 0 else 0
        found: list[Delivery] = []
        for record in self._records(log, number, start):
            if len(found) == limit:
                break
            if record.key == tenant.encode():
                found.append(_delivery(tenant, record))
        return found

    def prune(self, before_ms: int) -> int:
        """As Journal.prune, but that a delivery goes once all before it in its partition have gone."""
        log, _ = self._open()
        deleted = 0
        upto: dict[TopicPartition, int] = {}
        for number in range(log.partitions):
            for record in self._records(log, number, 0):
                if int(dict(record.headers)[_RECEIVED]) >= before_ms:
                    break
                upto[TopicPartition(self._topic, number)] = record.offset + 1
                deleted += 1
        if upto:
            admin = self._cluster.admin()
            try:
                with in_a_sentence(self._cluster):
                    admin.delete_records(upto)
            finally:
                admin.close()
        return deleted

    def _records(self, log: Log, number: int, start: int) -> Iterator[Record]:
        begin, end = log.begins()[number], log.ends()[number]
        first = max(start, begin)
        for records, _ in log.read({number: first}, {number: end}):
            yield from records

    def _open(self) -> tuple[Log, Writer]:
        if self._opened is None:
            log = Log(self._cluster, self._topic)
            self._opened = log, Writer(self._cluster, self._topic, log.partitions)
        return self._opened

    def close(self) -> None:
        """Let go of the connections. Closing twice is fine."""
        if self._opened is not None:
            log, writer = self._opened
            log.close()
            writer.close()
            self._opened = None


def _delivery(tenant: str, record: Record) -> Delivery:
    headers = dict(record.headers)
    return Delivery(
        tenant,
        record.offset << _BITS | record.partition,
        headers[_SYSTEM].decode(),
        int(headers[_RECEIVED]),
        msgspec.json.decode(headers[_HEADERS], type=dict[str, str]),
        record.value or b"",
    )
