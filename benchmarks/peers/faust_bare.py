"""A Faust agent that does nothing with what it reads but acknowledge it: what Faust itself costs."""

import asyncio
import time
from pathlib import Path
from typing import Any

import faust
from faust.streams import Stream
from faust.types import StreamT


def acknowledged(servers: str, topic: str, group: str, events: int, folder: Path) -> tuple[float, float]:
    """Seconds and processor seconds from the first record to the last, at Faust's own settings."""
    return asyncio.run(_run(servers, topic, group, events, folder))


async def _run(servers: str, topic: str, group: str, events: int, folder: Path) -> tuple[float, float]:
    app = faust.App(
        group,
        loop=asyncio.get_running_loop(),
        broker=[f"kafka://{server}" for server in servers.split(",")],
        datadir=folder,
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    done = asyncio.Event()
    began: list[tuple[float, float]] = []

    async def agent(stream: StreamT[Any]) -> None:
        assert isinstance(stream, Stream), "the port of streams knows no noack_take"
        seen = 0
        async for batch in stream.noack_take(1000, within=0.05):
            if not began:
                began.append((time.perf_counter(), time.process_time()))
            for event in batch:
                event.ack()
            seen += len(batch)
            if seen >= events:
                done.set()

    raw = app.topic(topic, value_type=bytes, value_serializer="raw", allow_empty=True)
    app.agent(raw, name=topic, concurrency=1)(agent)
    await app.start()
    await done.wait()
    seconds, cpu = time.perf_counter() - began[0][0], time.process_time() - began[0][1]
    await app.stop()
    return seconds, cpu
