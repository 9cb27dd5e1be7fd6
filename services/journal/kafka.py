"""The journal on Kafka: appended to a topic, read from a mirror of it."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import count, islice
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.clock import now_ms as clock_ms
from services.journal.mirror import Answer, Mirror
from services.journal.port import Content, Delivery, JournalError, Refused, Verdict, conflict
from services.kafka.bulk import BulkFailed, BulkWriter
from services.kafka.clients import Cluster, in_a_sentence
from services.kafka.deliveries import Deliveries
from services.kafka.log import Log
from services.kafka.records import Decision, Origin, Outgoing, Record, Sender, outgoing
from services.kafka.topics import Names
from services.kafka.writer import Writer
from services.sealing.vault import Vault

Telling = tuple[Content | Refused | Decision, Origin | None]
"""Something on its way into the topic, and where in the inbox it was told."""
Write = Callable[[Sequence[Outgoing]], list[Record]]

_LOG: Final = logging.getLogger(__name__)


class KafkaJournal(Mirror):
    """A Journal whose truth is the topic ``names.journal``; ``path`` is its mirror's file.

    It is open when the mirror has everything the topic holds. The recorded time of an event is the broker's; what
    ``append`` is given as ``now_ms`` counts only in a topic that keeps the times of its writers.

    An append of a few hundred events of one tenant is all or nothing. A longer one, or one of several tenants, that
    fails may be in the topic in part: told again, what had gone in is a duplicate.
    """

    def __init__(self, path: Path, cluster: Cluster, names: Names, vault: Vault | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._numbers = count()
        with ExitStack() as opened:
            log = opened.enter_context(Log(cluster, names.journal))
            self._writer_of_topic: Final = opened.enter_context(closing(Writer(cluster, names.journal, log.partitions)))
            patience_s = max(cluster.timeout_s / 4, 2.0)
            self._bulk: Final = opened.enter_context(
                closing(BulkWriter(cluster, names.journal, log.partitions, patience_s))
            )
            self._bulk_works = True
            self._copies: Final = opened.enter_context(closing(Writer(cluster, names.dead_letters, log.partitions)))
            self._deliveries: Final = opened.enter_context(closing(Deliveries(cluster, names.deliveries)))
            super().__init__(path, log, topic_id(cluster, names.journal), vault=vault)
            opened.callback(super().close)
            self._token = uuid.uuid4().hex
            self.catch_up()
            self._opened = opened.pop_all()

    def append(self, batch: Sequence[Content], refused: Sequence[Refused] = (), *, now_ms: int) -> list[Verdict]:
        told: list[Telling] = [(said, None) for said in (*batch, *refused)]
        answers = self._send(told, now_ms)
        verdicts = [answer for answer in answers[: len(batch)] if isinstance(answer, Verdict)]
        assert len(verdicts) == len(batch), "what is appended here is never passed over"
        return verdicts

    def feed(self, told: Sequence[tuple[Content | Refused, Origin]], *, now_ms: int) -> list[Verdict | None]:
        """Append what was told in the inbox; None for what is refused, or was in the journal already.

        Whoever feeds does so in the order of the inbox, and feeds again, from the first one on, what could not be
        written; see Feeder, which knows the origins.
        """
        answers = self._send(list(told), now_ms, self._in_bulk)
        return [answer if isinstance(answer, Verdict) else None for answer in answers]

    def close_letter(self, tenant: str, number: int, outcome: Literal["retried", "discarded"]) -> None:
        self.catch_up()
        if self.letter(tenant, number) is None:
            raise JournalError(f"{tenant!r} has no dead letter {number}; list them to see their numbers")
        (stands,) = self._send([(Decision(tenant, number, outcome), None)], clock_ms())
        if not stands:
            raise JournalError(f"dead letter {number} of {tenant!r} is closed already; a decision stands")

    def close(self) -> None:
        self._opened.close()

    def keep(self, tenant: str, system: str, received_ms: int, raw: bytes, headers: Mapping[str, str]) -> int:
        return self._deliveries.keep(tenant, system, received_ms, self._sealed_raw(tenant, received_ms, raw), headers)

    def inbox(self, tenant: str, after: int, limit: int) -> list[Delivery]:
        found = self._deliveries.read(tenant, after, limit)
        return [msgspec.structs.replace(each, raw=self._opened_raw(tenant, each.raw)) for each in found]

    def forget_raw(self, tenant: str, mentions: Callable[[bytes], object]) -> int:
        """Nothing: in a topic nothing can be deleted at will, and the key of the day goes with its retention."""
        return 0

    def prune(self, before_ms: int) -> int:
        """As the port says; a delivery goes once all before it in its partition have gone."""
        return self._deliveries.prune(before_ms)

    def _in_bulk(self, out: Sequence[Outgoing]) -> list[Record]:
        """Write what was fed. Who does not get through tries again the way that everybody else writes.

        What is written twice then is taken once, by its place in the inbox.
        """
        if self._bulk_works:
            try:
                return self._bulk.write(out)
            except BulkFailed as error:
                self._bulk_works = False
                _LOG.debug("%s; it is written again", error)
        written = self._writer_of_topic.write(out)
        self._bulk_works = True
        return written

    def _send(self, clear: Sequence[Telling], now_ms: int, write: Write | None = None) -> list[Answer]:
        """Seal, write to the topic, take what was written, and say what became of each."""
        if not clear:
            return []
        told = self._all_sealed(clear, now_ms)
        self._copy([said for said, _ in told if isinstance(said, Refused)], now_ms)
        numbers = list(islice(self._numbers, len(told)))
        out = [
            outgoing(said, now_ms, origin, Sender(self._token, number))
            for (said, origin), number in zip(told, numbers, strict=True)
        ]
        with self._taking:
            self._waiting.update(numbers)
        try:
            self._take_written((write or self._writer_of_topic.write)(out))
            with self._taking:
                answers = [self._answers[number] for number in numbers]
        finally:
            with self._taking:
                self._waiting.difference_update(numbers)
                for number in numbers:
                    self._answers.pop(number, None)
        self._copy(_conflicts([said for said, _ in told], answers), now_ms)
        self._destroy_told([said for said, _ in told], answers, now_ms)
        return answers

    def _all_sealed(self, told: Sequence[Telling], now_ms: int) -> list[Telling]:
        """The same, as it may stand in a topic."""
        contents = [said for said, _ in told if not isinstance(said, Refused | Decision)]
        refused = [said for said, _ in told if isinstance(said, Refused)]
        kept, kept_refused = map(iter, self._sealed(contents, refused, now_ms))
        return [
            (said if isinstance(said, Decision) else next(kept_refused if isinstance(said, Refused) else kept), origin)
            for said, origin in told
        ]

    def _destroy_told(
        self, told: Sequence[Content | Refused | Decision], answers: Sequence[Answer], now_ms: int
    ) -> None:
        taken = [
            (said, answer)
            for said, answer in zip(told, answers, strict=True)
            if not isinstance(said, Refused | Decision) and isinstance(answer, Verdict)
        ]
        self._destroy([said for said, _ in taken], [answer for _, answer in taken], now_ms)

    def _take_written(self, written: Sequence[Record]) -> None:
        if any(record.offset < 0 for record in written):
            self.catch_up()
        else:
            self.take(written)

    def _copy(self, refused: Sequence[Refused], now_ms: int) -> None:
        """Put refusals into the topic of the dead letters too, at least once each, for those who watch it."""
        if refused:
            self._copies.write([outgoing(refusal, now_ms) for refusal in refused])


def _conflicts(told: Sequence[Content | Refused | Decision], answers: Sequence[Answer]) -> list[Refused]:
    return [
        conflict(said, answer.position)
        for said, answer in zip(told, answers, strict=True)
        if not isinstance(said, Refused | Decision) and isinstance(answer, Verdict) and answer.status == "conflict"
    ]


def topic_id(cluster: Cluster, topic: str) -> str:
    """What tells a topic from one of the same name in another cluster, or made after it was deleted."""
    admin = cluster.admin()
    try:
        with in_a_sentence(cluster):
            (described,) = admin.describe_topics([topic])
            return f"{admin.describe_cluster()['cluster_id']} {described.get('topic_id')}"
    finally:
        admin.close()
