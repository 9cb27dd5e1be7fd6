"""The application: every route there is, each behind the gate, and one shape for whatever goes wrong."""

import time
from collections.abc import Callable, Coroutine
from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from events.vocabulary import BY_TYPE
from services.gateway import events, health, hooks, pages, persons, reading, wall
from services.gateway.access import Caller
from services.gateway.gateway import ANYBODY, Gateway, Route
from services.gateway.preference import language
from services.gateway.problems import MEDIA, Problem, internal, of_status, unavailable
from services.gateway.reading import CUT
from services.gateway.schemas import PLACE, components
from services.keys.port import KeysError

ROUTES: Final[tuple[Route, ...]] = (
    events.ROUTE, hooks.ROUTE, *reading.ROUTES, *wall.ROUTES, *persons.ROUTES, *health.ROUTES, *pages.ROUTES,
)  # fmt: skip
"""Everything that is served, in the order of the documents."""

_PROBLEM: Final = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence: what is wrong and what is allowed."},
        "index": {"type": "integer", "description": "Which event of the request, from 0."},
        "field": {"type": "string", "description": "Where it is wrong."},
        "allowed": {"type": "string", "description": "What is allowed there."},
    },
}
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_RAW_HEADERS: Final = Headers(_HEADERS).raw


class Direct(APIRoute):
    """A route whose endpoint takes the request as it is and gives the response: nothing is left to be worked out."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


_ENDLESS: Final = frozenset(
    route.path for route in ROUTES if "text/event-stream" in route.responses.get(200, {}).get("content", {})
)


class Application(FastAPI):
    """The application with its own OpenAPI document.

    HEAD is answered as GET is, and the server leaves the body out (RFC 9110, 9.3.2); but not where GET never ends.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] not in _ENDLESS:
            scope = {**scope, "method": "GET"}
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            parts = document.setdefault("components", {})
            one_of = [{"$ref": PLACE + type_} for type_ in BY_TYPE]
            parts["schemas"] = {"Problem": _PROBLEM, "Event": {"oneOf": one_of}, **components()}
            parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "ss_…"}}
            self.openapi_schema = document
        return self.openapi_schema


def app(gateway: Gateway) -> Application:
    """The application of a gateway."""
    made = Application(
        title="Salestream",
        version=version("salestream"),
        description="The books of selling: tell what happened, ask what it is worth.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    made.router.route_class = Direct
    made.state.end = gateway.screens.end if gateway.screens is not None else _nothing_to_end
    for route in ROUTES:
        made.add_api_route(
            f"{route.path.removesuffix('}')}:path}}" if route.slashes else route.path,
            _guarded(gateway, route),
            methods=[route.method],
            summary=route.summary,
            description=route.description,
            response_class=Response,
            status_code=min(route.responses),
            responses=_responses(route),
            operation_id=f"{route.method.lower()}{route.path}",
            openapi_extra=_extra(route),
        )
    made.add_exception_handler(HTTPException, _http_problem)
    made.add_exception_handler(Exception, _mistake)
    return made


async def _nothing_to_end() -> None:
    """Where there are no screens."""


def _guarded(gateway: Gateway, route: Route) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """The endpoint of a route: it lets in who may, answers, and counts."""

    async def endpoint(request: Request) -> Response:
        start = time.perf_counter()
        try:
            response = await _answer(gateway, route, request)
        except Problem as problem:
            response = problem.response(language(request))
        except KeysError:
            response = unavailable("keys cannot be checked now; try again").response(language(request))
        gateway.metrics.answered(route.path, response.status_code, time.perf_counter() - start)
        response.raw_headers.extend(_RAW_HEADERS)
        return response

    return endpoint


async def _answer(gateway: Gateway, route: Route, request: Request) -> Response:
    if gateway.past is not None and route.method != "GET":
        sentence = f"this process shows the books as of {gateway.past}; nothing can be told to the past"
        raise Problem(403, "of-the-past", sentence)
    if route.scope is None:
        return await route.handler(gateway, ANYBODY, request)
    caller = gateway.gate.admit(request, route.scope)
    gateway.rates.check(caller.name)
    try:
        response = await route.handler(gateway, caller, request)
    except Problem as problem:
        _note(gateway, route, caller, request, problem.status, None)
        raise
    cut = response.headers.get(CUT)
    _note(gateway, route, caller, request, response.status_code, None if cut is None else int(cut))
    return response


def _note(gateway: Gateway, route: Route, caller: Caller, request: Request, status: int, cut: int | None) -> None:
    """Who asked what; what is told is in the journal already."""
    if gateway.audit is None or route.method != "GET":
        return
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    tenant = caller.tenant or gateway.tenant
    gateway.audit.asked(tenant=tenant, who=caller.name, route=route.path, asked=asked, status=status, cut=cut)


def _responses(route: Route) -> dict[int | str, dict[str, Any]]:
    found: dict[int | str, dict[str, Any]] = {status: answer for status, answer in route.responses.items()}  # noqa: C416
    if route.scope is not None:
        content = {MEDIA: {"schema": {"$ref": f"{PLACE}Problem"}}}
        found[401] = {"description": "No key, or one that opens nothing.", "content": content}
        found[403] = {"description": f"The key has not the scope {route.scope}.", "content": content}
        found[429] = {"description": "Too fast; Retry-After says when again.", "content": content}
        found.setdefault(503, {"description": "Not now; try again.", "content": content})
    return found


def _extra(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {"security": [{"key": []}], "x-scope": route.scope} if route.scope else {"security": []}
    if route.request_body is not None:
        told["requestBody"] = route.request_body
    if route.parameters:
        told["parameters"] = list(route.parameters)
    return told


async def _http_problem(request: Request, error: Exception) -> Response:
    """What the framework refuses: a path or a method that there is not."""
    assert isinstance(error, HTTPException), "it is registered for these"
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if headers.get("allow") == "GET" and request.url.path not in _ENDLESS:
        headers["allow"] = "GET, HEAD"
    return of_status(error.status_code, headers | _HEADERS).response(language(request))


async def _mistake(request: Request, error: Exception) -> Response:
    """Our own mistake; the server writes it to the log."""
    response = internal().response(language(request))
    response.headers.update(_HEADERS)
    return response
