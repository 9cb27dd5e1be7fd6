"""The wallboard over HTTP: the page, its boards, single frames, and the stream of frames."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from projections.question import BadQuestion
from services.books import Books
from services.clock import now_ms
from services.gateway.access import Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.problems import unavailable
from services.gateway.reading import answers, parameters, read, refused, told
from services.wallboard.board import Board
from services.wallboard.frame import frame
from services.wallboard.stream import Screens

_encode: Final = msgspec.json.Encoder().encode
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_FILES: Final = {"/": ("index.html", "text/html"), "/wall.js": ("wall.js", "text/javascript"),
    "/wall.css": ("wall.css", "text/css"), "/icon.svg": ("icon.svg", "image/svg+xml")}  # fmt: skip


@cache
def _file(name: str) -> bytes:
    return (files("services.wallboard") / "static" / name).read_bytes()


async def page(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """A file of the page. It holds nothing of anybody; what it shows is asked for with a key."""
    name, media = _FILES[request.url.path]
    return Response(_file(name), headers={"Content-Security-Policy": _POLICY}, media_type=media)


async def boards(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The boards there are."""
    told(request, {})
    titles = {name: msgspec.to_builtins(board.title) for name, board in _screens(gateway).boards.items()}
    return Response(_encode(titles), media_type="application/json")


async def one(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """One frame of a board, as known now or then."""
    asked = told(request, _PARAMETERS)
    board = _board(gateway, asked)

    def work(books: Books) -> Response:
        made = frame(books, board, asked.get("as_of"), now_ms())
        return Response(_encode(made), media_type="application/json")

    return await read(gateway, caller, work)


async def stream(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The frames of a board, for as long as the caller listens."""
    asked = told(request, {"board": _PARAMETERS["board"]})
    _board(gateway, asked)
    frames = _screens(gateway).of(caller.tenant, asked["board"]).frames()
    return StreamingResponse(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _screens(gateway: Gateway) -> Screens:
    if gateway.screens is None:
        raise unavailable("this process takes events only; ask one that has a store")
    return gateway.screens


def _board(gateway: Gateway, asked: dict[str, Any]) -> Board:
    known = _screens(gateway).boards
    name = asked.get("board", "")
    if name not in known:
        raise refused(BadQuestion("board", f"{name[:40]!r} is not known; allowed: {', '.join(known)}"))
    return known[name]


_PARAMETERS: Final = {
    "board": "The name of a board; GET /api/boards lists them.",
    "as_of": "As it was known then: a recorded time, or a position of the journal.",
}
_PAGE: Final = {200: {"description": "The file.", "content": {"text/html": {"schema": {"type": "string"}}}}}

ROUTES: Final = (
    *(
        Route(method="GET", path=path, scope=None, handler=page, summary="The wallboard", responses=_PAGE,
            description="A file of the page that shows boards in a browser.")
        for path in _FILES
    ),
    Route(
        method="GET", path="/api/boards", scope="read", handler=boards, summary="The boards there are",
        description="Names and titles.", responses=answers("The boards."),
    ),
    Route(
        method="GET", path="/api/frame", scope="read", handler=one, summary="One frame of a board",
        description="Everything on the board, read at one cut, as known now or then.",
        responses=answers("The frame."), parameters=parameters(_PARAMETERS),
    ),
    Route(
        method="GET", path="/api/stream", scope="read", handler=stream, summary="A board, live",
        description="Server-sent events: a frame at once, then each new one; a comment at least every 15 seconds.",
        responses={200: {"description": "Frames.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        parameters=parameters({"board": _PARAMETERS["board"]}),
    ),
)  # fmt: skip
