"""Serving a gateway over HTTP: the socket, its time limits, and an end in which everything is answered first."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.auto import AutoHTTPProtocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Protocol
else:
    Protocol = AutoHTTPProtocol

_LOG: Final = logging.getLogger(__name__)
MAX_CONNECTIONS: Final = 4_000
"""More are turned away."""
PATIENCE_S: Final = 15
"""How long the head of a request may take."""
_GRACE_S: Final = 30
"""How long requests may take to be answered once it is to end."""
_SWITCH_S: Final = 0.0005
"""After how long a busy thread, such as the one that posts, lets another go on: who tells something waits for several
such turns, and they are 5 ms long unless Python is told otherwise."""
_THRESHOLDS: Final = (20_000, 20, 50)
"""Of the garbage collector: a request leaves few cycles behind."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Together(asyncio.Transport):
    """A transport that sends in one go what is written in one turn of the loop: head and body of a small answer.

    Each system call lets another thread take the interpreter, so half as many is more than twice as good.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(bytes(data))

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        self._send()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


class Impatient(Protocol):
    """HTTP on one connection, which is closed where the head of a request does not come, or comes too slowly."""

    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(Together(transport, self.loop))
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self._is_busy():
            self._calm()
        elif self._giving_up is None:
            self._giving_up = self.loop.call_later(PATIENCE_S, self._give_up)

    def _is_busy(self) -> bool:
        # Until the first request there is none, whatever the type says.
        return self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]

    def _give_up(self) -> None:
        self._giving_up = None
        if not self._is_busy():
            self.transport.close()

    def _calm(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None


class Server(uvicorn.Server):
    """Serves until a signal, or until ``beside`` ends, which ought to run as long as it does."""

    def __init__(
        self,
        app: FastAPI,
        beside: Future[None] | None,
        started: Callable[[], None],
        *,
        signals: bool = True,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=Impatient,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
            ssl_certfile=tls[0] if tls else None,
            ssl_keyfile=tls[1] if tls else None,
        )
        super().__init__(config)
        self._app = app
        self._signals = _SIGNALS if signals else ()
        self._beside = beside
        self._started = started

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        for number in self._signals:
            loop.add_signal_handler(number, self._stop)
        try:
            await self._serve(sockets)
        finally:
            for number in self._signals:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # A stream never ends by itself, and would be waited for.
        await self._app.state.end()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or (self._beside is not None and self._beside.done())

    def _stop(self) -> None:
        self.should_exit = True


def bound(host: str, port: int) -> socket.socket:
    """A socket with this address that does not listen yet. Raises OSError."""
    family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, number)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def serve(
    app: FastAPI,
    at: socket.socket,
    *,
    beside: Future[None] | None = None,
    tls: tuple[Path, Path] | None = None,
    started: Callable[[], None],
) -> None:
    """Serve until SIGINT or SIGTERM, or until ``beside`` ends; requests that have begun are answered.

    ``tls``: files of a certificate and of its key. ``started`` is called when it listens. Raises what ``beside``
    raised, and OSError where the certificate cannot be used. In the main thread only.
    """
    server = Server(app, beside, started, tls=tls)
    sys.setswitchinterval(_SWITCH_S)
    _calm_the_collector()
    asyncio.run(server.serve([at]))
    if beside is not None and beside.done():
        beside.result()


def _calm_the_collector() -> None:
    """What is there now stays, so looking through it for cycles again and again would only make callers wait."""
    gc.collect()
    gc.freeze()
    if gc.get_threshold()[0] < _THRESHOLDS[0]:
        gc.set_threshold(*_THRESHOLDS)


@contextmanager
def served_beside(app: FastAPI, at: socket.socket) -> Iterator[None]:
    """Serve in a thread of its own for as long as the context lasts."""
    ready = threading.Event()
    server = Server(app, None, ready.set, signals=False)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([at])), name="server")
    thread.start()
    while not ready.wait(0.05):
        if not thread.is_alive():
            raise OSError("the server could not start")
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def address_of(at: socket.socket) -> str:
    """``http://127.0.0.1:8080``"""
    host, port, *_ = _named(at.getsockname())
    return f"http://[{host}]:{port}" if ":" in str(host) else f"http://{host}:{port}"


def _named(name: Any) -> tuple[Any, ...]:
    return tuple(name)
