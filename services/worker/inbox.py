"""From the inbox topic into the journal: each record is judged at the door and fed once, in its order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

import msgspec

from events.envelope import Told
from events.planning import CalendarDefined
from services.ingest import Currencies, Terms, judge
from services.journal.kafka import KafkaJournal
from services.journal.port import Content, Refused, Verdict
from services.kafka.binding import cloudevent
from services.kafka.clients import partition_of
from services.kafka.feeder import Feeder
from services.kafka.log import Log
from services.kafka.records import Record
from services.worker.breaker import Breaker

Judged = list[tuple[int, Content | Refused]]
"""Offsets of the inbox, and what stands there."""
Owned = Callable[[], frozenset[int]]
"""The partitions that are this worker's at the moment."""


class Counts(Protocol):
    """Who counts what came of the inbox."""

    def fed(self, told: int, refused: int, verdicts: Sequence[Verdict | None]) -> None: ...


class Inbox:
    """The inbox partitions of this worker, which ``owned`` names. All but ``done`` from one thread.

    The group's committed offsets only say where Kafka's client begins to read. What is between the journal's
    watermark and there is read from the topic first, so an offset that was committed too early loses nothing; and what
    is fed again is passed over by the mirrors.
    """

    def __init__(
        self, journal: KafkaJournal, log: Log, owned: Owned, currency: str, breaker: Breaker, counts: Counts
    ) -> None:
        self._journal = journal
        self._log = log
        self._owned = owned
        self._currency = currency
        self._breaker = breaker
        self._counts = counts
        self._feeder: Final = Feeder(journal)
        self._next: dict[int, int] = {}
        self._passed: dict[int, dict[int, int]] = {}
        """By inbox partition, where the journal's partitions were when its first records came: what lies up to there
        stands in them, and need not be fed again."""
        self._times_ms: dict[int, int] = {}

    def begin(self, committed: Mapping[int, int]) -> None:
        """Partitions were assigned anew: forget the old ones, and read what the group has passed and no journal has.

        ``committed``: where the group reads on, of each partition that it has read before.
        """
        for partition in list(self._next):
            self._feeder.forget(partition)
        self._next.clear()
        self._passed.clear()
        self._journal.catch_up(self._owned())  # the accepted calendars of those who fed these partitions before
        for partition, offset in committed.items():
            if partition in self._owned():
                self._aim(partition, offset)

    def take(self, records: Sequence[Record]) -> None:
        """Feed records of any partitions, each one's in order. Those of partitions that are not ours are left alone.

        Raises JournalError or Tripped where something could not be fed; take the same records again then.
        """
        parts: dict[int, list[Record]] = {}
        for record in records:
            parts.setdefault(record.partition, []).append(record)
        owned = self._owned()
        ours = {partition: part for partition, part in parts.items() if partition in owned}
        for partition, part in ours.items():
            self._aim(partition, part[0].offset)
        self._feed(ours)

    def done(self) -> dict[int, tuple[int, int]]:
        """By partition, the offset up to which everything is fed, and the time of the record before it; 0: unknown."""
        return {number: (offset, self._times_ms.get(number, 0)) for number, offset in dict(self._next).items()}

    def _aim(self, partition: int, offset: int) -> None:
        """Feed what is missing before an offset."""
        if partition not in self._next:
            self._passed[partition] = self._journal.watermarks(partition)
            self._next[partition] = min(self._journal.watermark(partition) + 1, offset)
        if self._next[partition] >= offset:
            return
        start = max(self._next[partition], self._log.begins()[partition])
        if start < offset:
            for records, _ in self._log.read({partition: start}, {partition: offset}):
                self._feed({partition: [record for record in records if record.offset < offset]})
        self._next[partition] = offset

    def _feed(self, parts: Mapping[int, Sequence[Record]]) -> None:
        """Feed partitions together, so that they are written in one go."""
        rest = {number: [each for each in part if each.offset >= self._next[number]] for number, part in parts.items()}
        while rest := {partition: part for partition, part in rest.items() if part}:
            told = {partition: self._judged(part) for partition, part in rest.items()}
            total = sum(len(part) for part in told.values())
            refused = _refused(told)
            self._breaker.admit(total, refused)
            new = {partition: self._not_passed(partition, part) for partition, part in told.items()}
            verdicts = self._feeder.feed(new, now_ms=max(part[0].timestamp_ms for part in rest.values()))
            for partition, part in told.items():
                self._next[partition] = part[-1][0] + 1
                self._times_ms[partition] = rest[partition][len(part) - 1].timestamp_ms
            conflicts = sum(verdict is not None and verdict.status == "conflict" for verdict in verdicts)
            self._breaker.note(total, refused + conflicts)
            self._counts.fed(total, _refused(new), verdicts)
            rest = {partition: part[len(told[partition]) :] for partition, part in rest.items()}

    def _not_passed(self, partition: int, told: Judged) -> Judged:
        """Without what another worker, or this one before, has fed, and what Kafka gives again after a rebalance."""
        passed, partitions = self._passed.get(partition, {}), self._journal.partitions
        if told[0][0] > max(passed.values(), default=-1):
            return told
        return [each for each in told if each[0] > passed.get(partition_of(each[1].tenant, partitions), -1)]

    def _judged(self, records: Sequence[Record]) -> Judged:
        """What the records tell, up to a calendar, for the amounts after it may be in the currency that it names."""
        known: dict[str, str] = {}

        def currency_of(tenant: str) -> str:
            if tenant not in known:
                place = partition_of(tenant, self._journal.partitions)
                if place not in self._owned():  # told in another's partition of the inbox
                    self._journal.catch_up({place})
                known[tenant] = Currencies(self._journal, self._currency, [tenant]).of(tenant)
            return known[tenant]

        told: Judged = []
        terms = Terms(-1, importer=False, tenant=None, origin=f"inbox/{records[0].partition}")
        for record in records:
            if record.timestamp_ms != terms.now_ms:  # those that were told together have one time
                terms = msgspec.structs.replace(terms, now_ms=record.timestamp_ms)
            said = judge(record.offset, cloudevent(record.value, record.headers), terms, currency_of)
            told.append((record.offset, said))
            if isinstance(said, Told) and said.type == CalendarDefined.TYPE:
                break
        return told


def _refused(told: Mapping[int, Judged]) -> int:
    return sum(isinstance(said, Refused) for part in told.values() for _, said in part)
