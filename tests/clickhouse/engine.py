"""One request of ClickHouse's HTTP interface, answered by the embedded engine.

What the interface does before the engine sees a statement is done here: parameters, settings, the data that follows an
INSERT, and the number and status of an error.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import chdb

_NO_SETTINGS: Final = frozenset(
    "query database default_format query_id session_id session_timeout session_check user password quota_key compress "
    "decompress wait_end_of_query buffer_size client_protocol_version role send_progress_in_http_headers "
    "http_headers_progress_interval_ms enable_http_compression".split()
)
"""Parameters of a URL that the interface takes for itself."""

_FORMAT: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_INSERT: Final = re.compile(rb"\A\s*INSERT\s.*?\bFORMAT\s+(\w+)[ \t]*(?:\r?\n|\Z)", re.IGNORECASE | re.DOTALL)
_INPUT: Final = re.compile(rb"\binput\(\s*('(?:[^'\\]|\\.)*')\s*\)", re.IGNORECASE | re.DOTALL)

_STATUS: Final = (
    ({193, 194}, 401),
    ({516, 497, 164, 492}, 403),
    ({60, 81, 47, 46, 50, 115}, 404),
    ({62, 26, 27, 38, 41, 43, 53, 69, 70, 72, 457, 456}, 400),
    ({48}, 501),
    ({209, 210, 202}, 503),
)
"""Numbers of errors, and the HTTP status that the server gives them; all others are 500."""


class Refused(Exception):
    """The engine refused a statement."""

    def __init__(self, message: str) -> None:
        found = re.search(r"Code: (\d+)\. ?", message)
        self.code: Final = int(found[1]) if found else 1002
        self.body: Final = message[found.start() :] if found else f"Code: 1002. DB::Exception: {message}"
        super().__init__(self.body)

    @property
    def status(self) -> int:
        """The HTTP status of the error."""
        return next((status for codes, status in _STATUS if self.code in codes), 500)


class Statement:
    """A statement as it came: its SQL, and the data that followed an INSERT."""

    def __init__(self, query: str, body: bytes) -> None:
        told = query.encode() + b"\n" + body if query else body
        head = _INSERT.match(told)
        self.sql: Final = head[0].rstrip() if head else told
        self.data: Final = told[head.end() :] if head else b""
        self._format: Final = head[1].decode() if head else ""

    def run(self, path: Path, arguments: Mapping[str, str], pause_s: float = 0.0) -> tuple[bytes, str, dict[str, str]]:
        """The answer, its format and the summary. ``pause_s``: how long an INSERT takes once it has begun.

        Raises Refused.
        """
        with tempfile.NamedTemporaryFile(suffix=".data") as file:
            file.write(self.data)
            file.flush()
            sql = self._with_data_from(file.name) if self._format else self.sql
            if pause_s:
                sql = _begun(sql, pause_s)
            return _run(path, sql, arguments)

    def _with_data_from(self, name: str) -> bytes:
        """The engine takes the data of an INSERT from a file. In a server it is the rest of the request."""
        source = b"'" + name.encode() + b"'"
        head = _FORMAT.sub(b"", self.sql)
        if not _INPUT.search(head):
            return head + b" FROM INFILE " + source + b" FORMAT " + self._format.encode()
        reading = b"file(" + source + b", " + self._format.encode() + b", "
        return _INPUT.sub(lambda found: reading + found[1] + b")", head, count=1)


def _begun(sql: bytes, pause_s: float) -> bytes:
    """An INSERT ... SELECT whose conditions are judged and which then takes its time."""
    return sql.replace(b" WHERE ", b" WHERE NOT sleep(" + str(pause_s).encode() + b") AND ", 1)


def _run(path: Path, sql: bytes, arguments: Mapping[str, str]) -> tuple[bytes, str, dict[str, str]]:
    shape = _FORMAT.search(sql)
    asked = shape[1].decode() if shape else arguments.get("default_format", "TabSeparated")
    bound = {name[6:]: value for name, value in arguments.items() if name.startswith("param_")}
    handle = chdb.connect(str(path))  # type: ignore[no-untyped-call]
    try:
        if database := arguments.get("database"):
            handle.query(f"USE `{database}`")
        told = arguments.items()
        settings = [(name, value) for name, value in told if name not in _NO_SETTINGS and not name.startswith("param_")]
        if settings:
            handle.query("SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in settings))
        result = handle.query(sql, asked, params=bound)
        rows = str(result.rows_read())
        summary = {"read_rows": rows, "written_rows": rows, "result_rows": "0", "elapsed_ns": "0"}
        return result.bytes() or b"", asked, summary
    except RuntimeError as error:
        raise Refused(str(error)) from error
    finally:
        handle.close()


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
