"""The wallboard over HTTP: the page, its boards, single frames, and the stream of frames."""

import asyncio
import gzip
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from projections.question import BadQuestion
from services.books import Books
from services.clock import now_ms
from services.gateway.access import COOKIE, Caller
from services.gateway.gateway import Gateway, Route
from services.gateway.problems import Problem, unavailable
from services.gateway.reading import answers, parameters, read, refused, told
from services.keys.port import KeysError
from services.wallboard.board import Board
from services.wallboard.stream import GZIP, PING_S, Screen, Screens, TooMany, Viewer

_encode: Final = msgspec.json.Encoder().encode
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_MEDIA: Final = {
    "html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "woff2": "font/woff2",
}  # fmt: skip
_FONT: Final = _MEDIA["woff2"]
_FILES: Final = {"/": "index.html"} | {
    f"/{name}": name
    for name in (
        "icon.svg", "wall.css", "wall.js", "state.js", "words.js", "tiles.js", "charts.js", "receipt.js",
        "moments.js", "stream.js", "echarts.js", "inter.woff2",
    )
}  # fmt: skip
_SMALL: Final = 1_000
"""Bytes below which a file is not worth compressing."""


@cache
def _file(name: str, zipped: bool) -> bytes:
    body = (files("services.wallboard") / "static" / name).read_bytes()
    return gzip.compress(body, 9, mtime=0) if zipped else body


async def page(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """A file of the page. It holds nothing of anybody; what it shows is asked for with a key."""
    name = _FILES[request.url.path]
    worth = _media(name) != _FONT and len(_file(name, False)) > _SMALL  # a font is compressed as it is
    zipped = worth and "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer", "Vary": "Accept-Encoding"}
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(_file(name, zipped), headers=headers, media_type=_media(name))


def _media(name: str) -> str:
    return _MEDIA[name.rpartition(".")[2]]


async def session(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """Puts the key that came in the header into a cookie that scripts cannot read and other sites cannot send.

    So a key that a kiosk's link carries behind the # is in no log, and on the page only for a moment.
    """
    told(request, {})
    answer = Response(_encode({"key": caller.name}), media_type="application/json")
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        answer.set_cookie(COOKIE, token.strip(), max_age=_YEAR_S, httponly=True, samesite="strict",
                          secure=request.url.scheme == "https")  # fmt: skip
    return answer


async def boards(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The boards there are."""
    told(request, {})
    known = _screens(gateway).boards.items()
    listed = {
        name: msgspec.to_builtins(board.title)
        | {each: getattr(board, each) for each in ("of", "lang", "theme") if getattr(board, each)}
        for name, board in known
    }
    return Response(_encode(listed), media_type="application/json")


async def one(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """One frame of a board, as known now or then."""
    asked = told(request, _PARAMETERS)
    _board(gateway, asked)
    screens = _screens(gateway)

    def work(books: Books) -> Response:
        framer = screens.past(caller.tenant, asked["board"], asked.get("of", ""))
        if asked.get("as_of") is None:
            made = screens.asking.now(books, caller.tenant, framer)
        else:
            made = framer.frame(books, asked["as_of"], lambda cut: now_ms())
        return Response(_encode(made), media_type="application/json")

    return await read(gateway, caller, work)


async def stream(gateway: Gateway, caller: Caller, request: Request) -> Response:
    """The frames of a board, for as long as the caller listens and may."""
    asked = told(request, {name: _PARAMETERS[name] for name in ("board", "of")})
    _board(gateway, asked)
    try:
        screen = _screens(gateway).of(caller.tenant, asked["board"], asked.get("of", ""))
    except TooMany as error:
        raise unavailable("too many different boards are watched; close one, and try again") from error

    def may() -> bool:
        try:
            gateway.gate.admit(request, "wall")
        except (Problem, KeysError):
            return False
        return True

    zipped = "gzip" in request.headers.get("accept-encoding", "")
    return _Frames(screen, may, zipped)


class _Frames(Response):
    """The frames of a screen as server-sent events, one write each, as long as who watches listens and may.

    Whether one may is looked up anew now and then, for a key can be revoked.
    """

    def __init__(self, screen: Screen, may: Callable[[], bool], zipped: bool) -> None:
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}
        super().__init__(headers=headers | {"Cache-Control": "no-store", "Vary": "Accept-Encoding"})
        del self.headers["content-length"]
        if zipped:
            self.headers["Content-Encoding"] = "gzip"
        self._screen, self._may, self._zipped = screen, may, zipped

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        viewer = self._screen.join(zipped=self._zipped)
        leaving = asyncio.create_task(_left(receive, viewer))
        looked_ms, head = now_ms(), GZIP if self._zipped else b""
        try:
            while (told := await viewer.next()) is not None:
                if now_ms() - looked_ms > PING_S * 1000:
                    if not self._may():
                        break
                    looked_ms = now_ms()
                await send({"type": "http.response.body", "body": head + told, "more_body": True})
                head = b""
        finally:
            viewer.leave()
            leaving.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive, viewer: Viewer) -> None:
    """Let a viewer go whose line is cut."""
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.leave()


def _screens(gateway: Gateway) -> Screens:
    if gateway.screens is None:
        raise unavailable("this process takes events only; ask one that has a store")
    return gateway.screens


def _board(gateway: Gateway, asked: dict[str, Any]) -> Board:
    known = _screens(gateway).boards
    name = asked.get("board", "")
    if name not in known:
        raise refused(BadQuestion("board", f"{name[:40]!r} is not known; allowed: {', '.join(known)}"))
    of = asked.get("of", "")
    if len(of) > 200 or (of and not known[name].of):
        raise refused(BadQuestion("of", "is only for a board that is about one value, of at most 200 characters"))
    return known[name]


_YEAR_S: Final = 365 * 86_400
_PARAMETERS: Final = {
    "board": "The name of a board; GET /api/boards lists them.",
    "of": "Whose board, where it is one's: the id of the rep, team, region or product.",
    "as_of": "As it was known then: a recorded time, or a position of the journal.",
}


def _answers(name: str) -> dict[int, dict[str, Any]]:
    text: dict[str, Any] = {"type": "string"}
    content = {_media(name): {"schema": text | {"format": "binary"} if _media(name) == _FONT else text}}
    return {200: {"description": "The file.", "content": content}}


ROUTES: Final = (
    *(
        Route(method="GET", path=path, scope=None, handler=page, summary="The wallboard", responses=_answers(name),
            description="A file of the page that shows boards in a browser.")
        for path, name in _FILES.items()
    ),
    Route(
        method="POST", path="/api/session", scope="wall", handler=session, summary="Keep the key in a cookie",
        description="Puts the key of the Authorization header into a cookie, with which a browser may watch and ask.",
        responses=answers("It is kept; the prefix of the key."),
    ),
    Route(
        method="GET", path="/api/boards", scope="wall", handler=boards, summary="The boards there are",
        description="Names and titles.", responses=answers("The boards."),
    ),
    Route(
        method="GET", path="/api/frame", scope="wall", handler=one, summary="One frame of a board",
        description="Everything on the board, read at one cut, as known now or then.",
        responses=answers("The frame."), parameters=parameters(_PARAMETERS),
    ),
    Route(
        method="GET", path="/api/stream", scope="wall", handler=stream, summary="A board, live",
        description="Server-sent events: `frame` at once, then `change`; a comment at least every 15 s.",
        responses={200: {"description": "Frames.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
        parameters=parameters({name: _PARAMETERS[name] for name in ("board", "of")}),
    ),
)  # fmt: skip
