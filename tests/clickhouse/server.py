"""A process that serves ClickHouse's HTTP interface over chDB: ``python -m tests.clickhouse.server FOLDER PORT``.

It speaks what ClickHouse's HTTP clients speak, on loopback, and fails as it is told: a POST of a ``Fault`` to
``/fault`` waits for the statements that it is about. ``/told`` lists the statements that came. Both are ours; all else
is the interface of the real server.
"""

import gzip
import json
import re
import socket
import struct
import sys
import threading
import time
import uuid
from base64 import b64decode
from collections.abc import Callable
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import chdb
import lz4.frame  # type: ignore[import-untyped]
import msgspec

from tests.clickhouse.engine import Refused, Statement

VERSION: Final = "26.9.2.1"


class Fault(msgspec.Struct, frozen=True):
    """What goes wrong, and when."""

    do: Literal["reset before", "reset after", "wait before", "wait within", "wait after", "503"]
    """Cut the connection before or after executing; let it take longer; refuse."""
    match: str = ""
    """A regular expression for the statements it is about; empty: any."""
    times: int = 1
    """How many of them."""
    seconds: float = 0.0
    """How long a wait takes. Within: once the statement has begun; at most 3 seconds."""


class Faults:
    """The faults that wait, and what came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int]] = []
        self.told: Final[list[str]] = []

    def add(self, fault: Fault) -> None:
        """From now on. One that happens 0 times clears all."""
        with self._lock:
            self._waiting = [*self._waiting, (fault, fault.times)] if fault.times else []

    def due(self, sql: str) -> Fault | None:
        """The fault of this statement."""
        with self._lock:
            self.told.append(sql)
            for index, (fault, left) in enumerate(self._waiting):
                if re.search(fault.match, sql, re.DOTALL):
                    self._waiting[index : index + 1] = [(fault, left - 1)] if left > 1 else []
                    return fault
        return None


class Server(ThreadingHTTPServer):
    """The server: one folder, and the user and password that it asks for, where there are any."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, folder: Path, port: int, user: str = "", password: str = "") -> None:
        self.folder: Final = folder
        self.faults: Final = Faults()
        self.credentials: Final = (user, password) if user else None
        self._engine: Final = chdb.connect(str(folder))  # type: ignore[no-untyped-call]
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was killed does not wait for an answer, which is nothing to report."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer in two packets would wait for the client's acknowledgement

    def log_message(self, format: str, *args: Any) -> None:
        """The tests look at what came through ``/told``."""

    def do_GET(self) -> None:
        """Questions in the URL, and what the tests ask."""
        path = urlsplit(self.path).path
        if path == "/ping":
            self._answer(200, b"Ok.\n")
        elif path == "/told":
            self._answer(200, json.dumps(self.server.faults.told).encode())
        else:
            self._execute(b"")

    def do_POST(self) -> None:
        """A statement, or a fault."""
        body = self._body()
        if urlsplit(self.path).path == "/fault":
            self.server.faults.add(msgspec.json.decode(body, type=Fault))
            self._answer(200, b"")
        else:
            self._execute(body)

    def _execute(self, body: bytes) -> None:
        arguments = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get("Content-Type", "").startswith("multipart/form-data"):
            arguments |= _form(self.headers["Content-Type"], body)
            body = b""
        statement = Statement(arguments.get("query", ""), body)
        fault = self.server.faults.due(statement.sql.decode(errors="replace"))
        does = fault.do if fault else ""
        pause_s = fault.seconds if fault else 0.0
        if not self._known():
            return self._fail(403, 516, "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")
        if does == "503":
            return self._answer(503, b"Service Unavailable\n")
        if does == "reset before":
            return self._reset()
        if does == "wait before":
            time.sleep(pause_s)
        try:
            answer = statement.run(self.server.folder, arguments, pause_s if does == "wait within" else 0)
        except Refused as error:
            return self._fail(error.status, error.code, error.body)
        if does == "wait after":
            time.sleep(pause_s)
        if does == "reset after":
            return self._reset()
        return self._tell(arguments, *answer)

    def _known(self) -> bool:
        """Whether the one who asks is the user of this server."""
        scheme, _, told = self.headers.get("Authorization", "").partition(" ")
        user, _, password = b64decode(told).decode().partition(":") if scheme == "Basic" else ("default", "", "")
        return self.server.credentials in (None, (user, password))

    def _body(self) -> bytes:
        """What was sent, unpacked."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            raw = b"".join(iter(self._chunk, b""))
        else:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        packing = self.headers.get("Content-Encoding", "")
        assert packing in ("", "lz4", "gzip"), f"{packing} is not served here"
        unpack: dict[str, Callable[[bytes], bytes]]
        unpack = {"": bytes, "lz4": lz4.frame.decompress, "gzip": gzip.decompress}
        return unpack[packing](raw)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _tell(self, arguments: dict[str, str], answer: bytes, shape: str, summary: dict[str, str]) -> None:
        headers = {
            "X-ClickHouse-Server-Display-Name": "tests",
            "X-ClickHouse-Query-Id": arguments.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": json.dumps(summary),
        }
        if answer:
            headers["X-ClickHouse-Format"] = shape
        wanted = self.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
        if arguments.get("enable_http_compression") == "1" and "lz4" in wanted and answer:
            answer = lz4.frame.compress(answer)
            headers["Content-Encoding"] = "lz4"
        self._answer(200, answer, headers)

    def _fail(self, status: int, code: int, message: str) -> None:
        body = f"{message} (version {VERSION})\n".encode()
        self._answer(status, body, {"X-ClickHouse-Exception-Code": str(code)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Cut the connection, so that the other side reads a reset and not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, which is how clients send parameters that are too long for a URL."""
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    return {
        str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True)).decode()
        for part in form.iter_parts()
    }


def main(folder: Path, port: int, user: str = "", password: str = "") -> None:
    """Serve until killed. Says when it is ready."""
    server = Server(folder, port, user, password)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
