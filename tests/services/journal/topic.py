"""A journal topic in memory, to make mirrors from: what a broker would hold, in an order that a test chooses."""

from collections.abc import Iterator, Mapping, Sequence

from services.journal.port import Content, Refused
from services.kafka.clients import partition_of
from services.kafka.records import Decision, Origin, Outgoing, Record, outgoing

Told = tuple[Content | Refused | Decision, Origin | None]


class Topic:
    """A Source; also what a test writes to."""

    def __init__(self, partitions: int = 2) -> None:
        self._partitions: list[list[Record]] = [[] for _ in range(partitions)]
        self.written: list[Record] = []
        """All records in the order in which they were written."""

    @property
    def partitions(self) -> int:
        return len(self._partitions)

    def ends(self) -> dict[int, int]:
        return {number: len(records) for number, records in enumerate(self._partitions)}

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[tuple[list[Record], dict[int, int]]]:
        for number, start in starts.items():
            yield self._partitions[number][start : ends[number]], {number: ends[number]}

    def write(self, said: Content | Refused | Decision, at_ms: int, origin: Origin | None = None) -> None:
        """As a producer does."""
        self.put(outgoing(said, at_ms, origin))

    def put(self, out: Outgoing, partition: int | None = None) -> None:
        """As a producer of another make does."""
        number = partition_of(out.tenant, self.partitions) if partition is None else partition
        records = self._partitions[number]
        record = Record(number, len(records), out.timestamp_ms, out.tenant.encode(), out.value, out.headers)
        records.append(record)
        self.written.append(record)

    def cut(self, sizes: Sequence[int]) -> list[list[Record]]:
        """All records, in batches of these sizes over and over."""
        batches, rest = [], list(self.written)
        while rest:
            for size in sizes:
                batches.append(rest[:size])
                rest = rest[size:]
        return [batch for batch in batches if batch]
