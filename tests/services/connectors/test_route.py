"""``POST /hooks/{system}`` over HTTP, with the gateway's own parts around it."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway import hooks
from services.gateway.access import Gate
from services.gateway.batcher import Batcher
from services.gateway.body import Bodies
from services.gateway.gateway import ANYBODY, Gateway
from services.gateway.metrics import Metrics
from services.gateway.problems import Problem
from services.gateway.rate import Rates
from services.keys.sqlite import SqliteKeys
from tests.services.connectors.desk import Desk, amount, hubspot, signed

Post = Callable[[str, bytes, Mapping[str, str]], httpx.Response]


@pytest.fixture
def post(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """Somebody who calls the route of a desk's hooks."""
    metrics = Metrics(None)
    batcher = Batcher(desk.ingest, metrics.committed)
    with SqliteKeys(tmp_path_factory.mktemp("keys") / "keys.sqlite") as keys:
        gateway = Gateway(
            journal=desk.company.journal,
            batcher=batcher,
            gate=Gate(keys),
            rates=Rates(0),
            bodies=Bodies(30),
            metrics=metrics,
            follower=None,
            kafka_prefix="",
            receiver=desk.receiver,
        )
        route = hooks.ROUTE

        async def endpoint(request: Request) -> Response:
            try:
                return await route.handler(gateway, ANYBODY, request)
            except Problem as problem:
                return problem.response()

        app = Starlette(routes=[Route(route.path, endpoint, methods=[route.method])])

        def post(path: str, raw: bytes, headers: Mapping[str, str]) -> httpx.Response:
            async def send() -> httpx.Response:
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inside") as http:
                    return await http.post(path, content=raw, headers=dict(headers))

            return asyncio.run(send())

        yield post
        batcher.close()


def test_a_delivery_is_told_over_http(post: Post, desk: Desk) -> None:
    raw = json.dumps([*hubspot(amount(7, 0, "90")), {"portalId": 12345678}]).encode()
    request = signed("pipedrive", b"not json")
    answer = post("/hooks/pipedrive", request.raw, request.headers)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "duplicates": 0, "refused": 0, "unknown": 1})
    strange = post("/hooks/hubspot", raw, {})
    assert strange.status_code == 401
    assert "x-hubspot-signature-v3 is missing" in strange.json()["detail"]
    nowhere = post("/hooks/sap", raw, {})
    assert (nowhere.status_code, "hubspot" in nowhere.json()["detail"]) == (404, True)
    assert len(desk.company.journal.inbox(desk.company.tenant, 0, 10)) == 1


@pytest.mark.parametrize("system", ["hubspot", "jiandaoyun"])
def test_behind_a_proxy_the_address_that_was_signed_is_that_of_the_hook(post: Post, system: str) -> None:
    raw = b'{"portalId": 12345678}'
    request = signed(system, raw)
    query = request.url.partition("?")[2]
    path = f"/hooks/{system}?{query}" if query else f"/hooks/{system}"
    answer = post(path, raw, request.headers)
    assert (answer.status_code, answer.json()["unknown"]) == (200, 1)
