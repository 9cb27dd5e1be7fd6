"""Writes whole batches to a topic, as one record batch of each partition and with one answer for it.

kafka-python makes each record in Python, with a future of its own, which costs a worker as much as judging the event.
aiokafka, which Faust brings along, takes finished record batches, which are made in C.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.journal.port import JournalError
from services.kafka.clients import Cluster, partition_of
from services.kafka.records import Outgoing, Record

_LEAVE_S: Final = 1.0
"""How long a producer has to close its connections."""

_Answer = tuple[int, int | None]
"""The offset of a record batch, and the time that the broker gave it; None: it keeps the writers' times."""


class BulkFailed(JournalError):
    """It is not known which of the records are in the topic. Write them again, with a Writer."""


class BulkWriter:
    """Writes to one topic; each tenant's records to its partition, in order. Threads take turns.

    It waits ``patience_s`` for an answer, and gives up what it had on its way with any error.
    """

    def __init__(self, cluster: Cluster, topic: str, partitions: int, patience_s: float) -> None:
        self._cluster = cluster
        self._topic = topic
        self._partitions = partitions
        self._patience_s = patience_s
        self._lock = Lock()
        self._loop: _Loop | None = None

    def write(self, batch: Sequence[Outgoing]) -> list[Record]:
        """As Writer.write. Raises BulkFailed."""
        with self._lock:
            try:
                loop = self._loop = self._loop or _Loop(self._cluster, self._patience_s)
                return self._sent(loop, batch)
            except (KafkaError, OSError) as error:
                self._abandon()
                raise BulkFailed(
                    f"Kafka at {self._cluster.name} did not take a batch ({type(error).__name__})"
                ) from error

    def _sent(self, loop: "_Loop", batch: Sequence[Outgoing]) -> list[Record]:
        keys = {tenant: (tenant.encode(), self._place(tenant)) for tenant in {out.tenant for out in batch}}
        parts: dict[int, list[tuple[Any, list[int]]]] = {}
        for index, out in enumerate(batch):
            key, place = keys[out.tenant]
            built = parts.setdefault(place, [])
            told = {"timestamp": max(out.timestamp_ms, 0), "key": key, "value": out.value, "headers": out.headers}
            if not built or built[-1][0].append(**told) is None:
                builder = loop.producer.create_batch()
                taken = builder.append(**told)
                assert taken is not None, "an empty batch takes any record"
                built.append((builder, []))
            built[-1][1].append(index)
        answers = loop.send(self._topic, {place: [builder for builder, _ in built] for place, built in parts.items()})
        found: list[Record | None] = [None] * len(batch)
        for place, built in parts.items():
            for (_, indices), (base, stamped_ms) in zip(built, answers[place], strict=True):
                for at, index in enumerate(indices):
                    out = batch[index]
                    time_ms = out.timestamp_ms if stamped_ms is None else stamped_ms
                    offset = base + at if base >= 0 else -1
                    found[index] = Record(
                        place, offset, time_ms, keys[out.tenant][0], out.value, out.headers, out.known
                    )
        return [record for record in found if record is not None]

    def _place(self, tenant: str) -> int:
        return partition_of(tenant, self._partitions)

    def _abandon(self) -> None:
        if self._loop is not None:
            self._loop.close()
            self._loop = None

    def close(self) -> None:
        """Let go of the connections. Closing twice is fine."""
        with self._lock:
            self._abandon()


class _Loop:
    """A producer and the event loop that it lives in, in a thread of its own. Raises what aiokafka raises."""

    def __init__(self, cluster: Cluster, patience_s: float) -> None:
        self._patience_s = patience_s
        self._begun: Future[AIOKafkaProducer] = Future()
        self._thread: Final = Thread(target=lambda: asyncio.run(self._live(cluster)), name="journal-out", daemon=True)
        self._thread.start()
        self.producer: Final[AIOKafkaProducer] = self._begun.result(patience_s + _LEAVE_S)

    async def _live(self, cluster: Cluster) -> None:
        """Until it is closed; the end of ``asyncio.run`` cancels what the producer still does."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        producer = cluster.bulk_producer()
        try:
            async with asyncio.timeout(self._patience_s):
                await producer.start()
            self._begun.set_result(producer)
            await self._ended.wait()
        except (KafkaError, OSError) as error:
            self._begun.set_exception(error)
        finally:
            for leave in (producer.stop, producer.client.close):  # the one waits for what is on its way
                with suppress(KafkaError, OSError):
                    async with asyncio.timeout(_LEAVE_S):
                        await leave()

    def send(self, topic: str, parts: dict[int, list[Any]]) -> dict[int, list[_Answer]]:
        """What became of the record batches, by partition."""
        sending = asyncio.run_coroutine_threadsafe(self._send(topic, parts), self._loop)
        return sending.result(self._patience_s + _LEAVE_S)

    async def _send(self, topic: str, parts: dict[int, list[Any]]) -> dict[int, list[_Answer]]:
        async with asyncio.timeout(self._patience_s):
            sending = [self._send_part(topic, place, part) for place, part in parts.items()]
            answers = await asyncio.gather(*sending, return_exceptions=True)
        found: dict[int, list[_Answer]] = {}
        for place, answer in zip(parts, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            found[place] = answer
        return found

    async def _send_part(self, topic: str, place: int, part: list[Any]) -> list[_Answer]:
        """One after the other, which keeps their order whatever becomes of one."""
        answers = []
        for batch in part:
            batch.close()
            done = await (await self.producer.send_batch(batch, topic, partition=place))
            answers.append((done.offset, done.timestamp if done.timestamp_type == 1 else None))
        return answers

    def close(self) -> None:
        """End the thread."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(5 * _LEAVE_S)
