"""A small HTTP server that answers as it is told to: for what a good gateway never does, and a bad network does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """What is answered. A status of 0: nothing; the connection is cut."""

    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


Answering = Callable[[list[dict[str, Any]]], Reply]


class StandIn:
    """Its address, and each request that came: when, and the events it told."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.asked: list[tuple[float, list[dict[str, Any]]]] = []
        self.url = ""


def taken(events: list[dict[str, Any]], status: str = "accepted") -> Reply:
    """As a gateway answers that takes everything."""
    results = [{"index": n, "id": each["id"], "status": status, "position": n + 1} for n, each in enumerate(events)]
    return Reply(202, {"results": results, "accepted": len(events), "duplicates": 0, "refused": 0, "position": 1})


@contextmanager
def standing_in(answering: Answering) -> Iterator[StandIn]:
    """The server, on a free port."""
    made = StandIn(answering)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            events = json.loads(body)
            made.asked.append((monotonic(), events))
            reply = made.answering(events)
            if reply.status == 0:
                self.close_connection = True
                return
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in (*reply.headers, ("content-length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
