"""A process that dies at a named point: ``python -m tests.services.store.crasher FOLDER POINT``.

It does what the point interrupts (posting, a rebuild, a retry of parked events) on a data folder, and is killed there
with the signal that nobody can catch.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from projections.catalogue import KPIS
from services.clock import now_ms
from services.processor.poster import Poster
from services.replay import rebuild as rebuilding
from services.replay.compare import questions
from services.settings import Settings
from services.store.clickhouse import ClickHouseStore
from services.workspace import Workspace


def die() -> None:
    """As if the power went."""
    os.kill(os.getpid(), signal.SIGKILL)


def post(workspace: Workspace) -> None:
    """Post what the journal has, in two batches."""
    for tenant in workspace.journal.tenants():
        workspace.poster(tenant).catch_up(batch=5)


def rebuild(workspace: Workspace) -> None:
    """Make the ledger anew, whatever it was; one KPI is compared, so that it does not take long."""
    few = questions(KPIS[:1])
    pytest.MonkeyPatch().setattr(rebuilding, "questions", lambda: few)
    rebuilding.rebuild(workspace, expect=[rebuilding.ALL])


def retry(workspace: Workspace) -> None:
    """Try parked events again."""
    Poster("default", workspace.journal, workspace.store).retry_parked()


def before(name: str, *arguments: object) -> None:
    """Die before a method of the store does this."""
    _patch(name, arguments, lambda method, *told: die())


def after(name: str, *arguments: object) -> None:
    """Die once a method of the store did this."""

    def dying(method: Callable[..., Any], *told: Any) -> None:
        method(*told)
        die()

    _patch(name, arguments, dying)


def amid_the_exchange() -> None:
    """Die once the first of the tables is exchanged."""

    def dying(method: Callable[..., None], store: ClickHouseStore, sql: str, parameters: Any) -> None:
        method(store, sql.partition(",")[0], parameters)
        die()

    _patch("_command", ("EXCHANGE TABLES",), dying)


def at_statement(number: int) -> None:
    """Die before the store's n-th statement from here on."""
    count = 0

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*told: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                die()
            return method(*told)

        return counted

    for name in ("query", "_command", "insert", "move_checkpoint"):
        setattr(ClickHouseStore, name, counting(getattr(ClickHouseStore, name)))


def _patch(name: str, arguments: tuple[object, ...], dying: Callable[..., None]) -> None:
    method = getattr(ClickHouseStore, name)

    def patched(*told: Any) -> Any:
        matches = [str(one).startswith(str(other)) for one, other in zip(told[1:], arguments, strict=False)]
        return dying(method, *told) if all(matches) else method(*told)

    setattr(ClickHouseStore, name, patched)


POINTS: dict[str, tuple[Callable[[Workspace], Any], Callable[[], None]]] = {
    "posting: before the history": (post, lambda: before("insert", "history")),
    "posting: after the history": (post, lambda: after("insert", "history")),
    "posting: after the postings": (post, lambda: after("insert", "postings")),
    "posting: before the checkpoint": (post, lambda: before("move_checkpoint")),
    "posting: after the checkpoint": (post, lambda: after("move_checkpoint")),
    "rebuild: while it posts beside": (rebuild, lambda: after("insert", "postings")),
    "rebuild: before the exchange": (rebuild, lambda: before("switch")),
    "rebuild: amid the exchange": (rebuild, amid_the_exchange),
    "rebuild: after the exchange": (rebuild, lambda: after("_command", "EXCHANGE TABLES")),
    "rebuild: after the switch": (rebuild, lambda: after("switch")),
    "retry: before the postings": (retry, lambda: before("insert", "postings")),
    "retry: after the postings": (retry, lambda: after("insert", "postings")),
    "retry: before the history": (retry, lambda: before("insert", "history")),
    "retry: after the history": (retry, lambda: after("insert", "history")),
    "retry: after the count": (retry, lambda: after("_count_lines")),
    "retry: at the end": (
        retry,
        lambda: after("_delete", "history", "tenant = {tenant:String} AND position IN {positions"),
    ),
}
"""What is done, and where it is interrupted."""


def main(folder: Path, point: str) -> None:
    """Does it, and dies."""
    moment: tuple[Any, Any] = (rebuild, lambda: at_statement(int(point)))
    action, arm = moment if point.isdecimal() else POINTS[point]
    with Workspace(Settings(data=folder)) as workspace:
        arm()
        action(workspace)
    raise SystemExit(f"{point} was never reached, at {now_ms()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
