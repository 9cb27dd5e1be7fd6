"""Telling a gateway what a sales force tells, at an even pace."""

import asyncio
import json
import time
from collections import deque

from benchmarks.gateway import CALM_PER_S, STRUCTURED, answered, as_request
from events.envelope import to_text
from services.clock import now_ms


async def tell(port: int, run: int, seconds: int) -> list[tuple[float, int]]:
    """Events at an even pace, no two runs the same: when each was due, by the monotonic clock, and its position.

    Over as many connections as it takes, by plain sockets: a client that does more would take more processor time than
    the server, on the same machine.
    """
    idle = deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]]()

    async def one(number: int, due: float) -> tuple[float, int]:
        line = idle.popleft() if idle else await asyncio.open_connection("127.0.0.1", port)
        body = await answered(*line, as_request(STRUCTURED, event(run, number)))
        idle.append(line)
        return due, int(json.loads(body)["position"])

    start, tasks = time.monotonic(), []
    for number in range(CALM_PER_S * seconds):
        due = start + number / CALM_PER_S
        await asyncio.sleep(max(due - time.monotonic(), 0))
        tasks.append(asyncio.create_task(one(number, due)))
    told = await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return told


def event(run: int, number: int) -> bytes:
    """What a sales force tells: mostly contacts, some deals."""
    time_ = to_text(now_ms() - 5_000)
    deal = f"B-{run}-{number - number % 10}"
    kinds: tuple[tuple[str, dict[str, str]], ...] = (
        ("deal.created", {"deal_id": deal, "stage": "qualified", "amount": "900.00", "rep_id": f"rep-{number % 40}"}),
        ("deal.stage_moved", {"deal_id": deal, "to_stage": "proposal"}),
        ("deal.won", {"deal_id": deal, "amount": "900.00", "customer_id": f"C-{number}"}),
    )
    type_, data = kinds[number % 10] if number % 10 < 3 else ("touchpoint.logged", _touch(number))
    told = {
        "specversion": "1.0",
        "id": f"b-{run}-{number}",
        "source": "/bench",
        "type": type_,
        "time": time_,
        "data": data,
    }
    return json.dumps(told).encode()


def _touch(number: int) -> dict[str, str]:
    return {"rep_id": f"rep-{number % 40}", "kind": "call", "customer_id": f"C-{number % 500}"}
