"""From the inbox into the journal, each record once, without transactions."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.journal.port import Content, JournalError, Refused, Verdict
from services.kafka.clients import partition_of
from services.kafka.records import Origin


class Fed(Protocol):
    """What is fed: a KafkaJournal."""

    @property
    def partitions(self) -> int: ...
    def feed(self, told: Sequence[tuple[Content | Refused, Origin]], *, now_ms: int) -> list[Verdict | None]: ...


class Feeder:
    """Feeds what the inbox told, in its order. Use one for each worker, from one thread.

    Each record that is written carries its inbox offset and that of its forerunner, so that mirrors take every
    inbox record once, whatever is written again by a restart or by a zombie, and never one before those it follows.
    """

    def __init__(self, journal: Fed) -> None:
        self._journal = journal
        self._last: dict[tuple[int, int], int] = {}
        """The last inbox offset that was fed into a journal partition from an inbox partition."""
        self._owed: dict[int, int] = {}
        """By inbox partition, the first offset of what could not be written."""

    def feed(self, told: Mapping[int, Sequence[tuple[int, Content | Refused]]], *, now_ms: int) -> list[Verdict | None]:
        """Write what the records of inbox partitions told, each with its offset, each partition's in their order.

        None stands for what is refused, and for what was in the journal already. Acknowledge the records when this
        returns. Raises JournalError where they could not be written, and also, so that nothing is left out, where
        others are fed before those were written.
        """
        parts = {inbox: part for inbox, part in told.items() if part}
        for inbox, part in parts.items():
            self._must_not_skip(inbox, part[0][0])
        for inbox, part in parts.items():
            self._owed[inbox] = part[0][0]
        last = dict(self._last)
        batch = []
        for inbox, part in parts.items():
            for offset, said in part:
                place = (partition_of(said.tenant, self._journal.partitions), inbox)
                batch.append((said, Origin(inbox, offset, min(last.get(place, -1), offset - 1))))
                last[place] = offset
        verdicts = self._journal.feed(batch, now_ms=now_ms)
        self._last = last
        for inbox in parts:
            del self._owed[inbox]
        return verdicts

    def _must_not_skip(self, inbox: int, offset: int) -> None:
        owed = self._owed.get(inbox)
        if owed is not None and offset > owed:
            raise JournalError(
                f"inbox partition {inbox} was to be fed from offset {owed}, which could not be written, and not from "
                f"{offset}; read it again from {owed}"
            )

    def forget(self, inbox: int) -> None:
        """Start anew with a partition: it was given to another worker, or comes back from one."""
        self._last = {place: offset for place, offset in self._last.items() if place[1] != inbox}
        self._owed.pop(inbox, None)
