"""Faust's consumer, handing out what it fetched a partition at a time instead of a record at a time.

Faust makes two tasks, a message and an event of each record, which costs more than all that is done with it here. A
bundle, all records of a partition that came with one fetch, goes through it as one message: Faust keeps the
membership, the flow control, the rebalances and the commits, and its price is paid once a bundle.
"""

from typing import Any, ClassVar, Final

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.transports import TransportT

from services.kafka.records import Record

FETCH_WAIT_MS: Final = 50
"""How long the broker may wait for something to give. Faust waits 1,500 ms, and aiokafka asks for one thing at a time
from each broker: a partition whose records were not yet handed out is left out of the next request, and what comes to
it meanwhile would lie there until that request is over."""


class Thread(driver.AIOKafkaConsumerThread):
    """The thread of the client, which does not wait long."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # Faust has no setting for it
        return consumer


class Consumer(driver.Consumer):
    """A message's value is its bundle, a list of Records in their order; its offset is that of the last."""

    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        found = await super()._getmany(active_partitions, timeout)
        return {tp: [records] for tp, records in found.items() if records}

    def _to_message(self, tp: TP, record: Any) -> Any:
        bundle = record
        message: Any = super()._to_message(tp, bundle[-1])
        message.value = [
            Record(each.partition, each.offset, each.timestamp or 0, each.key, each.value, list(each.headers))
            for each in bundle
        ]
        return message

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """The offsets between two messages are those of the second one's bundle, and not missing."""

    def _new_offset(self, tp: TP) -> int | None:
        """Where to read on: behind the last bundle that was acknowledged, for one agent takes them in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        behind = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return behind


class Transport(driver.Transport):
    """The transport with that consumer."""

    Consumer: ClassVar[Any] = Consumer


class App(faust.App):
    """A Faust app that reads through it."""

    def _new_transport(self) -> TransportT:
        return Transport(self.conf.broker_consumer, self)
