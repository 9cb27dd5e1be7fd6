"""What can be looked up: the OpenAPI and AsyncAPI documents, the schema of each event, and a page for people.

All of it works without any other server, and none of it is about anybody's events.
"""

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from events.schema import schema
from events.vocabulary import BY_TYPE
from services.gateway.access import Caller
from services.gateway.asyncapi import asyncapi
from services.gateway.gateway import Gateway, Route
from services.gateway.problems import MEDIA, of_status
from services.gateway.schemas import PLACE

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2230}"
    "h2{margin-top:2.5rem}code{font:14px/1.4 ui-monospace,monospace;background:#eef0f4;padding:.1em .3em}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;"
    "border-bottom:1px solid #d8dce4}a{color:#1a4fa3}"
    "@media(prefers-color-scheme:dark){body{background:#14181f;color:#dfe3ea}code{background:#262c37}"
    "td,th{border-color:#333b49}a{color:#8ab4f8}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CSP: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


async def docs(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """A page for people."""
    headers = {"Content-Security-Policy": _CSP}
    return Response(page(_openapi(request)), headers=headers, media_type="text/html; charset=utf-8")


async def openapi(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """What there is, for programs."""
    return _json(_openapi(request))


async def events(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """What can be told, for programs."""
    return _json(asyncapi(gateway.kafka_prefix))


async def schemas(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The schema of one event type."""
    type_, version = request.path_params["type"], request.path_params["version"]
    event = BY_TYPE.get(type_)
    if event is None or version != str(event.VERSION):
        raise of_status(404)
    return _json(schema(type_), "application/schema+json")


def _openapi(request: Request) -> dict[str, Any]:
    app = request.app
    assert isinstance(app, FastAPI), "routes belong to one"
    return app.openapi()


def _json(told: dict[str, Any], media: str = "application/json") -> Response:
    return Response(msgspec.json.encode(told), media_type=media)


def page(document: dict[str, Any]) -> str:
    """The OpenAPI document as a page: what there is, what it takes, what it gives back."""
    title = f"{document['info']['title']} {document['info']['version']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><p>{escape(document['info']['description'])}</p>"
        '<p>For programs: <a href="/openapi.json">OpenAPI</a> and <a href="/asyncapi.json">AsyncAPI</a>.</p>'
        f"{''.join(_operations(document))}<h2>Events</h2>{_types()}</body></html>"
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            scope = told.get("x-scope")
            needs = f"Needs a key with the scope <code>{escape(scope)}</code>." if scope else "Needs no key."
            yield f"<h2><code>{method.upper()} {escape(path)}</code> {escape(told['summary'])}</h2>"
            yield f"<p>{escape(told['description'])} {needs}</p>"
            if parameters := told.get("parameters"):
                yield _table((each["name"], each.get("description", "")) for each in parameters)
            yield _table((status, answer["description"]) for status, answer in sorted(told["responses"].items()))


def _types() -> str:
    return "".join(
        f'<p><a href="/schemas/{type_}/{event.VERSION}.json"><code>{type_}</code></a> {escape(event.ZH)}</p>'
        for type_, event in BY_TYPE.items()
    )


def _table(rows: Iterator[tuple[str, str]]) -> str:
    cells = (f"<tr><td><code>{escape(name)}</code></td><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table>{''.join(cells)}</table>"


_MISSING: Final = {
    "description": "There is no such type, or not in this version.",
    "content": {MEDIA: {"schema": {"$ref": f"{PLACE}Problem"}}},
}


def _route(path: str, handler: Any, summary: str, media: str, **more: Any) -> Route:
    answers: dict[int, dict[str, Any]] = {200: {"description": "Here it is.", "content": {media: {"schema": {}}}}}
    if "parameters" in more:
        answers[404] = _MISSING
    told = {"method": "GET", "path": path, "scope": None, "handler": handler, "summary": summary}
    return Route(**(told | {"description": f"{summary}.", "responses": answers} | more))


ROUTES: Final = (
    _route("/docs", docs, "This page", "text/html"),
    _route("/openapi.json", openapi, "What there is, as OpenAPI 3.1", "application/json"),
    _route("/asyncapi.json", events, "What can be told, as AsyncAPI 3.0", "application/json"),
    _route(
        "/schemas/{type}/{version}.json",
        schemas,
        "The JSON Schema of an event type",
        "application/schema+json",
        parameters=(
            {"name": "type", "in": "path", "required": True, "schema": {"enum": list(BY_TYPE)}},
            {"name": "version", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}},
        ),
    ),
)
