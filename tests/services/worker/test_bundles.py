"""What is overridden of Faust is still there to be overridden."""

import asyncio
from pathlib import Path

from services.kafka.clients import cluster_of
from services.settings import Settings
from services.worker.bundles import FETCH_WAIT_MS, Consumer, Thread
from services.worker.group import Group


def test_the_broker_is_not_asked_to_wait_long(tmp_path: Path) -> None:
    """Guards ``FETCH_WAIT_MS``: with Faust's 1,500 ms an event waits so long when another partition was just read."""
    settings = Settings(data=tmp_path, journal="kafka://127.0.0.1:1")

    async def nothing() -> None: ...

    async def take(_: object) -> bool:
        return True

    async def made() -> int:
        group = Group(settings, cluster_of(settings), take, nothing, nothing)
        consumer = group.app._new_consumer()
        assert isinstance(consumer, Consumer)
        thread = consumer._thread
        assert isinstance(thread, Thread)
        thread.thread_loop.close()  # it was not started
        client = thread._create_worker_consumer(consumer.transport)
        await client.stop()
        return int(client._fetch_max_wait_ms)

    assert asyncio.run(made()) == FETCH_WAIT_MS < 100
