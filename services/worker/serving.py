"""The one port that a worker may open, where it is asked to: /metrics, /healthz and /readyz."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from services.worker.metrics import CONTENT_TYPE

Check = Callable[[], str]
"""What is wrong, in words; empty: nothing."""


class Serving:
    """Answers on ``address`` (``host:port``) while it is open. A context manager; raises OSError."""

    def __init__(self, address: str, metrics: Callable[[], bytes], healthy: Check, ready: Check) -> None:
        self._pages: Final = {"/healthz": healthy, "/readyz": ready}
        self._metrics = metrics
        host, _, port = address.rpartition(":")
        self._server = ThreadingHTTPServer((host.strip("[]"), int(port)), self._handler())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="metrics", daemon=True)

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for."""
        return int(self._server.server_address[1])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                status, kind, body = answer(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Who asks is nothing for the log."""

        return Handler

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        if path == "/metrics":
            return 200, CONTENT_TYPE, self._metrics()
        if path not in self._pages:
            return 404, "text/plain", b"there is /metrics, /healthz and /readyz\n"
        wrong = self._pages[path]()
        return (503, "text/plain", f"{wrong}\n".encode()) if wrong else (200, "text/plain", b"fine\n")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
