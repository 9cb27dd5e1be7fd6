"""Whether it runs, whether it can do its work, and what it counts: for those who watch over it."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from services.clock import now_ms
from services.gateway.access import Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.metrics import CONTENT_TYPE
from services.journal.port import JournalError


async def healthz(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The process answers."""
    return _json(200, {"status": "ok"})


async def readyz(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Whether the journal takes events and the ledger follows it."""
    journal, behind = await asyncio.to_thread(_looked_at, gateway)
    follower = gateway.follower
    if follower is None:
        ledger = "posted elsewhere"
    elif follower.done is None or follower.done.done():
        ledger = "stopped"
    else:
        ledger = "failing" if follower.failing else "following"
    ready = journal == "writable" and ledger in ("following", "posted elsewhere")
    return _json(
        200 if ready else 503, {"ready": ready, "journal": journal, "ledger": {"state": ledger, "behind": behind}}
    )


def _looked_at(gateway: Gateway) -> tuple[str, int | None]:
    """Whether the journal can be written, and how many events the ledger lacks. What fails says so in the log."""
    try:
        gateway.journal.append([], now_ms=now_ms())
        behind = gateway.follower.behind() if gateway.follower is not None else None
    except JournalError:
        return "failing", None
    return "failing" if gateway.batcher.failing else "writable", behind


async def metrics(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """What is counted and measured."""
    return Response(await asyncio.to_thread(gateway.metrics.text), media_type=CONTENT_TYPE)


def _json(status: int, told: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(told), status, media_type="application/json")


_READY: Final = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "journal": {"enum": ["writable", "failing"]},
        "ledger": {
            "type": "object",
            "properties": {
                "state": {"enum": ["following", "failing", "stopped", "posted elsewhere"]},
                "behind": {"type": ["integer", "null"], "description": "Events that the ledger lacks, where known."},
            },
        },
    },
}
_READY_CONTENT: Final = {"application/json": {"schema": _READY}}

ROUTES: Final = (
    Route(
        method="GET",
        path="/healthz",
        scope=None,
        handler=healthz,
        summary="Whether it runs",
        description="Answers as long as the process does.",
        responses={200: {"description": "It runs.", "content": {"application/json": {"schema": {"type": "object"}}}}},
    ),
    Route(
        method="GET",
        path="/readyz",
        scope=None,
        handler=readyz,
        summary="Whether it can do its work",
        description="Whether the journal takes events, and how far the ledger is behind it.",
        responses={
            200: {"description": "It can.", "content": _READY_CONTENT},
            503: {"description": "It cannot; the log says why.", "content": _READY_CONTENT},
        },
    ),
    Route(
        method="GET",
        path="/metrics",
        scope="admin",
        handler=metrics,
        summary="Figures for Prometheus",
        description="Events by outcome, latencies, sizes, how far the ledger is behind. Of all tenants together.",
        responses={200: {"description": "Figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
    ),
)
