"""The service of subject keys over HTTP, for processes on several machines. It alone knows the master key.

It answers whoever knows its token, and gives no names: a key is got by whom it is about. Keys leave it unwrapped, so
it belongs behind TLS or on one machine.
"""

import hmac
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.body import Bodies
from services.gateway.problems import Problem, unavailable
from services.sealing.asked import METHODS, MOST, PATH, Answer, Ask, Held, Method
from services.sealing.port import SealingError
from services.sealing.sqlite import SqliteSubjectKeys

Endpoint = Callable[[Request], Awaitable[Response]]

_LOG: Final = logging.getLogger(__name__)
_ask: Final = msgspec.json.Decoder(Ask).decode
_encode: Final = msgspec.json.Encoder().encode


def app(keys: SqliteSubjectKeys, token: str) -> FastAPI:
    """The application over a store of keys, for who knows the token."""
    made = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    made.state.end = _nothing_to_end
    bodies, expected = Bodies(30), f"Bearer {token}".encode()
    for method in METHODS:
        answer = partial(_answered, keys, method)
        made.add_route(f"{PATH}{method}", _endpoint(bodies, expected, answer), methods=["POST"])
    made.add_route("/healthz", _healthy, methods=["GET"])
    return made


async def _nothing_to_end() -> None:
    """Nothing goes on beside the requests."""


async def _healthy(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")


def _endpoint(bodies: Bodies, expected: bytes, answer: Callable[[Ask], Answer]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            told = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(told, expected):
                raise Problem(401, "unauthorized", "this token opens nothing here; allowed: that of the key store")
            body = await bodies.read(request, MOST)
            return Response(_encode(await run_in_threadpool(answer, _read(body))), media_type="application/json")
        except Problem as problem:
            return problem.response()
        except SealingError as error:
            _LOG.error("%s", error)
            return unavailable("the keys cannot be used now; the log of the key store says why").response()

    return endpoint


def _read(body: bytes) -> Ask:
    try:
        return _ask(body)
    except msgspec.MsgspecError:
        sentence = "this is no question to a key store; is it one of the same version of Salestream?"
        raise Problem(400, "bad-request", sentence) from None


def _answered(keys: SqliteSubjectKeys, method: Method, ask: Ask) -> Answer:
    if method == "made":
        # The number first: what is destroyed meanwhile is asked for once more, not missed.
        return Answer(keys.destroyed(), held=_held(keys, ask))
    if method == "destroy":
        moments = [keys.destroy(slot, ask.at_ms) for slot in ask.slots]
        return Answer(keys.destroyed(), number=max(moments, default=0))
    if method == "erased":
        return Answer(keys.destroyed(), erased=keys.erased(ask.tenant))
    if method == "tenants":
        return Answer(keys.destroyed(), tenants=keys.tenants())
    return Answer(keys.destroyed(), number=keys.expire(ask.tenant, ask.prefix, ask.before))


def _held(keys: SqliteSubjectKeys, ask: Ask) -> list[Held]:
    if ask.make:
        made = keys.made(ask.slots)
        return [Held(made[slot], made[slot] is None) for slot in ask.slots]
    found = ((slot, keys.key(slot)) for slot in ask.slots)
    return [Held(key, key is None and keys.is_erased(slot)) for slot, key in found]
