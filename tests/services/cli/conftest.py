"""A command line on a fresh data folder, and a small company whose numbers can be told by heart."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from services.cli.app import main

EXECUTABLE = Path(sys.executable).with_name("salestream")


class Ran(NamedTuple):
    """What came of one run."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one sentence of an error: nothing else may be on standard error."""
        line, end = self.err[:-1], self.err[-1:]
        assert end == "\n", self.err
        assert "\n" not in line, self.err
        assert line.startswith("salestream: "), self.err
        return line.removeprefix("salestream: ")


Run = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the data lies."""
    return tmp_path / "data"


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line in this process; ``stdin`` is what it reads."""

    def run_(*args: object, stdin: bytes = b"") -> Ran:
        monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(stdin)))
        capfd.readouterr()
        code = main(["--data", str(folder), *map(str, args)])
        return Ran(code, *capfd.readouterr())

    return run_


def event(type_: str, id_: str, time: str, recorded: str | None = None, **data: Any) -> dict[str, Any]:
    """One CloudEvent."""
    told = {"specversion": "1.0", "id": id_, "source": "/crm", "type": type_, "time": time, "data": data}
    return told | ({"recordedtime": recorded} if recorded else {})


def lines(*events: dict[str, Any]) -> bytes:
    """Events as a file holds them."""
    return b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in events)


SEPTEMBER = lines(
    event(
        "deal.created", "1", "2026-09-01T09:00:00Z", "2026-09-01T09:00:00Z",
        deal_id="D-1", stage="proposal", amount="12000.00", rep_id="ana", region="华东",
    ),
    event(
        "deal.won", "2", "2026-09-21T09:00:00Z", "2026-09-21T09:00:00Z",
        deal_id="D-1", amount="11500.00", customer_id="C-1",
    ),
    event(
        "deal.won", "3", "2026-09-30T09:00:00Z", "2026-09-30T09:00:00Z",
        deal_id="D-2", amount="8000.00", rep_id="bo", region="华南", customer_id="C-2",
    ),
    event("deal.lost", "4", "2026-09-30T10:00:00Z", "2026-09-30T10:00:00Z", deal_id="D-3", reason="price"),
    event(
        "event.voided", "5", "2026-10-08T09:00:00Z", "2026-10-08T09:00:00Z",
        source="/crm", id="3", reason="never signed",
    ),
)  # fmt: skip
"""A win of September that, as was learned in October, never happened."""


@pytest.fixture
def told(run: Run) -> Run:
    """The command line on a folder that holds the small company."""
    assert run("ingest", "-", stdin=SEPTEMBER).code == 0
    return run


def process(*args: object, under: Sequence[str] = (), **more: Any) -> "subprocess.Popen[str]":
    """The installed command in a process of its own, started by another command where one is given."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*under, EXECUTABLE, *map(str, args)], text=True, **(pipes | more))
