"""This worker as a member of the consumer group: the Faust app, and what is set other than Faust would."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import faust
from faust.streams import Stream
from faust.types import TP, StreamT

from services.kafka.clients import Cluster
from services.kafka.records import Record
from services.kafka.topics import Names
from services.settings import Settings
from services.worker.bundles import App

Handle = Callable[[Sequence[Record]], Awaitable[bool]]
"""Does a batch; whether it is done for good and may be acknowledged."""
Rebalanced = Callable[[], Awaitable[None]]

_FOREVER_S: Final = 86_400.0
_TOGETHER: Final = 32
"""Bundles that are taken together, at most."""


class Raw(faust.Schema[Any, Any]):
    """Bundles of records as they are: nobody's bytes can fail here."""

    def loads_key(self, app: Any, message: Any, **told: Any) -> Any:
        return message.key

    def loads_value(self, app: Any, message: Any, **told: Any) -> Any:
        return message.value


class Group:
    """The Faust app with its agent, which reads the inbox.

    A partition of the journal belongs to who has that of the inbox. ``revoked`` is awaited before partitions are given
    back, ``assigned`` after new ones were given. Faust only carries records here: what it acknowledges is a hint where
    to begin next time, never what is known to be done.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        inbox: Handle,
        revoked: Rebalanced,
        assigned: Rebalanced,
    ) -> None:
        self._inbox: Final = Names(settings.kafka_prefix).inbox
        self.app: Final = _app(settings, cluster)
        self._size: Final = settings.worker_batch
        self._within_s: Final = settings.worker_within_ms / 1000
        raw = self.app.topic(self._inbox, schema=Raw(), allow_empty=True)
        self.app.agent(raw, name=self._inbox, concurrency=1)(self._agent(inbox))

        async def on_revoked(app: Any, /, *told: Any, **more: Any) -> None:
            await revoked()

        async def on_assigned(app: Any, /, *told: Any, **more: Any) -> None:
            await assigned()

        self._kept: Final = (on_revoked, on_assigned)  # Faust's signals hold them weakly
        self.app.on_partitions_revoked.connect(on_revoked)
        self.app.on_partitions_assigned.connect(on_assigned)

    def partitions(self) -> frozenset[int]:
        """The partitions that are this worker's, of the inbox and of the journal alike."""
        return frozenset(tp.partition for tp in self._assignment() if tp.topic == self._inbox)

    def _assignment(self) -> Iterable[TP]:
        # ``consumer.assignment()`` asks the thread of the client, which is late by a step; this is what Faust goes by.
        return self.app._assignment or ()

    def _agent(self, handle: Handle) -> Callable[[StreamT[Any]], Awaitable[None]]:
        async def agent(stream: StreamT[Any]) -> None:
            assert isinstance(stream, Stream), "the port of streams knows no noack_take"
            # ``take`` acknowledges in a ``finally``, so what fails would be lost; ``noack_take`` leaves that to us.
            async for events in stream.noack_take(_TOGETHER, within=self._within_s):
                if await self._handled(handle, [record for event in events for record in event.value]):
                    for event in events:
                        # What was read before a rebalance is read again after it, and acknowledged then.
                        if event.message.generation_id == self.app.consumer_generation_id:
                            event.ack()

        return agent

    async def _handled(self, handle: Handle, records: Sequence[Record]) -> bool:
        """Hand the records on, not too many in one go; whether all of them are done."""
        for start in range(0, len(records), self._size):
            if not await handle(records[start : start + self._size]):
                return False
        return True

    async def start(self) -> None:
        """Join the group."""
        await self.app.start()

    async def stop(self) -> None:
        """Commit what was acknowledged, and leave the group."""
        await self.app.stop()

    def crash(self) -> BaseException | None:
        """Why Faust gave up; None: it did not."""
        if not self.app.crashed:
            return None
        return self.app.crash_reason or RuntimeError("Faust stopped and does not say why")


def _app(settings: Settings, cluster: Cluster) -> App:
    session_s = float(settings.worker_session_s)
    return App(
        settings.group,
        loop=asyncio.get_running_loop(),
        broker=[f"kafka://{server}" for server in cluster.servers],
        broker_credentials=_credentials(settings),
        datadir=Path(settings.data, "faust"),
        autodiscover=False,
        web_enabled=False,  # its port would be open to everybody
        topic_allow_declare=False,  # `salestream setup` makes topics, as they must be
        topic_disable_leader=True,
        processing_guarantee="at_least_once",  # its "exactly once" knows nothing of a ledger outside of Kafka
        consumer_auto_offset_reset="earliest",
        # What failed is tried again within the agent, and a rebalance does not wait for it: the next owner reads the
        # same records again, and the journal and the ledger know what they have.
        stream_wait_empty=False,
        stream_processing_timeout=_FOREVER_S,
        broker_commit_livelock_soft_timeout=_FOREVER_S,
        # A worker that waits for its store takes no records and must keep its place all the same.
        broker_max_poll_interval=_FOREVER_S,
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 6,
        broker_rebalance_timeout=max(session_s, 30.0),
        broker_request_timeout=90.0,
        broker_commit_interval=1.0,
        # Little at a time, for Faust hands out all that it has fetched before it looks at other partitions again; and
        # few bundles ahead, for each may hold as many records.
        broker_max_poll_records=1000,
        stream_buffer_maxsize=16,
        consumer_max_fetch_size=1024 * 1024,
    )


def _credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    protocol = settings.kafka_security_protocol
    context = _context(settings) if protocol.endswith("SSL") else None
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


def _context(settings: Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile or None)
    if settings.kafka_ssl_certfile:
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile or None)
    return context
